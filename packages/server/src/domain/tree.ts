/** Using the application at all: the root of every tree. Holding a seat is having it; it is not granted. */
export const ROOT = 'use_app'

/** Existing Django sites take this slug as "may do everything": it must be named, needs nothing and is needed by nothing. */
export const SUPERUSER = 'is_superuser'

/** One permission of an application as it is stored. `needs` is the id of another one; null hangs it below the root. */
export type PermissionNode = { id: number; slug: string; needs: number | null; operatorOnly: boolean }

/** An application's permissions, ranked by slug (by code point), so that what is listed in rank order is sorted. */
export type Tree = {
  slugs: readonly string[]
  /** The row number of each rank. */
  ids: readonly number[]
  /** Rank of what each rank needs; -1 for the root and for `is_superuser`. */
  parents: Int32Array
  operatorOnly: readonly boolean[]
  rankById: ReadonlyMap<number, number>
  rankBySlug: ReadonlyMap<string, number>
  root: number
  superuser: number
}

/** The order of both databases (SQLite's binary, PostgreSQL's "C"): `<` would put 🏠, two UTF-16 units, before ＊, one. */
export function byCodePoint(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (x !== y) return aboveSurrogates(x) - aboveSurrogates(y)
  }
  return a.length - b.length
}

/** Surrogates stand for the code points above all others. */
function aboveSurrogates(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800
  return unit >= 0xd800 ? unit + 0x2000 : unit
}

/** Ranks the permissions of one application. They have passed `treeFaults`, and the root is among them. */
export function buildTree(permissions: readonly PermissionNode[]): Tree {
  const ranked = [...permissions].sort((a, b) => byCodePoint(a.slug, b.slug))
  const slugs = ranked.map((permission) => permission.slug)
  const ids = ranked.map((permission) => permission.id)
  const rankById = new Map(ids.map((id, rank) => [id, rank]))
  const rankBySlug = new Map(slugs.map((slug, rank) => [slug, rank]))
  const root = rankBySlug.get(ROOT) ?? -1
  const superuser = rankBySlug.get(SUPERUSER) ?? -1
  const parents = Int32Array.from(ranked, (permission, rank) => {
    if (rank === root || rank === superuser) return -1
    return permission.needs === null ? root : (rankById.get(permission.needs) ?? root)
  })
  const marked = ranked.map((permission, rank) => rank === superuser || permission.operatorOnly)
  return { slugs, ids, parents, operatorOnly: inherited(parents, marked), rankById, rankBySlug, root, superuser }
}

/** What needs something that only operators may give is operators' only too: the weaker would smuggle in the stronger. */
function inherited(parents: Int32Array, marked: readonly boolean[]): boolean[] {
  const known = new Map<number, boolean>()
  for (const rank of marked.keys()) {
    // Up to what is known already, so that a deep tree costs each permission once.
    const path: number[] = []
    let step = rank
    for (; step >= 0 && !known.has(step); step = parents[step] ?? -1) path.push(step)
    let only = known.get(step) ?? false
    for (const below of path.reverse()) {
      only ||= marked[below] === true
      known.set(below, only)
    }
  }
  return [...marked.keys()].map((rank) => known.get(rank) === true)
}

/** A permission and all that it needs, itself first. */
export function pathToRoot(tree: Pick<Tree, 'parents'>, rank: number): number[] {
  const path: number[] = []
  for (let step = rank; step >= 0; step = tree.parents[step] ?? -1) path.push(step)
  return path
}

/** The same as a list of slugs. */
export function neededSlugs(tree: Tree, slug: string): string[] {
  const rank = tree.rankBySlug.get(slug)
  return rank === undefined ? [] : pathToRoot(tree, rank).map((step) => tree.slugs[step] ?? '')
}

/** What can't be said of the root, by the field that says it. */
export function rootFaults(permission: {
  slug: string
  operator_only?: boolean | undefined
  deprecated?: boolean | undefined
}): { field: 'operator_only' | 'deprecated'; fault: string }[] {
  if (permission.slug !== ROOT) return []
  const faults: { field: 'operator_only' | 'deprecated'; fault: string }[] = []
  if (permission.operator_only)
    faults.push({
      field: 'operator_only',
      fault: `"${ROOT}" comes with every seat: it can't be the operators' alone`,
    })
  if (permission.deprecated)
    faults.push({ field: 'deprecated', fault: `"${ROOT}" comes with every seat: it is never going` })
  return faults
}

export type TreeFault = { slug: string; fault: string }

/** What is wrong with a tree in words; empty when it is one. `needs` names slugs here, as people write them. */
export function treeFaults(permissions: ReadonlyMap<string, { needs: string | null }>): TreeFault[] {
  const faults: TreeFault[] = []
  for (const [slug, { needs }] of permissions) {
    if (needs === null) continue
    if (slug === ROOT) faults.push({ slug, fault: `"${ROOT}" is the root and needs nothing` })
    else if (slug === SUPERUSER) faults.push({ slug, fault: `"${SUPERUSER}" needs nothing` })
    else if (needs === SUPERUSER) faults.push({ slug, fault: `nothing can need "${SUPERUSER}"` })
    else if (needs !== ROOT && !permissions.has(needs))
      faults.push({ slug, fault: `needs "${needs}", which is no permission of this application` })
  }
  return faults.length > 0 ? faults : circles(permissions)
}

function circles(permissions: ReadonlyMap<string, { needs: string | null }>): TreeFault[] {
  const faults: TreeFault[] = []
  const done = new Set<string>()
  for (const start of permissions.keys()) {
    const path: string[] = []
    const onPath = new Set<string>()
    let slug: string | null = start
    while (slug !== null && !done.has(slug) && !onPath.has(slug)) {
      path.push(slug)
      onPath.add(slug)
      slug = permissions.get(slug)?.needs ?? null
    }
    if (slug !== null && onPath.has(slug)) {
      const circle = [...path.slice(path.indexOf(slug)), slug]
      faults.push({ slug, fault: `needs itself in a circle: ${circle.join(' → ')}` })
    }
    for (const step of path) done.add(step)
  }
  return faults
}
