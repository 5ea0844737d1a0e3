import { type RawBuilder, sql } from 'kysely'
import type { Database, Db, PreparedQuery } from '../db/database.ts'
import type { Dialect } from '../domain/dialect.ts'
import type { Circumstances, LicenseTerms } from '../domain/facts.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../domain/interval.ts'
import type { Given } from './given.ts'

/** The company's side of the facts, with what an answer says of the company. */
export type CompanyFacts = Circumstances & {
  license: LicenseTerms
  seat: Interval
  given: Given
  companyId: string
  companyName: string
  isPrimary: boolean
  joinedAt: number
}

export type UserFacts = {
  id: string
  email: string
  firstName: string
  lastName: string
  pin: string | null
  active: boolean
  sessionsEndedAt: number
}

export type ApplicationFacts = {
  id: string
  active: boolean
  dialect: Dialect
  exposesPin: boolean
  secretHash: string | null
  sourceNetworks: readonly string[] | null
  treeVersion: number
  sessionsEndedAt: number
}

export type TokenFacts = {
  id: string
  issuedAt: number
  expiresAt: number
  idleLimit: number
  lastUsedAt: number
  revokedAt: number | null
  onlyCompanyId: string | null
}

export type AnswerFacts = { user: UserFacts; application: ApplicationFacts; companies: CompanyFacts[] }

/** A seat, whose it is, and its side of the facts. */
export type SeatFacts = { number: number; userId: string; treeVersion: number; company: CompanyFacts }

export type FactsQueries = {
  /** Everything an answer needs, in one look at the database. Undefined for a token that is not there. */
  byToken(hash: string): Promise<(AnswerFacts & { token: TokenFacts }) | undefined>
  /** The same for someone who is just signing in. */
  byUser(userId: string, applicationId: string): Promise<AnswerFacts | undefined>
  /** The same for seats, up to SEATS_AT_ONCE, by their numbers. */
  bySeats(numbers: readonly number[]): Promise<SeatFacts[]>
}

/** So few that others get their turn between. */
export const SEATS_AT_ONCE = 200

/**
 * THE query. It returns rows and judges nothing; domain/effective.ts does. A seat's grants come as one text (given.ts),
 * since gathering them in the database costs half of what reading row by row does. What a role holds is not in it
 * (role-cache.ts). Written as SQL because both databases take it as it stands; tests/access/plan.test.ts holds its plan.
 */
const SEAT_COLUMNS = sql`
  s.company_id, c.name, c.active, m.active, m.is_primary, m.joined_at,
  l.starts_at, l.ends_at, l.grace_days, l.suspended, l.includes_all, s.starts_at, s.ends_at,
  (select string_agg(g.item || ${interval()}, ' ') from grants g where g.seat = s.number and g.revoked_at = 0),
  (select string_agg(k.role_id || '', ' ') from license_roles k
    where k.company_id = s.company_id and k.application_id = s.application_id),
  case when l.includes_all = 0 then (select string_agg(i.permission_id || '', ' ') from license_permissions i
    where i.company_id = s.company_id and i.application_id = s.application_id) end`

const COMPANY_TABLES = sql`
  left join memberships m on m.user_id = s.user_id and m.company_id = s.company_id
  left join companies c on c.id = s.company_id
  left join licenses l on l.company_id = s.company_id and l.application_id = s.application_id`

const SEAT_TABLES = sql`
  left join seats s on s.user_id = u.id and s.application_id = a.id ${COMPANY_TABLES}`

const HEAD_COLUMNS = sql`
  u.id, u.email, u.first_name, u.last_name, u.pin, u.active, u.sessions_ended_at,
  a.id, a.active, a.exposes_pin, a.secret_hash, a.tree_version, a.sessions_ended_at,
  a.source_networks, a.dialect`
const HEAD = 15
const SEAT = 16

const TOKEN_COLUMNS = sql`
  t.id, t.issued_at, t.expires_at, t.idle_limit, t.last_used_at, t.revoked_at, t.only_company_id`

function interval(): RawBuilder<unknown> {
  const always = sql`g.starts_at = ${sql.lit(START_OF_TIME)} and g.ends_at = ${sql.raw(String(END_OF_TIME))}`
  return sql`case when ${always} then '' else ':' || g.starts_at || ':' || g.ends_at end`
}

const SEAT_HEAD = 5

/** The two ways to ask for an answer, with a place for each value. */
export function factsSql(): { byToken: RawBuilder<unknown>; byUser: RawBuilder<unknown> } {
  const value = sql`${''}`
  return {
    byToken: sql`select ${HEAD_COLUMNS}, ${SEAT_COLUMNS}, ${TOKEN_COLUMNS}
      from tokens t join users u on u.id = t.user_id join applications a on a.id = t.application_id ${SEAT_TABLES}
      where t.hash = ${value}`,
    byUser: sql`select ${HEAD_COLUMNS}, ${SEAT_COLUMNS}
      from users u join applications a on a.id = ${value} ${SEAT_TABLES} where u.id = ${value}`,
  }
}

