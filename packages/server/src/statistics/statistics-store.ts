import { sql } from 'kysely'
import type { Db } from '../db/database.ts'

// Tables that grow are gone through in their own order, so many rows by one statement: each takes milliseconds, whatever the size of
// the house, and others have their turn between two of them.
const WINDOW = 2_000

/** Rows that were looked at, and the place of the last; undefined where there are no more. */
type Window<T, P> = { found: T; next: P | undefined }

export type UserCounts = { all: number; active: number; withPassword: number; operators: number; support: number }

export async function countSomeUsers(db: Db, after: string): Promise<Window<UserCounts, string>> {
  const row = await db
    .selectFrom((e) => e.selectFrom('users').selectAll().where('id', '>', after).orderBy('id').limit(WINDOW).as('u'))
    .select((e) => [
      e.fn.countAll<number>().as('looked'),
      e.fn.max('u.id').as('last'),
      sql<number>`count(case when deleted_at is null then 1 end)`.as('all'),
      sql<number>`count(case when deleted_at is null and active = 1 then 1 end)`.as('active'),
      sql<number>`count(case when deleted_at is null and password_hash is not null then 1 end)`.as('with_password'),
      sql<number>`count(case when deleted_at is null and operator = 1 then 1 end)`.as('operators'),
      sql<number>`count(case when deleted_at is null and support = 1 then 1 end)`.as('support'),
    ])
    .executeTakeFirstOrThrow()
  const { all, active, with_password: withPassword, operators, support } = row
  return { found: { all, active, withPassword, operators, support }, next: nextOf(row) }
}

export type MemberCounts = Omit<UserCounts, 'operators' | 'support'>

export async function countSomeMembers(
  db: Db,
  companyId: string,
  after: string,
): Promise<Window<MemberCounts, string>> {
  const row = await db
    .selectFrom((e) =>
      e
        .selectFrom('memberships')
        .select(['user_id', 'active', 'left_at'])
        .where('company_id', '=', companyId)
        .where('user_id', '>', after)
        .orderBy('user_id')
        .limit(WINDOW)
        .as('m'),
    )
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .select((e) => [
      e.fn.countAll<number>().as('looked'),
      e.fn.max('m.user_id').as('last'),
      sql<number>`count(case when left_at is null then 1 end)`.as('all'),
      sql<number>`count(case when left_at is null and m.active = 1 and u.active = 1 then 1 end)`.as('active'),
      sql<number>`count(case when left_at is null and password_hash is not null then 1 end)`.as('with_password'),
    ])
    .executeTakeFirstOrThrow()
  const { all, active, with_password: withPassword } = row
  return { found: { all, active, withPassword }, next: nextOf(row) }
}

export async function countSomeCompanies(
  db: Db,
  after: string,
): Promise<Window<{ all: number; active: number }, string>> {
  const row = await db
    .selectFrom((e) =>
      e.selectFrom('companies').select(['id', 'active']).where('id', '>', after).orderBy('id').limit(WINDOW).as('c'),
    )
    .select((e) => [
      e.fn.countAll<number>().as('looked'),
      e.fn.max('c.id').as('last'),
      sql<number>`count(case when active = 1 then 1 end)`.as('active'),
    ])
    .executeTakeFirstOrThrow()
  return { found: { all: row.looked, active: row.active }, next: nextOf(row) }
}

function nextOf({ looked, last }: { looked: number; last: string | null }): string | undefined {
  return looked < WINDOW ? undefined : (last ?? undefined)
}

export type LicensePlace = { company_id: string; application_id: string }

/** By company, then application; of one company, or of all. */
export async function listSomeLicenses(db: Db, companyId: string | undefined, after: LicensePlace | undefined) {
  let query = db
    .selectFrom('licenses')
    .select(['company_id', 'application_id', 'starts_at', 'ends_at', 'grace_days', 'seats', 'seats_held', 'suspended'])
    .orderBy('company_id')
    .orderBy('application_id')
    .limit(WINDOW)
  if (companyId !== undefined) query = query.where('company_id', '=', companyId)
  if (after)
    query = query.where(sql<boolean>`(company_id, application_id) > (${after.company_id}, ${after.application_id})`)
  return asWindow(await query.execute())
}

