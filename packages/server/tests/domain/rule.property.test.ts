import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { effective, type Refusal } from '../../src/domain/effective.ts'
import { explain } from '../../src/domain/explain.ts'
import type { Facts } from '../../src/domain/facts.ts'
import { licenseState } from '../../src/domain/license-state.ts'
import { ROOT, SUPERUSER, type Tree } from '../../src/domain/tree.ts'
import { arbitraryHouse, type FileApplication, factsOf, type House, naiveOf, revocationKey, treeOf } from './houses.ts'
import { naiveAnswer } from './naive.ts'

const HOUSES = 10_000

/** Each must have been met at least this often, or the houses show less than they seem to. */
const REFUSALS_MET: Record<Refusal, number> = {
  application_off: 300,
  user_off: 300,
  company_off: 300,
  not_a_member: 300,
  membership_off: 300,
  no_license: 300,
  license_scheduled: 300,
  license_ended: 300,
  license_suspended: 300,
  no_seat: 300,
  seat_not_started: 300,
  seat_ended: 300,
  not_granted: 3000,
  not_included: 1000,
}

const SITUATIONS_MET = {
  'only use_app': 1000,
  'more than use_app': 3000,
  'several companies in one answer': 300,
  'a company left out of an answer': 1000,
  'is_superuser effective': 100,
  'is_superuser granted, but not named in the license': 100,
  'given by a role of the license': 300,
  'given by a role': 300,
  'given by what needs it': 500,
  "a company's own role goes before the application's": 100,
  'license in its grace days': 300,
  'license that starts at this very moment': 100,
  'license that ended at this very moment': 100,
  'seat that starts at this very moment': 100,
  'seat that ended at this very moment': 100,
  'grant that starts at this very moment': 100,
  'grant that ended at this very moment': 100,
  'operators only through what it needs': 100,
  'a grant that was revoked': 300,
}
type Situation = keyof typeof SITUATIONS_MET

test(`effective and explain agree with the naive rule in ${HOUSES} generated houses`, () => {
  const refusals = new Map<string, number>()
  const situations = new Map<string, number>()
  const met = (situation: Situation) => count(situations, situation)

  const houses = fc.tuple(arbitraryHouse(), fc.nat(9))
  const agrees = ([house, revoking]: [House, number]) => {
    const revoked = revocations(house, revoking)
    if (revoked.size > 0) met('a grant that was revoked')
    const naive = naiveOf(house, revoked)
    for (const application of house.file.applications) {
      const { tree, idOf } = treeOf(application)
      if (tree.operatorOnly.some((only, rank) => only && !isMarked(application, tree.slugs[rank]))) {
        met('operators only through what it needs')
      }
      for (const user of house.file.users) {
        const answer = naiveAnswer(naive, user.email, application.id, house.now)
        if (answer.length > 1) met('several companies in one answer')
        if (answer.length < user.companies.length) met('a company left out of an answer')
        for (const company of house.file.companies) {
          const facts = factsOf(house, application, idOf, user, company, revoked)
          const slugs = effective(tree, facts, house.now)
          assert.deepEqual(slugs, answer.find(({ companyId }) => companyId === company.id)?.permissions ?? [])
          checkExplanations(tree, facts, house.now, slugs, refusals)
          noteSituations(tree, facts, house.now, slugs, met)
          if (grantsOwnRole(house, application, user.email, company)) {
            met("a company's own role goes before the application's")
          }
        }
      }
    }
  }
  fc.assert(fc.property(houses, agrees), { numRuns: HOUSES })

  assertMet(refusals, REFUSALS_MET)
  assertMet(situations, SITUATIONS_MET)
})

test('they agree about the same house at hours up to fifty days apart', () => {
  const hours = fc.integer({ min: -50 * 24, max: 50 * 24 })
  const houses = fc.tuple(arbitraryHouse({ zone: 'UTC' }), fc.array(hours, { minLength: 3, maxLength: 3 }))
  const agrees = ([house, offsets]: [House, number[]]) => {
    const naive = naiveOf(house)
    for (const now of offsets.map((offset) => house.now + offset * 3_600_000)) {
      for (const application of house.file.applications) {
        const { tree, idOf } = treeOf(application)
        for (const user of house.file.users) {
          const answer = naiveAnswer(naive, user.email, application.id, now)
          for (const company of house.file.companies) {
            const slugs = effective(tree, factsOf(house, application, idOf, user, company), now)
            assert.deepEqual(slugs, answer.find(({ companyId }) => companyId === company.id)?.permissions ?? [])
          }
        }
      }
    }
  }
  fc.assert(fc.property(houses, agrees), { numRuns: 1000 })
})

