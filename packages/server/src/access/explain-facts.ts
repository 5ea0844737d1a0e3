import { setImmediate } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import type { ListedUser } from '../directory/user-store.ts'
import { type Explanation, explain } from '../domain/explain.ts'
import type { Facts } from '../domain/facts.ts'
import { ROOT, type Tree } from '../domain/tree.ts'
import * as store from './explain-store.ts'
import { loadTree } from './given-permissions.ts'

export type ExplainedApplication = {
  id: string
  name: string
  active: boolean
  tree: Tree
  /** Slugs of those that are going. */
  deprecated: ReadonlySet<string>
}
export type ExplainedUser = Pick<
  ListedUser,
  'id' | 'email' | 'firstName' | 'lastName' | 'isActive' | 'isOperator' | 'hasPassword'
>

/** The facts that an answer judges, with the names, dates and givers that people ask for. */
export type Situation = Omit<Facts, 'grants'> & {
  who: ExplainedUser
  application: ExplainedApplication
  company: store.NamedCompany
  membership: { active: boolean; role: 'member' | 'admin'; joinedAt: number } | null
  license: (NonNullable<Facts['license']> & { seats: number | null; seatsHeld: number }) | null
  grants: readonly store.StoredGrant[]
  /** Grants that were taken away, which no answer looks at. */
  revoked: readonly store.StoredGrant[]
  /** Each role that could be given there and a permission that it holds. */
  offered: readonly (store.NamedRole & { permission: number })[]
}

/** One permission in one situation, judged by the code that answers applications. */
export type Told = { situation: Situation; explanation: Explanation<store.StoredGrant> }

export async function loadExplainedApplication(
  db: Db,
  application: Omit<ExplainedApplication, 'tree' | 'deprecated'>,
): Promise<ExplainedApplication> {
  const { tree, deprecated } = await loadTree(db, application.id)
  return { ...application, tree, deprecated }
}

export async function loadSituation(
  db: Db,
  who: ExplainedUser,
  company: store.NamedCompany,
  application: ExplainedApplication,
  sees: store.Sees = 'house',
): Promise<Situation> {
  for await (const situation of loadSituations(db, [who], company, application, sees)) return situation
  throw new Error('of one user there is one situation')
}

/** Whose facts are read at once: what they were given is in memory then. */
const AT_ONCE = 20

/** Of each of them, in their order. On SQLite nothing here leaves the thread: others get their turn between two. */
export async function* loadSituations(
  db: Db,
  people: readonly ExplainedUser[],
  company: store.NamedCompany,
  application: ExplainedApplication,
  sees: store.Sees = 'house',
): AsyncGenerator<Situation, void> {
  const place = { companyId: company.id, applicationId: application.id }
  const license = await loadLicense(db, place)
  const ofLicense = await store.listLicenseRoleGrants(db, place)
  const offered = await store.listRolesOffered(db, place)
  for (let from = 0; from < people.length; from += AT_ONCE) {
    const some = people.slice(from, from + AT_ONCE)
    const ids = some.map(({ id }) => id)
    const memberships = new Map((await store.listMembershipsOf(db, company.id, ids)).map((row) => [row.user_id, row]))
    const seats = new Map((await store.listSeatsOf(db, place, ids)).map((row) => [row.user_id, row]))
    const grantsOf = await store.listGrantsOf(db, place, ids, sees)
    for (const who of some) {
      const [membership, seat] = [memberships.get(who.id), seats.get(who.id)]
      const grants = grantsOf.get(who.id) ?? []
      yield {
        who,
        user: { active: who.isActive },
        application,
        company,
        membership: membership
          ? { active: membership.active === 1, role: membership.role, joinedAt: membership.joined_at }
          : null,
        license,
        seat: seat ? { startsAt: seat.starts_at, endsAt: seat.ends_at } : null,
        grants: [...grants.filter((grant) => grant.revokedAt === null), ...ofLicense],
        revoked: grants.filter((grant) => grant.revokedAt !== null),
        offered,
      }
      if (people.length > 1) await setImmediate()
    }
  }
}

async function loadLicense(db: Db, place: store.Place): Promise<Situation['license']> {
  const license = await store.findLicense(db, place)
  if (!license) return null
  return {
    startsAt: license.starts_at,
    endsAt: license.ends_at,
    graceDays: license.grace_days,
    suspended: license.suspended === 1,
    includes: license.includes_all === 1 ? 'all' : { named: await store.listNamedPermissions(db, place) },
    seats: license.seats,
    seatsHeld: license.seats_held,
  }
}

export function tell(situation: Situation, slug: string, now: number): Told {
  return { situation, explanation: explain(situation.application.tree, situation, slug, now) }
}

/** `use_app`, and every permission that a grant gives, gave or will give. */
export function tellAll(situation: Situation, now: number): Told[] {
  const { tree } = situation.application
  const told = [ROOT, ...tree.slugs.filter((slug) => slug !== ROOT)].map((slug) => tell(situation, slug, now))
  return told.filter(
    (each) => each.explanation.slug === ROOT || each.explanation.paths.length > 0 || pathsOfRevoked(each).length > 0,
  )
}

/** The grants that were taken away and would give the permission. */
export function pathsOfRevoked({ situation, explanation }: Told): Explanation<store.StoredGrant>['paths'] {
  if (situation.revoked.length === 0) return []
  return explain(situation.application.tree, { ...situation, grants: situation.revoked }, explanation.slug, 0).paths
}
