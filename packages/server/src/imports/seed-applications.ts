import { endCredentials } from '../credentials/ending.ts'
import { forgetLastTokensOf } from '../credentials/last-token-store.ts'
import { secretHash } from '../credentials/secrets.ts'
import { isNetwork } from '../domain/address.ts'
import { readFormAddress, readSiteBase, type SiteAddress } from '../domain/site-address.ts'
import { ROOT, rootFaults, treeFaults } from '../domain/tree.ts'
import type { ApplicationEntry, PermissionEntry, RoleEntry } from './house-schema.ts'
import { differences, type Seeding, toSwitch } from './seeding.ts'

export async function seedApplications(seeding: Seeding, entries: readonly ApplicationEntry[]): Promise<void> {
  for (const [index, entry] of entries.entries()) {
    const path = `/applications/${index}`
    if (!seeding.isFirst(path, 'application', entry.id)) continue
    if (!(await seedApplication(seeding, path, entry))) continue
    const treeChanged = await seedPermissions(seeding, path, entry)
    const rolesChanged = await seedRoles(seeding, path, entry)
    if (treeChanged || rolesChanged) seeding.changedTrees.add(entry.id)
  }
}

async function seedApplication(seeding: Seeding, path: string, entry: ApplicationEntry): Promise<boolean> {
  const { tx, now } = seeding
  const given = {
    name: entry.name,
    dialect: entry.dialect,
    exposes_pin: toSwitch(entry.exposes_pin),
    active: toSwitch(entry.active),
    secret_hash: typeof entry.secret === 'string' ? secretHash(entry.secret) : entry.secret,
    token_days: entry.token_days,
    token_idle_days: entry.token_idle_days,
    source_networks: readNetworks(seeding, path, entry.source_networks),
    django_url: readAddress(seeding, `${path}/django_url`, entry.django_url, readSiteBase),
    impersonation_url: readAddress(seeding, `${path}/impersonation_url`, entry.impersonation_url, readFormAddress),
    django_by_token: toSwitch(entry.django_before_6_2),
  }
  const stored = await tx.selectFrom('applications').selectAll().where('id', '=', entry.id).executeTakeFirst()
  if (stored) {
    const changed = differences(stored, given)
    if (!changed) return true
    await tx
      .updateTable('applications')
      .set({ ...changed, updated_at: now })
      .where('id', '=', entry.id)
      .execute()
    if (changed.django_by_token === 0) await forgetLastTokensOf(tx, entry.id)
    if (changed.active === 0) await endCredentials(tx, { applicationId: entry.id }, now)
    seeding.counts.applications.changed++
    return true
  }
  if (given.name === undefined) {
    seeding.fault(path, 'no application has this id; to make it, give its "name"')
    return false
  }
  const row = {
    id: entry.id,
    name: given.name,
    dialect: given.dialect ?? 'v1',
    exposes_pin: given.exposes_pin ?? 0,
    active: given.active ?? 1,
    secret_hash: given.secret_hash ?? null,
    token_days: given.token_days ?? null,
    token_idle_days: given.token_idle_days ?? null,
    source_networks: given.source_networks ?? null,
    django_url: given.django_url ?? null,
    impersonation_url: given.impersonation_url ?? null,
    django_by_token: given.django_by_token ?? 0,
    tree_version: 1,
    sessions_ended_at: 0,
    created_at: now,
    updated_at: now,
  }
  await tx.insertInto('applications').values(row).execute()
  await insertPermission(seeding, entry.id, { slug: ROOT, name: 'Use the application' })
  seeding.counts.applications.added++
  return true
}

/** As they are stored; an empty list says the same as null. */
function readNetworks(
  seeding: Seeding,
  path: string,
  networks: readonly string[] | null | undefined,
): string | null | undefined {
  for (const [index, network] of (networks ?? []).entries()) {
    if (!isNetwork(network))
      seeding.fault(`${path}/source_networks/${index}`, `"${network}" is no address or network such as 10.0.0.0/8`)
  }
  return networks === undefined ? undefined : networks?.join(' ') || null
}

