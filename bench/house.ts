import { type RawBuilder, sql } from 'kysely'
import { hashPassword } from '../packages/server/src/credentials/password-hash.ts'
import { newSecret, secretHash } from '../packages/server/src/credentials/secrets.ts'
import { type Database, type DatabaseAddress, openDatabase, type Tx } from '../packages/server/src/db/database.ts'
import { allSteps, migrate } from '../packages/server/src/db/migrate.ts'
import { END_OF_TIME, START_OF_TIME } from '../packages/server/src/domain/interval.ts'
import { userTerms } from '../packages/server/src/domain/search-term.ts'

export const APPLICATION = 'bench'
export const PASSWORD = 'the one password of the bench house'

/** Companies of a user, and permissions in each, `use_app` on top. */
export const COMPANIES_OF_USER = 3
export const PERMISSIONS_OF_SEAT = 10

export const COMPANIES = 300
// Of one length, so that all answers have one size.
const MODULES = ['invoices', 'projects', 'articles']
const ACTIONS = ['list', 'create', 'edit', 'delete', 'approve', 'export', 'import', 'archive', 'assign', 'comment']
const TOKENS_OF_USER = 2
const DAY = 86_400_000
const BATCH = 1_000

/** `key`: an API key of an operator. */
export type House = { emails: string[]; tokens: string[]; key: string }

export type Size = {
  users: number
  /** Of each user; the first company has what does not divide by three. */
  grants: number
  tokens: number
}

/**
 * A house straight into the tables: each user is a member of three of 300 companies and has, by default, ten grants in each, eight
 * direct and two through roles. All have one password; the tokens have not been used for an hour. One act for each user is in the audit.
 */
export async function fillHouse(
  address: DatabaseAddress,
  users: number,
  size: Partial<Omit<Size, 'users'>> = {},
): Promise<House> {
  const { grants = COMPANIES_OF_USER * PERMISSIONS_OF_SEAT, tokens: wanted = users * TOKENS_OF_USER } = size
  const db = openDatabase(address, { poolSize: 2, onIdleError: () => undefined, isPatient: true })
  try {
    // What a company's people are found by is filled in one go at the end, in its own order: row by row it takes far longer.
    await migrate(db, stepsUntil('0010-members', db.kind))
    const now = Date.now()
    const password = await hashPassword(PASSWORD)
    const emails = Array.from({ length: users }, (_, n) => `user${n}@bench.test`)
    const key = newSecret('clk_')
    const tokens = Array.from({ length: wanted }, () => newSecret('clt_'))
    await db.transaction(async (tx) => {
      const items = await insertApplication(tx, now)
      await insertCompanies(tx, now)
      await insertUsers(tx, emails, password, now)
      await insertRights(tx, { users, grants }, items, now)
      await insertTokens(tx, tokens, users, now)
      await insertKey(tx, key, now)
    })
    await migrate(db)
    await settle(db)
    return { emails, tokens, key }
  } finally {
    await db.close()
  }
}

/** Those before that one. */
function stepsUntil(name: string, kind: Database['kind']) {
  return Object.fromEntries(Object.entries(allSteps(kind)).filter(([each]) => each < name))
}

/** What a seat's holder is granted where the module is theirs. */
type Item = { module: string; nth: number; permission: number | null; role: number | null }

async function insertApplication(tx: Tx, now: number): Promise<Item[]> {
  await tx
    .insertInto('applications')
    .values({
      id: APPLICATION,
      name: 'Bench',
      dialect: 'v1',
      exposes_pin: 0,
      active: 1,
      secret_hash: null,
      token_days: null,
      token_idle_days: 14,
      tree_version: 1,
      sessions_ended_at: 0,
      created_at: now,
      updated_at: now,
    })
    .execute()
  await insertPermission(tx, 'use_app', null)
  const items: Item[] = []
  for (const module of MODULES) {
    // All need the module's list, which is granted: ten grants are ten permissions.
    const list = await insertPermission(tx, `${module}_list`, null)
    const permissions = [list]
    for (const action of ACTIONS.slice(1)) permissions.push(await insertPermission(tx, `${module}_${action}`, list))
    const direct = permissions.slice(0, -2)
    items.push(...direct.map((permission, nth) => ({ module, nth, permission, role: null })))
    for (const [at, last] of permissions.slice(-2).entries()) {
      const role = await insertRole(tx, `${module}_${last}`, [list, last])
      items.push({ module, nth: direct.length + at, permission: null, role })
    }
  }
  return items
}