function checkExplanations(
  tree: Tree,
  facts: Facts,
  now: number,
  slugs: string[],
  refusals: Map<string, number>,
): void {
  const isEffective = new Set(slugs)
  for (const slug of tree.slugs) {
    const explanation = explain(tree, facts, slug, now)
    assert.equal(explanation.allowed, isEffective.has(slug), `explain and effective differ about ${slug}`)
    assert.equal(explanation.because === null, explanation.allowed)
    const firstLink = explanation.links.find(({ refusal }) => refusal !== null)
    if (firstLink) assert.equal(explanation.because, firstLink.refusal)
    if (explanation.allowed && slug !== ROOT) {
      assert.ok(
        explanation.paths.some(({ phase }) => phase === 'in_force'),
        `${slug} is allowed without a grant in force`,
      )
    }
    for (const path of explanation.paths) assert.equal(path.slugs.at(-1), slug)
    if (explanation.because !== null) count(refusals, explanation.because)
  }
}

function noteSituations(
  tree: Tree,
  facts: Facts,
  now: number,
  slugs: string[],
  met: (situation: Situation) => void,
): void {
  const { license, seat, grants } = facts
  if (license?.startsAt === now) met('license that starts at this very moment')
  if (license?.endsAt === now) met('license that ended at this very moment')
  if (seat?.startsAt === now) met('seat that starts at this very moment')
  if (seat?.endsAt === now) met('seat that ended at this very moment')
  if (grants.some((grant) => grant.startsAt === now)) met('grant that starts at this very moment')
  if (grants.some((grant) => grant.endsAt === now)) met('grant that ended at this very moment')
  if (slugs.length === 0) return
  met(slugs.length === 1 ? 'only use_app' : 'more than use_app')
  if (license && licenseState(license, now) === 'in_grace') met('license in its grace days')
  if (slugs.includes(SUPERUSER)) met('is_superuser effective')
  else if (explainsAs(tree, facts, now, SUPERUSER) === 'not_included') {
    met('is_superuser granted, but not named in the license')
  }
  for (const slug of slugs.filter((each) => each !== ROOT)) {
    const paths = explain(tree, facts, slug, now).paths.filter(({ phase }) => phase === 'in_force')
    if (paths.every(({ grant }) => grant.through.kind === 'license_role')) met('given by a role of the license')
    if (paths.every(({ grant }) => grant.through.kind === 'role')) met('given by a role')
    if (paths.every((path) => path.slugs.length > 1)) met('given by what needs it')
  }
}

function explainsAs(tree: Tree, facts: Facts, now: number, slug: string): Refusal | null {
  return tree.rankBySlug.has(slug) ? explain(tree, facts, slug, now).because : null
}

function isMarked(application: FileApplication, slug: string | undefined): boolean {
  return slug === SUPERUSER || application.permissions.some((one) => one.slug === slug && one.operator_only)
}

/** Whether the user was granted a role of the company that has another of the same key beside it. */
function grantsOwnRole(
  { file }: House,
  application: FileApplication,
  email: string,
  company: { id: string; name: string },
): boolean {
  const isHere = (named: string | undefined) => named === company.id || named === company.name
  const keys = file.users
    .filter((user) => user.email === email)
    .flatMap((user) => user.companies.filter((membership) => isHere(membership.company)))
    .flatMap(({ grants }) => grants.filter((entry) => entry.application === application.id))
    .flatMap(({ roles = [] }) => roles)
  return keys.some(
    (key) =>
      application.roles.some((role) => role.key === key && role.company === undefined) &&
      application.roles.some((role) => role.key === key && isHere(role.company)),
  )
}

/** In three of ten houses, what every second entry gives first is taken away again. */
function revocations({ file }: House, choice: number): Set<string> {
  if (choice > 2) return new Set()
  const idOf = (named: string) => file.companies.find(({ id, name }) => id === named || name === named)?.id ?? ''
  const all = file.users.flatMap(({ email, companies }) =>
    companies.flatMap(({ company, grants }) =>
      grants.flatMap(({ application, permissions, roles = [] }) =>
        [...roles, ...permissions]
          .slice(0, 1)
          .map((item) => revocationKey({ email, companyId: idOf(company), applicationId: application, item })),
      ),
    ),
  )
  return new Set(all.filter((_, at) => at % 2 === choice % 2))
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function assertMet(counts: ReadonlyMap<string, number>, wanted: Readonly<Record<string, number>>): void {
  const tooSeldom = Object.entries(wanted).filter(([key, least]) => (counts.get(key) ?? 0) < least)
  assert.deepEqual(
    tooSeldom.map(([key, least]) => `${key}: ${counts.get(key) ?? 0} times, wanted ${least}`),
    [],
  )
}