/** In the spelling that is stored. Where it leads is looked at whenever it is called. */
function readAddress(
  seeding: Seeding,
  path: string,
  given: string | null | undefined,
  read: (text: string) => SiteAddress,
): string | null | undefined {
  if (typeof given !== 'string') return given
  const { url, fault } = read(given)
  if (fault !== undefined) seeding.fault(path, fault)
  return url
}

/** Adds and changes permissions; what they need is set when all are there. True when the tree is another one now. */
async function seedPermissions(seeding: Seeding, path: string, entry: ApplicationEntry): Promise<boolean> {
  const { tx } = seeding
  const wanted = (entry.permissions ?? []).filter((each, index) =>
    seeding.isFirst(`${path}/permissions/${index}`, `permission of ${entry.id}`, each.slug),
  )
  const stored = await tx
    .selectFrom('permissions')
    .selectAll()
    .where('application_id', '=', entry.id)
    .where('removed_at', 'is', null)
    .execute()
  const bySlug = new Map(stored.map((row) => [row.slug, row]))
  const slugById = new Map(stored.map((row) => [row.id, row.slug]))
  const tree = new Map(
    stored.map((row) => [row.slug, { needs: row.needs === null ? null : (slugById.get(row.needs) ?? null) }]),
  )
  for (const each of wanted) {
    const needs = each.needs === ROOT ? null : each.needs
    tree.set(each.slug, { needs: needs === undefined ? (tree.get(each.slug)?.needs ?? null) : needs })
  }
  for (const [index, each] of (entry.permissions ?? []).entries())
    for (const { field, fault } of rootFaults(each)) seeding.fault(`${path}/permissions/${index}/${field}`, fault)
  const faults = treeFaults(tree)
  for (const { slug, fault } of faults) {
    const index = (entry.permissions ?? []).findIndex((each) => each.slug === slug)
    seeding.fault(index < 0 ? `${path}/permissions` : `${path}/permissions/${index}/needs`, fault)
  }
  if (faults.length > 0) return false

  let changed = false
  const ids = new Map(stored.map((row) => [row.slug, row.id]))
  for (const each of wanted) {
    const row = bySlug.get(each.slug)
    if (!row) {
      ids.set(each.slug, await insertPermission(seeding, entry.id, each))
      changed = true
      continue
    }
    const difference = differences(row, {
      name: each.name,
      description: each.description,
      operator_only: toSwitch(each.operator_only),
      deprecated_at: deprecatedAt(seeding, row.deprecated_at, each.deprecated),
    })
    if (!difference) continue
    await tx.updateTable('permissions').set(difference).where('id', '=', row.id).execute()
    seeding.counts.permissions.changed++
    changed = true
  }
  for (const { slug } of wanted) {
    const needs = tree.get(slug)?.needs ?? null
    const needed = needs === null ? null : (ids.get(needs) ?? null)
    if ((bySlug.get(slug)?.needs ?? null) === needed) continue
    await tx
      .updateTable('permissions')
      .set({ needs: needed })
      .where('id', '=', ids.get(slug) ?? 0)
      .execute()
    if (bySlug.has(slug)) seeding.counts.permissions.changed++
    changed = true
  }
  return changed
}

async function insertPermission(seeding: Seeding, applicationId: string, entry: PermissionEntry): Promise<number> {
  const row = {
    application_id: applicationId,
    slug: entry.slug,
    name: entry.name ?? entry.slug,
    description: entry.description ?? '',
    needs: null,
    operator_only: toSwitch(entry.operator_only) ?? 0,
    deprecated_at: deprecatedAt(seeding, null, entry.deprecated) ?? null,
    removed_at: null,
  }
  const { id } = await seeding.tx.insertInto('permissions').values(row).returning('id').executeTakeFirstOrThrow()
  if (entry.slug !== ROOT) seeding.counts.permissions.added++
  return id
}

/** Since when: as it was, where it was before. */
function deprecatedAt({ now }: Seeding, before: number | null, given: boolean | undefined): number | null | undefined {
  if (given === undefined) return undefined
  return given ? (before ?? now) : null
}

