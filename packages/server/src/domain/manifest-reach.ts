import type { Permission, Role } from './manifest.ts'
import { isOperatorOnly, type ManifestDiff, type Pair, parentOf } from './manifest-diff.ts'
import { pathToRoot, type Tree } from './tree.ts'

/** Of a tree that is deep and turned over it is not told exactly what it touches: that would take seconds. */
const MAX_STEPS = 200_000

/**
 * Permissions by which somebody's list may become another one: whoever was given none of them, itself or by a role, neither loses nor
 * gains by the tree. Row numbers of before; `all` of a tree that is too deep to tell.
 */
export function touchedPermissions(diff: ManifestDiff): Set<number> {
  const differing = differingIds(diff)
  const stored = diff.permissions.flatMap(({ id, before }) => (before ? id : []))
  if (differing === 'all') return new Set(stored)
  if (differing.size === 0) return new Set()
  const [before, after] = [reaching(diff.before, differing), reaching(diff.after, differing)]
  return new Set(stored.filter((id) => before(id) || after(id)))
}

/** What comes with something else than before: of each that moved or went, the one path without the other. */
function differingIds(diff: ManifestDiff): Set<number> | 'all' {
  const differing = new Set<number>()
  let steps = 0
  for (const { id, before, after } of diff.permissions) {
    if (!before || (after && parentOf(diff.before, id) === parentOf(diff.after, id))) continue
    const [had, has] = [new Set(pathOf(diff.before, id)), new Set(pathOf(diff.after, id))]
    steps += had.size + has.size
    if (steps > MAX_STEPS) return 'all'
    for (const each of had) if (!has.has(each)) differing.add(each)
    for (const each of has) if (!had.has(each)) differing.add(each)
  }
  // It comes with the seat.
  differing.delete(diff.before.ids[diff.before.root] ?? 0)
  return differing
}

function pathOf(tree: Tree, id: number): number[] {
  return pathToRoot(tree, tree.rankById.get(id) ?? -1).map((rank) => tree.ids[rank] ?? 0)
}

/** Whether one of these is on the way to the root; each permission is visited once. */
function reaching(tree: Tree, wanted: ReadonlySet<number>): (id: number) => boolean {
  const known = new Map<number, boolean>()
  return (id) => {
    const path: number[] = []
    let rank = tree.rankById.get(id) ?? -1
    for (; rank >= 0 && !known.has(rank); rank = tree.parents[rank] ?? -1) path.push(rank)
    let is = known.get(rank) ?? false
    for (const below of path.reverse()) {
      is ||= wanted.has(tree.ids[below] ?? 0)
      known.set(below, is)
    }
    return is
  }
}

/** Of the application's own roles, those that hold something else than before, or are gone. Row numbers of before. */
export function changedRoles({ permissions, roles }: ManifestDiff): Set<number> {
  const slugs = new Map(permissions.map(({ before, after }) => [before?.slug, after?.slug]))
  return new Set(
    roles.flatMap(({ id, before, after }) => {
      if (!before) return []
      const held = new Set(before.permissions.map((slug) => slugs.get(slug)))
      const holds = new Set(after?.permissions)
      const isSame = after && held.size === holds.size && after.permissions.every((slug) => held.has(slug))
      return isSame ? [] : id
    }),
  )
}

/** The operators' own things that a manifest touches: whoever is none may not (docs/decisions/0012). */
export type OperatorsOwn = { permission: string; role?: string; message: string }

export function operatorsOwn(diff: ManifestDiff): OperatorsOwn[] {
  const budget = { steps: MAX_STEPS }
  return [
    ...diff.permissions.flatMap((each) => loosened(diff, each) ?? smuggled(diff, each, budget) ?? []),
    ...diff.roles.flatMap((each) => roleOfOperators(diff, each)),
  ]
}

/** What only operators may give, and anybody could afterwards; removed or renamed, its old name could be made anew for anybody. */
function loosened(diff: ManifestDiff, { id, before, after }: Pair<Permission>): OperatorsOwn | undefined {
  if (!before || !isOperatorOnly(diff.before, id)) return undefined
  const told = (what: string) => ({
    permission: before.slug,
    message: `"${before.slug}" is for operators alone to give: only they ${what}`,
  })
  if (!after) return told('remove it')
  if (after.slug !== before.slug) return told('rename it')
  const isLoosened = !isOperatorOnly(diff.after, id) || (before.isOperatorOnly && !after.isOperatorOnly)
  return isLoosened ? told('loosen that') : undefined
}

/** What people have, and comes with something of the operators' afterwards. Where that is too deep to tell, it does. */
function smuggled(
  diff: ManifestDiff,
  { id, before, after }: Pair<Permission>,
  budget: { steps: number },
): OperatorsOwn | undefined {
  if (!before || !after || parentOf(diff.before, id) === parentOf(diff.after, id)) return undefined
  // What needs something of theirs is theirs too.
  if (!isOperatorOnly(diff.after, id)) return undefined
  const told = (what: string) => ({
    permission: after.slug,
    message: `"${after.slug}" would come with ${what} for operators alone to give: only they let it need that`,
  })
  if (budget.steps < 0) return told('what may be')
  const [had, has] = [new Set(pathOf(diff.before, id)), pathOf(diff.after, id)]
  budget.steps -= had.size + has.length
  const gained = has.find((each) => !had.has(each) && isOperatorOnly(diff.after, each))
  if (gained === undefined) return undefined
  return told(`"${diff.after.slugs[diff.after.rankById.get(gained) ?? -1]}", which is`)
}

/** A role that gives something of the operators', or gives it no more. */
function roleOfOperators(diff: ManifestDiff, { before, after }: Pair<Role>): OperatorsOwn[] {
  const idsOf = (tree: Tree, slugs: readonly string[] = []) =>
    new Set(slugs.map((slug) => tree.ids[tree.rankBySlug.get(slug) ?? -1] ?? 0))
  const [held, holds] = [idsOf(diff.before, before?.permissions), idsOf(diff.after, after?.permissions)]
  const role = (after ?? before)?.key ?? ''
  const given = [...holds].filter((id) => !held.has(id) && isOperatorOnly(diff.after, id))
  const taken = [...held].filter((id) => !holds.has(id) && isOperatorOnly(diff.before, id))
  return [...given, ...taken].map((id) => {
    const tree = diff.after.rankById.has(id) ? diff.after : diff.before
    const slug = tree.slugs[tree.rankById.get(id) ?? -1] ?? ''
    return {
      role,
      permission: slug,
      message: `"${slug}" is for operators alone to give: only they put it into the role "${role}", or take it out`,
    }
  })
}