export type SignIn = { user_id: string; application_id: string; issued_at: number }

/** Sign-ins of the people themselves, user by user, the newest of each first. Reads the index `tokens_user` alone. */
export async function listSomeSignIns(db: Db, after: SignIn | undefined): Promise<Window<SignIn[], SignIn>> {
  let query = db
    .selectFrom('tokens')
    .select(['user_id', 'issued_at', 'application_id'])
    .where('impersonation_id', 'is', null)
    .orderBy('user_id', 'desc')
    .orderBy('issued_at', 'desc')
    .orderBy('application_id', 'desc')
    .limit(WINDOW)
  if (after)
    query = query.where(
      sql<boolean>`(user_id, issued_at, application_id) < (${after.user_id}, ${after.issued_at}, ${after.application_id})`,
    )
  return asWindow(await query.execute())
}

export type SeatsSignIn = { user_id: string; application_id: string; issued_at: number | null }

/** The last sign-in of everybody who holds a seat of a company's, by application. */
export async function listSomeHoldersSignIns(
  db: Db,
  companyId: string,
  after: SeatsSignIn | undefined,
): Promise<Window<SeatsSignIn[], SeatsSignIn>> {
  let query = db
    .selectFrom('seats as s')
    .select((e) => [
      's.application_id',
      's.user_id',
      e
        .selectFrom('tokens as t')
        .select('t.issued_at')
        .whereRef('t.user_id', '=', 's.user_id')
        .whereRef('t.application_id', '=', 's.application_id')
        .where('t.impersonation_id', 'is', null)
        .orderBy('t.issued_at', 'desc')
        .limit(1)
        .as('issued_at'),
    ])
    .where('s.company_id', '=', companyId)
    .orderBy('s.application_id')
    .orderBy('s.user_id')
    .limit(WINDOW)
  if (after)
    query = query.where(sql<boolean>`(s.application_id, s.user_id) > (${after.application_id}, ${after.user_id})`)
  return asWindow(await query.execute())
}

function asWindow<T>(rows: T[]): Window<T[], T> {
  return { found: rows, next: rows.length < WINDOW ? undefined : rows.at(-1) }
}

/** Accounts that must wait before the next try. What is forgotten is cleared away within minutes: there are never many. */
export async function countThrottled(db: Db, companyId: string | undefined, now: number): Promise<number> {
  let query = db
    .selectFrom('throttles as t')
    .select((e) => e.fn.count<number>('t.user_id').distinct().as('count'))
    .where('t.user_id', 'is not', null)
    .where('t.next_at', '>', now)
  if (companyId !== undefined)
    query = query.where((e) =>
      e.exists(
        e
          .selectFrom('memberships as m')
          .select('m.user_id')
          .whereRef('m.user_id', '=', 't.user_id')
          .where('m.company_id', '=', companyId)
          .where('m.left_at', 'is', null),
      ),
    )
  return (await query.executeTakeFirstOrThrow()).count
}

/** Keys that expire within a span of time, the soonest first; of one company or application, or of all. */
export async function listKeysExpiring(
  db: Db,
  of: { companyId: string | undefined; applicationId: string | undefined },
  { from, until, limit }: { from: number; until: number; limit: number },
) {
  let query = db
    .selectFrom('api_keys')
    .select(['id', 'name', 'power', 'company_id', 'application_id', 'expires_at'])
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', from)
    .where('expires_at', '<=', until)
    .orderBy('expires_at')
    .orderBy('id')
    .limit(limit)
  if (of.companyId !== undefined) query = query.where('company_id', '=', of.companyId)
  if (of.applicationId !== undefined) query = query.where('application_id', '=', of.applicationId)
  return query.execute()
}

export async function listCompanyNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('companies').select(['id', 'name']).where('id', 'in', ids).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/** By id. */
export async function listApplicationNames(db: Db, limit: number) {
  return db.selectFrom('applications').select(['id', 'name', 'active']).orderBy('id').limit(limit).execute()
}