/** At the end of a seeding: sign-ins lock users first and wait for the application then, and what is held until a large file is in keeps them all out. */
export async function raiseTreeVersions({ tx, now, changedTrees }: Seeding): Promise<void> {
  for (const applicationId of [...changedTrees].sort()) {
    await tx
      .updateTable('applications')
      .set((e) => ({ tree_version: e('tree_version', '+', 1), updated_at: now }))
      .where('id', '=', applicationId)
      .execute()
  }
}

/** True when a role is another one now. */
async function seedRoles(seeding: Seeding, path: string, entry: ApplicationEntry): Promise<boolean> {
  const permissions = await permissionIds(seeding, entry.id)
  let changed = false
  for (const [index, role] of (entry.roles ?? []).entries()) {
    changed = (await seedRole(seeding, `${path}/roles/${index}`, entry.id, role, permissions)) || changed
  }
  return changed
}

async function seedRole(
  seeding: Seeding,
  path: string,
  applicationId: string,
  entry: RoleEntry,
  permissions: ReadonlyMap<string, number>,
): Promise<boolean> {
  const { tx } = seeding
  const company = typeof entry.company === 'string' ? await seeding.company(`${path}/company`, entry.company) : null
  if (company === undefined) return false
  if (!seeding.isFirst(path, `role of ${applicationId} ${company?.id ?? ''}`, entry.key)) return false
  const wanted = entry.permissions && namedIds(seeding, `${path}/permissions`, entry.permissions, permissions)
  const stored = await tx
    .selectFrom('roles')
    .selectAll()
    .where('application_id', '=', applicationId)
    .where('key', '=', entry.key)
    .where('deleted_at', 'is', null)
    .where('company_id', company ? '=' : 'is', company?.id ?? null)
    .executeTakeFirst()
  if (!stored) {
    const row = {
      application_id: applicationId,
      company_id: company?.id ?? null,
      key: entry.key,
      name: entry.name ?? entry.key,
      deleted_at: null,
    }
    const { id } = await tx.insertInto('roles').values(row).returning('id').executeTakeFirstOrThrow()
    await setRolePermissions(seeding, id, wanted ?? [])
    seeding.counts.roles.added++
    return true
  }
  const changed = differences(stored, { name: entry.name })
  if (changed) await tx.updateTable('roles').set(changed).where('id', '=', stored.id).execute()
  const otherSet = wanted ? await setRolePermissions(seeding, stored.id, wanted) : false
  if (!changed && !otherSet) return false
  seeding.counts.roles.changed++
  return true
}

/** True when the set was another one. */
async function setRolePermissions(seeding: Seeding, roleId: number, wanted: readonly number[]): Promise<boolean> {
  const { tx } = seeding
  const stored = await tx.selectFrom('role_permissions').select('permission_id').where('role_id', '=', roleId).execute()
  const before = new Set(stored.map((row) => row.permission_id))
  const gone = [...before].filter((id) => !wanted.includes(id))
  const added = wanted.filter((id) => !before.has(id))
  if (gone.length > 0)
    await tx.deleteFrom('role_permissions').where('role_id', '=', roleId).where('permission_id', 'in', gone).execute()
  for (const id of added)
    await tx.insertInto('role_permissions').values({ role_id: roleId, permission_id: id }).execute()
  return gone.length + added.length > 0
}

/** The application's permissions: slug → row number. */
export async function permissionIds(seeding: Seeding, applicationId: string): Promise<Map<string, number>> {
  const rows = await seeding.tx
    .selectFrom('permissions')
    .select(['id', 'slug'])
    .where('application_id', '=', applicationId)
    .where('removed_at', 'is', null)
    .execute()
  return new Map(rows.map((row) => [row.slug, row.id]))
}

/** Slugs as row numbers, each once; what is unknown is a fault. */
export function namedIds(
  seeding: Seeding,
  path: string,
  slugs: readonly string[],
  ids: ReadonlyMap<string, number>,
): number[] {
  const found = new Set<number>()
  for (const [index, slug] of slugs.entries()) {
    const id = ids.get(slug)
    if (id === undefined) seeding.fault(`${path}/${index}`, `no permission "${slug}" in this application`)
    else found.add(id)
  }
  return [...found]
}