/** Of seats, by their numbers. */
export function seatsSql(seats: readonly number[] = Array<number>(SEATS_AT_ONCE).fill(0)): RawBuilder<unknown> {
  const numbers = sql.join(seats.map((number) => sql`${number}`))
  return sql`select s.number, s.user_id, u.active, a.active, a.tree_version, ${SEAT_COLUMNS}
    from seats s join users u on u.id = s.user_id join applications a on a.id = s.application_id ${COMPANY_TABLES}
    where s.number in (${numbers}) order by s.number`
}

/** The same of any seats, as a transaction sees them. */
export async function factsOfSeats(db: Db, numbers: readonly number[]): Promise<SeatFacts[]> {
  if (numbers.length === 0) return []
  // Rows come by the names of their columns here, and some have the same.
  const columns = sql.join(Array.from({ length: SEAT_HEAD + SEAT }, (_, nth) => sql.ref(`c${nth}`)))
  const { rows } = await sql<object>`with f(${columns}) as (${seatsSql(numbers)})
    select * from f`.execute(db)
  return rows.map((row) => readSeat(Object.values(row)))
}

export function prepareFacts(db: Database): FactsQueries {
  const queries = factsSql()
  const byToken = db.prepare('facts-by-token', queries.byToken.compile(db.read))
  const byUser = db.prepare('facts-by-user', queries.byUser.compile(db.read))
  const bySeats = db.prepare('facts-by-seats', seatsSql().compile(db.read))
  return {
    byToken: (hash) => readByToken(byToken, hash),
    async byUser(userId, applicationId) {
      return readAnswer(await byUser([applicationId, userId]))
    },
    async bySeats(numbers) {
      // One statement for any number of them: no seat has the number 0.
      const rows = await bySeats([...numbers, ...Array<number>(SEATS_AT_ONCE - numbers.length).fill(0)])
      return rows.map(readSeat)
    },
  }
}

type Row = readonly unknown[]

async function readByToken(query: PreparedQuery, hash: string): ReturnType<FactsQueries['byToken']> {
  const rows = await query([hash])
  const answer = readAnswer(rows)
  const row = rows[0]
  if (!answer || !row) return undefined
  const [id, issuedAt, expiresAt, idleLimit, lastUsedAt, revokedAt, onlyCompanyId] = row.slice(HEAD + SEAT) as [
    string,
    number,
    number,
    number,
    number,
    number | null,
    string | null,
  ] // In the order of TOKEN_COLUMNS.
  if (onlyCompanyId !== null) answer.companies = answer.companies.filter((each) => each.companyId === onlyCompanyId)
  return { ...answer, token: { id, issuedAt, expiresAt, idleLimit, lastUsedAt, revokedAt, onlyCompanyId } }
}

function readAnswer(rows: readonly Row[]): AnswerFacts | undefined {
  const head = rows[0] as
    | [
        string,
        string,
        string,
        string,
        string | null,
        number,
        number,
        string,
        number,
        number,
        string | null,
        number,
        number,
        string | null,
        Dialect,
      ]
    | undefined // In the order of HEAD_COLUMNS.
  if (!head) return undefined
  const user = {
    id: head[0],
    email: head[1],
    firstName: head[2],
    lastName: head[3],
    pin: head[4],
    active: head[5] === 1,
    sessionsEndedAt: head[6],
  }
  const application = {
    id: head[7],
    active: head[8] === 1,
    dialect: head[14],
    exposesPin: head[9] === 1,
    secretHash: head[10],
    treeVersion: head[11],
    sessionsEndedAt: head[12],
    sourceNetworks: head[13]?.split(' ') ?? null,
  }
  const companies: CompanyFacts[] = []
  for (const row of rows) {
    if (row[HEAD] !== null) companies.push(readCompany(row.slice(HEAD, HEAD + SEAT), user.active, application.active))
  }
  return { user, application, companies }
}

function readSeat(row: Row): SeatFacts {
  const [number, userId, userActive, applicationActive, treeVersion] = row as [number, string, number, number, number] // As in `bySeats`.
  const company = readCompany(row.slice(SEAT_HEAD), userActive === 1, applicationActive === 1)
  return { number, userId, treeVersion, company }
}

type SeatRow = [
  string,
  string,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  string | null,
  string | null,
  string | null,
]

function readCompany(row: Row, userActive: boolean, applicationActive: boolean): CompanyFacts {
  const seat = row as SeatRow // In the order of SEAT_COLUMNS.
  return {
    companyId: seat[0],
    companyName: seat[1],
    isPrimary: seat[4] === 1,
    joinedAt: seat[5],
    application: { active: applicationActive },
    user: { active: userActive },
    company: { active: seat[2] === 1 },
    membership: { active: seat[3] === 1 },
    license: { startsAt: seat[6], endsAt: seat[7], graceDays: seat[8], suspended: seat[9] === 1 },
    seat: { startsAt: seat[11], endsAt: seat[12] },
    given: {
      grants: seat[13] ?? '',
      licenseRoles: seat[14] ?? '',
      included: seat[10] === 1 ? null : (seat[15] ?? ''),
    },
  }
}
