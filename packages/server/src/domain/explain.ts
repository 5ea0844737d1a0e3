import { firstRefusal, granted, included, LINKS, type LinkName, type Refusal } from './effective.ts'
import type { Facts, GrantFacts } from './facts.ts'
import { type Phase, phase } from './interval.ts'
import { pathToRoot, ROOT, type Tree } from './tree.ts'

/** One grant that gives the permission, itself or through something that needs it, and where in time it stands. */
export type GrantPath<Grant extends GrantFacts = GrantFacts> = {
  grant: Grant
  phase: Phase
  /** From what was granted down to the permission that was asked about. */
  slugs: readonly string[]
}

export type Explanation<Grant extends GrantFacts = GrantFacts> = {
  slug: string
  allowed: boolean
  /** The first link that fails; null when allowed. */
  because: Refusal | null
  links: readonly { name: LinkName; refusal: Refusal | null }[]
  /** Every grant that would give it, those of the past and of the future too. Empty for `use_app`: the seat gives that. */
  paths: readonly GrantPath<Grant>[]
  isIncluded: boolean
}

/**
 * Answers whether one permission is effective and why, with the same code as the answers to applications.
 * The slug is one of the tree's; asking about another is the caller's mistake.
 */
export function explain<Grant extends GrantFacts>(
  tree: Tree,
  facts: Omit<Facts, 'grants'> & { grants: readonly Grant[] },
  slug: string,
  now: number,
): Explanation<Grant> {
  const grants: readonly Grant[] = facts.grants
  const rank = tree.rankBySlug.get(slug) ?? -1
  const isGranted = granted(tree, facts, now)[rank] === 1
  const isIncluded = included(tree, facts)[rank] === 1
  const because = firstRefusal(facts, now) ?? (isGranted ? (isIncluded ? null : 'not_included') : 'not_granted')
  return {
    slug,
    allowed: because === null,
    because,
    links: LINKS.map((link) => ({ name: link.name, refusal: link.refusal(facts, now) })),
    paths: slug === ROOT ? [] : grants.flatMap((grant) => pathsTo(tree, grant, rank, now)),
    isIncluded,
  }
}

function pathsTo<Grant extends GrantFacts>(tree: Tree, grant: Grant, rank: number, now: number): GrantPath<Grant>[] {
  const path = pathToRoot(tree, tree.rankById.get(grant.permission) ?? -1)
  const end = path.indexOf(rank)
  if (end < 0) return []
  const slugs = path.slice(0, end + 1).map((step) => tree.slugs[step] ?? '')
  return [{ grant, phase: phase(grant, now), slugs }]
}
