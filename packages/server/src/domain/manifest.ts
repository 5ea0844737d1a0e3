import { ROOT, rootFaults, SUPERUSER, treeFaults } from './tree.ts'

/** What a manifest changes, one word for each kind. */
export const CHANGE_KINDS = [
  'permission_added',
  'permission_renamed',
  'permission_changed',
  'permission_moved',
  'permission_deprecated',
  'permission_undeprecated',
  'permission_removed',
  'operator_only_set',
  'operator_only_loosened',
  'operator_only_mark_changed',
  'role_added',
  'role_renamed',
  'role_changed',
  'role_removed',
] as const
export type ChangeKind = (typeof CHANGE_KINDS)[number]

/** Why a manifest is not applied. */
export const REFUSAL_REASONS = ['in_use', 'operator_only', 'not_allowed'] as const

/** What is wrong in a document, by JSON pointer. */
export type ManifestFault = { path: string; message: string }

/** The document as people write it (docs/manifest.md). */
export type ManifestDocument = {
  application?: string | undefined
  permissions: readonly PermissionEntry[]
  /** Left out: the roles stay. */
  roles?: readonly RoleEntry[] | undefined
}

type PermissionEntry = {
  slug: string
  name?: string | undefined
  description?: string | undefined
  needs?: string | null | undefined
  operator_only?: boolean | undefined
  deprecated?: boolean | undefined
  renamed_from?: string | undefined
}

type RoleEntry = {
  key: string
  name?: string | undefined
  permissions: readonly string[]
  renamed_from?: string | undefined
}

/** A permission with nothing left out. `needs` is a slug; null: the root alone. */
export type Permission = {
  slug: string
  name: string
  description: string
  needs: string | null
  isOperatorOnly: boolean
  isDeprecated: boolean
}
export type Role = { key: string; name: string; permissions: readonly string[] }

/** An application as it is stored: each with its row number, the root among them; roles are the application's own. */
export type StoredManifest = {
  permissions: readonly (Permission & { id: number })[]
  roles: readonly (Role & { id: number })[]
}

/** An application as it shall be. `id`: the row that it is, also under another name; null where it is new. */
export type WantedManifest = {
  permissions: readonly (Permission & { id: number | null })[]
  /** Null: as they are. */
  roles: readonly (Role & { id: number | null })[] | null
}

/** Reads a document against what is stored: all of it, or every fault. */
export function readManifest(
  applicationId: string,
  document: ManifestDocument,
  stored: StoredManifest,
): WantedManifest | { faults: ManifestFault[] } {
  const faults: ManifestFault[] = []
  if (document.application !== undefined && document.application !== applicationId)
    faults.push({ path: '/application', message: `is not "${applicationId}", whose manifest this would be` })
  const permissions = readPermissions(document.permissions, stored, faults)
  const roles = document.roles ? readRoles(document.roles, permissions, stored, faults) : null
  return faults.length > 0 ? { faults } : { permissions, roles }
}

function readPermissions(entries: readonly PermissionEntry[], stored: StoredManifest, faults: ManifestFault[]) {
  const named = entries.map((entry) => ({ name: entry.slug, from: entry.renamed_from }))
  const ids = new Map(stored.permissions.map((permission) => [permission.slug, permission.id]))
  const rows = findRows('permissions', 'slug', named, ids, faults)
  for (const [index, entry] of entries.entries())
    for (const { field, fault } of specialFaults(entry))
      faults.push({ path: `/permissions/${index}/${field}`, message: fault })
  const tree = new Map(entries.map((entry) => [entry.slug, { needs: entry.needs ?? null }]))
  for (const { slug, fault } of treeFaults(tree)) {
    const index = entries.findIndex((entry) => entry.slug === slug)
    faults.push({ path: `/permissions/${index}/needs`, message: fault })
  }
  const wanted = entries.map((entry, index) => ({
    id: rows[index] ?? null,
    slug: entry.slug,
    name: entry.name ?? entry.slug,
    description: entry.description ?? '',
    needs: entry.needs === ROOT ? null : (entry.needs ?? null),
    isOperatorOnly: entry.slug === SUPERUSER || (entry.operator_only ?? false),
    isDeprecated: entry.deprecated ?? false,
  }))
  // It is always there, and need not be written.
  const root = stored.permissions.find(({ slug }) => slug === ROOT)
  return root && !tree.has(ROOT) ? [root, ...wanted] : wanted
}

/** The two that are what they are by their names. */
function specialFaults(entry: PermissionEntry): { field: string; fault: string }[] {
  const faults: { field: string; fault: string }[] = rootFaults(entry)
  for (const special of [ROOT, SUPERUSER]) {
    const isPart = entry.slug === special || entry.renamed_from === special
    if (isPart && entry.renamed_from !== undefined)
      faults.push({ field: 'renamed_from', fault: `"${special}" has its meaning by its name: it is no renaming` })
  }
  if (entry.slug === SUPERUSER && entry.operator_only === false)
    faults.push({ field: 'operator_only', fault: `"${SUPERUSER}" is always for operators alone to give` })
  return faults
}

function readRoles(
  entries: readonly RoleEntry[],
  permissions: readonly Permission[],
  stored: StoredManifest,
  faults: ManifestFault[],
) {
  const named = entries.map((entry) => ({ name: entry.key, from: entry.renamed_from }))
  const rows = findRows('roles', 'key', named, new Map(stored.roles.map((role) => [role.key, role.id])), faults)
  const known = new Set(permissions.map(({ slug }) => slug))
  for (const [index, entry] of entries.entries())
    for (const [at, slug] of entry.permissions.entries())
      if (!known.has(slug))
        faults.push({
          path: `/roles/${index}/permissions/${at}`,
          message: `"${slug}" is no permission of this manifest`,
        })
  return entries.map((entry, index) => ({
    id: rows[index] ?? null,
    key: entry.key,
    name: entry.name ?? entry.key,
    permissions: [...new Set(entry.permissions)],
  }))
}

type Named = { name: string; from: string | undefined }

/**
 * The row of each, by its name or by the name that it had; null where it is new. A renaming that was done before is none: the same
 * document can be applied again.
 */
function findRows(
  list: 'permissions' | 'roles',
  field: 'slug' | 'key',
  entries: readonly Named[],
  ids: ReadonlyMap<string, number>,
  faults: ManifestFault[],
): (number | null)[] {
  const places = new Map<string, number>()
  const froms = new Map<string, number>()
  for (const [index, { name }] of entries.entries()) {
    const earlier = places.get(name)
    if (earlier === undefined) places.set(name, index)
    else
      faults.push({ path: `/${list}/${index}/${field}`, message: `is the same as /${list}/${earlier}: write it once` })
  }
  return entries.map(({ name, from }, index) => {
    const row = ids.get(name)
    if (from === undefined) return row ?? null
    const fault = (message: string) => {
      faults.push({ path: `/${list}/${index}/renamed_from`, message })
      return null
    }
    const [before, earlier] = [ids.get(from), froms.get(from)]
    froms.set(from, index)
    if (earlier !== undefined) return fault(`"${from}" is renamed by /${list}/${earlier} too: it can become one`)
    if (places.has(from)) return fault(`"${from}" is renamed here and listed too`)
    if (before !== undefined && row !== undefined)
      return fault(`"${name}" is there already, and so is "${from}": leave renamed_from out`)
    if (before === undefined && row === undefined)
      return fault(`there is no "${from}": leave renamed_from out to make "${name}" anew`)
    return before ?? row ?? null
  })
}
