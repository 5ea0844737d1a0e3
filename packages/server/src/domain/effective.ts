import type { Circumstances, Facts, LicenseFacts } from './facts.ts'
import { inForce, phase } from './interval.ts'
import { licenseState } from './license-state.ts'
import type { Tree } from './tree.ts'

export type Refusal =
  | 'application_off'
  | 'user_off'
  | 'company_off'
  | 'not_a_member'
  | 'membership_off'
  | 'no_license'
  | 'license_scheduled'
  | 'license_ended'
  | 'license_suspended'
  | 'no_seat'
  | 'seat_not_started'
  | 'seat_ended'
  | 'not_granted'
  | 'not_included'

export type LinkName = 'application' | 'user' | 'company' | 'membership' | 'license' | 'seat'
export type Link = { name: LinkName; refusal(facts: Circumstances, now: number): Refusal | null }

/** Steps 1 to 3 of the rule, in order: every link must hold before any permission does. Holding all of them is `use_app`. */
export const LINKS: readonly Link[] = [
  { name: 'application', refusal: (facts) => (facts.application.active ? null : 'application_off') },
  { name: 'user', refusal: (facts) => (facts.user.active ? null : 'user_off') },
  { name: 'company', refusal: (facts) => (facts.company.active ? null : 'company_off') },
  { name: 'membership', refusal: membershipRefusal },
  { name: 'license', refusal: licenseRefusal },
  { name: 'seat', refusal: seatRefusal },
]

function membershipRefusal({ membership }: Circumstances): Refusal | null {
  if (!membership) return 'not_a_member'
  return membership.active ? null : 'membership_off'
}

function licenseRefusal({ license }: Circumstances, now: number): Refusal | null {
  if (!license) return 'no_license'
  if (license.suspended) return 'license_suspended'
  const state = licenseState(license, now)
  if (state === 'scheduled') return 'license_scheduled'
  return state === 'ended' ? 'license_ended' : null
}

function seatRefusal({ seat }: Circumstances, now: number): Refusal | null {
  if (!seat) return 'no_seat'
  const at = phase(seat, now)
  if (at === 'not_started') return 'seat_not_started'
  return at === 'ended' ? 'seat_ended' : null
}

/** The first of the links that fails; null when all hold, which is `use_app`. */
export function firstRefusal(facts: Circumstances, now: number): Refusal | null {
  for (const link of LINKS) {
    const refusal = link.refusal(facts, now)
    if (refusal) return refusal
  }
  return null
}

/** Step 4: marks what is granted at this moment with all that it needs, by rank. The root is always marked. */
export function granted(tree: Tree, facts: Pick<Facts, 'grants'>, now: number): Uint8Array {
  const marks = new Uint8Array(tree.slugs.length)
  mark(tree, marks, tree.root)
  for (const grant of facts.grants) {
    if (inForce(grant, now)) mark(tree, marks, tree.rankById.get(grant.permission) ?? -1)
  }
  return marks
}

type Included = { license: Pick<LicenseFacts, 'includes'> | null }

/** Step 5: marks what the license includes, with what that needs. "All" leaves `is_superuser` out. */
export function included(tree: Tree, facts: Included): Uint8Array {
  const marks = new Uint8Array(tree.slugs.length)
  const includes = facts.license?.includes ?? { named: [] }
  mark(tree, marks, tree.root)
  if (includes === 'all') {
    marks.fill(1)
    if (tree.superuser >= 0) marks[tree.superuser] = 0
  } else {
    for (const id of includes.named) mark(tree, marks, tree.rankById.get(id) ?? -1)
  }
  return marks
}

function mark(tree: Tree, marks: Uint8Array, rank: number): void {
  // What is marked has all that it needs marked already: each permission is visited once, however many grants there are.
  for (let step = rank; step >= 0 && marks[step] === 0; step = tree.parents[step] ?? -1) marks[step] = 1
}

/**
 * The effective permissions of one user in one company for one application at one moment, sorted by code point.
 * Empty when the user may not use the application there; otherwise `use_app` is among them.
 */
export function effective(tree: Tree, facts: Facts, now: number): string[] {
  return firstRefusal(facts, now) ? [] : permitted(tree, facts, now)
}

/** Steps 4 and 5: what is both granted and included, where all links hold. */
export function permitted(tree: Tree, facts: Pick<Facts, 'grants'> & Included, now: number): string[] {
  const isGranted = granted(tree, facts, now)
  const isIncluded = included(tree, facts)
  return tree.slugs.filter((_, rank) => isGranted[rank] === 1 && isIncluded[rank] === 1)
}