async function insertPermission(tx: Tx, slug: string, needs: number | null): Promise<number> {
  const { id } = await tx
    .insertInto('permissions')
    .values({ application_id: APPLICATION, slug, name: slug, description: '', needs, operator_only: 0 })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

async function insertRole(tx: Tx, key: string, permissions: number[]): Promise<number> {
  const { id } = await tx
    .insertInto('roles')
    .values({ application_id: APPLICATION, company_id: null, key, name: key })
    .returning('id')
    .executeTakeFirstOrThrow()
  const rows = permissions.map((permission) => ({ role_id: id, permission_id: permission }))
  await tx.insertInto('role_permissions').values(rows).execute()
  return id
}

async function insertCompanies(tx: Tx, now: number): Promise<void> {
  const numbers = Array.from({ length: COMPANIES }, (_, n) => n)
  const times = { created_at: now, updated_at: now }
  await tx
    .insertInto('companies')
    .values(
      numbers.map((n) => ({
        id: companyId(n),
        name: `Company ${100 + n}`,
        term: `company ${100 + n}`,
        active: 1 as const,
        ...times,
      })),
    )
    .execute()
  const terms = {
    application_id: APPLICATION,
    starts_at: START_OF_TIME,
    ends_at: END_OF_TIME,
    grace_days: 14,
    seats: null,
    seats_held: 0,
    suspended: 0,
    includes_all: 1,
    note: '',
  } as const
  await tx
    .insertInto('licenses')
    .values(numbers.map((n) => ({ company_id: companyId(n), ...terms, ...times })))
    .execute()
}

async function insertUsers(tx: Tx, emails: readonly string[], password: string, now: number): Promise<void> {
  const rows = emails.values().map((email, n) => ({
    id: userId(n),
    email,
    first_name: 'Anna',
    last_name: `Ames ${n}`,
    pin: null,
    password_hash: password,
    password_foreign: 0 as const,
    active: 1 as const,
    operator: 0 as const,
    managed_by: null,
    sessions_ended_at: 0,
    created_at: now,
    updated_at: now,
  }))
  for (const batch of batches(rows)) await tx.insertInto('users').values(batch).execute()
  const terms = emails
    .values()
    .flatMap((email, n) =>
      userTerms({ email, firstName: 'Anna', lastName: `Ames ${n}` }).map((term) => ({ term, user_id: userId(n) })),
    )
  for (const batch of batches(terms)) await tx.insertInto('user_terms').values(batch).execute()
}

/** Memberships, seats and grants, made of two lists by the database itself: there are over a million. */
async function insertRights(
  tx: Tx,
  { users, grants }: Pick<Size, 'users' | 'grants'>,
  items: readonly Item[],
  now: number,
): Promise<void> {
  await sql`create temporary table bench_members (user_id text, company_id text, nth integer, module text)`.execute(tx)
  await sql`create temporary table bench_items (module text, nth integer, permission_id integer, role_id integer)`.execute(
    tx,
  )
  await sql`insert into bench_items values ${sql.join(items.map(({ module, nth, permission, role }) => row(module, nth, permission, role)))}`.execute(
    tx,
  )
  for (const batch of batches(membersOf(users)))
    await sql`insert into bench_members values ${sql.join(batch)}`.execute(tx)
  const each = Math.floor(grants / COMPANIES_OF_USER)
  const always = sql.raw(`${START_OF_TIME}, ${END_OF_TIME}`)
  const application = sql.lit(APPLICATION)
  const at = sql.lit(now)
  await sql`insert into memberships (user_id, company_id, role, is_primary, active, joined_at)
    select user_id, company_id, 'member', case when nth = 0 then 1 else 0 end, 1, ${at} from bench_members
    order by user_id, company_id`.execute(tx)
  await sql`insert into seats (user_id, application_id, company_id, starts_at, ends_at, given_at)
    select user_id, ${application}, company_id, ${always}, ${at} from bench_members
    order by user_id, company_id`.execute(tx)
  await sql`update licenses set seats_held =
    (select count(*) from seats s where s.company_id = licenses.company_id)`.execute(tx)
  await sql`insert into grants (id, company_id, application_id, user_id, seat, permission_id, role_id, item, starts_at, ends_at,
      reason, granted_by, granted_at, revoked_at)
    select '01990000-0000-7000-8000-' || (100000000000 + row_number() over ()), m.company_id, ${application}, m.user_id,
      s.number, i.permission_id, i.role_id, coalesce(i.permission_id, -i.role_id), ${always}, '', 'bench', ${at}, 0
    from bench_members m
      join seats s on s.user_id = m.user_id and s.application_id = ${application} and s.company_id = m.company_id
      join bench_items i on i.module = m.module
        and i.nth < case when m.nth = 0 then ${sql.lit(grants - 2 * each)} else ${sql.lit(each)} end`.execute(tx)
  // One act for each user, a second apart; as sealed, so that no server is busy with that.
  await sql`insert into audit_entries (id, at, act, actor_kind, actor_id, target_kind, target_id, company_id,
      application_id, data, seq, mac, key_id)
    select '01990000-0000-7000-b000-' || (100000000000 + nth), ${at} - 1000 * nth,
      case when nth % 1000 = 7 then 'role.deleted' when nth % 3 = 0 then 'user.changed' when nth % 3 = 1 then 'seat.given' else 'grant.given' end,
      'key', 'bench', 'user', user_id, company_id, ${application}, '{}', nth, 'bench', 'bench'
    from (select user_id, company_id, row_number() over () as nth from bench_members where nth = 0) m`.execute(tx)
}

async function insertKey(tx: Tx, key: string, now: number): Promise<void> {
  await tx
    .insertInto('api_keys')
    .values({
      id: '01990000-0000-7000-c000-000000000001',
      hash: secretHash(key),
      name: 'bench',
      power: 'operator',
      user_id: null,
      company_id: null,
      application_id: null,
      scopes: '*',
      created_by: 'bench',
      created_at: now,
      expires_at: END_OF_TIME,
      last_used_at: 0,
      revoked_at: null,
    })
    .execute()
}

async function insertTokens(tx: Tx, tokens: readonly string[], users: number, now: number): Promise<void> {
  const rows = tokens.values().map((token, n) => ({
    id: `01990000-0000-7000-9000-${String(n).padStart(12, '0')}`,
    hash: secretHash(token),
    // One after the other, and all over the house.
    user_id: userId(Math.floor((n * users) / tokens.length)),
    application_id: APPLICATION,
    issued_at: now - DAY,
    expires_at: now + 29 * DAY,
    idle_limit: 14 * DAY,
    last_used_at: now - DAY / 24,
    revoked_at: null,
    only_company_id: null,
    impersonation_id: null,
  }))
  for (const batch of batches(rows)) await tx.insertInto('tokens').values(batch).execute()
}

/** What a house that has stood for a while has behind it: statistics on PostgreSQL, an empty log of writes on both. */
async function settle(db: Database): Promise<void> {
  if (db.kind === 'sqlite') {
    await sql`pragma wal_checkpoint(truncate)`.execute(db.read)
    return
  }
  await sql`vacuum analyze`.execute(db.read)
  await sql`checkpoint`.execute(db.read)
}

function row(...values: (string | number | null)[]): RawBuilder<unknown> {
  return sql`(${sql.join(values.map((value) => sql.lit(value)))})`
}

export function userId(n: number): string {
  return `01990000-0000-7000-8000-${String(n).padStart(12, '0')}`
}

export function companyId(n: number): string {
  return `01990000-0000-7000-a000-${String(n).padStart(12, '0')}`
}

/** A million rows are never in memory at once. */
function* batches<T>(rows: Iterable<T>): Iterable<T[]> {
  let batch: T[] = []
  for (const row of rows) {
    batch.push(row)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** A user's company, and the module that the user's grants in it are of. Of the three companies each has another. */
export function seatOf(user: number, nth: number): { company: string; module: string } {
  const company = (user * 7 + nth * (97 + (user % 5))) % COMPANIES
  return { company: companyId(company), module: moduleAt(user + nth) }
}

export function moduleAt(n: number): string {
  return MODULES[n % MODULES.length] ?? ''
}

function* membersOf(users: number): Iterable<RawBuilder<unknown>> {
  for (let user = 0; user < users; user++) {
    for (let nth = 0; nth < COMPANIES_OF_USER; nth++) {
      const { company, module } = seatOf(user, nth)
      yield row(userId(user), company, nth, module)
    }
  }
}
