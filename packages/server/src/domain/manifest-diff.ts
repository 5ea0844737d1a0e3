import type { ChangeKind, Permission, Role, StoredManifest, WantedManifest } from './manifest.ts'
import { buildTree, byCodePoint, type Tree } from './tree.ts'

/** A permission or a role before and after; null where it is not there then. What is new has a number below zero. */
export type Pair<T> = { id: number; before: T | null; after: T | null }

/** One line of a plan. */
export type Change = {
  change: ChangeKind
  permission?: string
  role?: string
  /** Whose the role is, where it is a company's. */
  company?: string
  from?: string | null
  to?: string | null
  fields?: ('name' | 'description')[]
  added?: string[]
  removed?: string[]
  uses?: { grants: number; roles: number; licenses: number }
}

export type ManifestDiff = {
  permissions: Pair<Permission>[]
  /** The application's own. */
  roles: Pair<Role>[]
  before: Tree
  after: Tree
}

/** Matches what is stored with what is wanted. */
export function diffManifest(stored: StoredManifest, wanted: WantedManifest): ManifestDiff {
  const permissions = pair(stored.permissions, wanted.permissions)
  return {
    permissions,
    roles: pair(stored.roles, wanted.roles ?? rolesWithout(stored, permissions)),
    before: treeOf(permissions, 'before'),
    after: treeOf(permissions, 'after'),
  }
}

function pair<T>(stored: readonly (T & { id: number })[], wanted: readonly (T & { id: number | null })[]): Pair<T>[] {
  const kept = new Map(wanted.flatMap((each) => (each.id === null ? [] : [[each.id, each]])))
  const added = wanted.filter((each) => each.id === null)
  return [
    ...stored.map((before) => ({ id: before.id, before, after: kept.get(before.id) ?? null })),
    ...added.map((after, index) => ({ id: -1 - index, before: null, after })),
  ]
}

/** Roles that a manifest does not name: under the new slugs, without what is removed. */
function rolesWithout({ roles }: StoredManifest, permissions: readonly Pair<Permission>[]): (Role & { id: number })[] {
  const slugs = slugsAfter(permissions)
  return roles.map((role) => ({ ...role, permissions: role.permissions.flatMap((slug) => slugs.get(slug) ?? []) }))
}

/** What the slugs of before are afterwards; those that are removed are not in it. */
function slugsAfter(permissions: readonly Pair<Permission>[]): Map<string, string> {
  return new Map(permissions.flatMap(({ before, after }) => (before && after ? [[before.slug, after.slug]] : [])))
}

function treeOf(permissions: readonly Pair<Permission>[], at: 'before' | 'after'): Tree {
  const ids = new Map(permissions.map((each) => [each[at]?.slug, each.id]))
  return buildTree(
    permissions.flatMap(({ id, [at]: state }) => {
      if (!state) return []
      const needs = state.needs === null ? null : (ids.get(state.needs) ?? null)
      return [{ id, slug: state.slug, needs, operatorOnly: state.isOperatorOnly }]
    }),
  )
}

/** What is changed, in words: permissions by slug, then roles by key. */
export function listChanges(diff: ManifestDiff): Change[] {
  const slugs = slugsAfter(diff.permissions)
  const permissions = sorted(diff.permissions, ({ slug }) => slug).flatMap((each) => permissionChanges(diff, each))
  const roles = sorted(diff.roles, ({ key }) => key).flatMap((each) => roleChanges(slugs, each))
  return [...permissions, ...roles]
}

function sorted<T>(pairs: readonly Pair<T>[], nameOf: (state: T) => string): Pair<T>[] {
  const name = ({ before, after }: Pair<T>) => {
    const state = after ?? before
    return state ? nameOf(state) : ''
  }
  return [...pairs].sort((a, b) => byCodePoint(name(a), name(b)))
}

function permissionChanges({ before: old, after: tree }: ManifestDiff, { id, before, after }: Pair<Permission>) {
  const changes: Change[] = []
  const add = (change: ChangeKind, more: Partial<Change> = {}) =>
    changes.push({ change, permission: (after ?? before)?.slug ?? '', ...more })
  if (!after) add('permission_removed')
  if (!before) add('permission_added', { to: after?.needs ?? null })
  const isOnly = isOperatorOnly(tree, id)
  if (!before && isOnly) add('operator_only_set')
  if (!before || !after) return changes
  if (before.slug !== after.slug) add('permission_renamed', { from: before.slug, to: after.slug })
  const fields = (['name', 'description'] as const).filter((field) => before[field] !== after[field])
  if (fields.length > 0) add('permission_changed', { fields })
  if (parentOf(old, id) !== parentOf(tree, id)) add('permission_moved', { from: before.needs, to: after.needs })
  if (before.isDeprecated !== after.isDeprecated)
    add(after.isDeprecated ? 'permission_deprecated' : 'permission_undeprecated')
  if (isOperatorOnly(old, id) !== isOnly) add(isOnly ? 'operator_only_set' : 'operator_only_loosened')
  else if (before.isOperatorOnly !== after.isOperatorOnly) add('operator_only_mark_changed')
  return changes
}

function roleChanges(slugs: ReadonlyMap<string, string>, { before, after }: Pair<Role>): Change[] {
  if (!after) return [{ change: 'role_removed', role: before?.key ?? '' }]
  const role = after.key
  if (!before) return [{ change: 'role_added', role, added: [...after.permissions].sort(byCodePoint) }]
  const changes: Change[] = []
  if (before.key !== after.key) changes.push({ change: 'role_renamed', role, from: before.key, to: after.key })
  const held = new Set(before.permissions.map((slug) => slugs.get(slug) ?? slug))
  const holds = new Set(after.permissions)
  const added = [...holds].filter((slug) => !held.has(slug)).sort(byCodePoint)
  const removed = [...held].filter((slug) => !holds.has(slug)).sort(byCodePoint)
  const hasOtherName = before.name !== after.name
  if (hasOtherName || added.length > 0 || removed.length > 0)
    changes.push({ change: 'role_changed', role, ...(hasOtherName ? { fields: ['name'] } : {}), added, removed })
  return changes
}

/** Whether only operators may give it, by its own mark or by what it needs. */
export function isOperatorOnly(tree: Tree, id: number): boolean {
  return tree.operatorOnly[tree.rankById.get(id) ?? -1] === true
}

/** The rank's number is not the same in two trees: what a permission needs, by row number; undefined for none. */
export function parentOf(tree: Tree, id: number): number | undefined {
  return tree.ids[tree.parents[tree.rankById.get(id) ?? -1] ?? -1]
}
