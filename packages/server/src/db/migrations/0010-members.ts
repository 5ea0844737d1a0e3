import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Database, Db, Tx } from '../database.ts'
import type { SchemaDialect } from './dialect.ts'
import { PEOPLE_TRIGGERS } from './people-triggers.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** An act in a company is a range of an index; and what a company's people are found by, kept in step by the database itself (docs/decisions/0024-a-companys-people.md). */
export function members({ text, sorted, flag, clustered }: SchemaDialect, kind: Database['kind']) {
  return {
    // Also where it was taken before, and its filling was not.
    async up(db: Untyped): Promise<void> {
      if (kind === 'sqlite' || !(await isAudited(db))) await indexActs(db)
      const tables = await db.introspection.getTables()
      if (tables.some(({ name }) => name === 'people_terms')) return
      await db.schema
        .createTable('people_terms')
        .addColumn('company_id', text, (c) => c.notNull())
        // 0: whom the company manages, and who is no member.
        .addColumn('is_member', flag, (c) => c.notNull())
        .addColumn('is_address', flag, (c) => c.notNull())
        .addColumn('term', sorted, (c) => c.notNull())
        .addColumn('user_id', text, (c) => c.notNull())
        .addPrimaryKeyConstraint('people_terms_key', ['company_id', 'is_member', 'is_address', 'term', 'user_id'])
        .modifyEnd(clustered)
        .execute()
      // Short: nobody writes these until the end. In the order in which acts take them.
      if (kind === 'postgres')
        await sql`lock table users, memberships, user_terms in share row exclusive mode`.execute(db)
      for (const statement of PEOPLE_TRIGGERS[kind]) await sql.raw(statement).execute(db)
    },

    /** Many short transactions: of a large house it takes minutes, and servers of the release before go on beside it. */
    async fill(database: Database): Promise<void> {
      if (kind === 'postgres') await indexActsBeside(database)
      await fillMembers(database)
      await fillManaged(database)
    },
  }
}

async function isAudited(db: Untyped): Promise<boolean> {
  return (await db.selectFrom('audit_entries').select('id').limit(1).execute()).length > 0
}

const ON_ACTS = sql`on audit_entries (company_id, act, at, id) where company_id is not null`

async function indexActs(db: Untyped): Promise<void> {
  await sql`create index if not exists audit_entries_company_act ${ON_ACTS}`.execute(db)
}

/** While others write. Of several processes one at a time; the others find it done. */
async function indexActsBeside({ read }: Database): Promise<void> {
  await read.connection().execute(async (db) => {
    // Not by waiting in the database: making the index waits for all who wait there.
    while (!(await isFirst(db))) await sleep(WAIT_MS)
    try {
      const { rows } = await sql`select 1 from pg_index
        where indexrelid = to_regclass('audit_entries_company_act') and not indisvalid`.execute(db)
      // One that was cut off is of no use.
      if (rows.length > 0) await sql`drop index concurrently audit_entries_company_act`.execute(db)
      await sql`create index concurrently if not exists audit_entries_company_act ${ON_ACTS}`.execute(db)
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(INDEX_LOCK)})`.execute(db)
    }
  })
}

/** Any number of ours. */
const INDEX_LOCK = 7_313_010
const WAIT_MS = 200

async function isFirst(db: Db): Promise<boolean> {
  const { rows } = await sql<{ first: boolean }>`select pg_try_advisory_lock(${sql.lit(INDEX_LOCK)}) as first`.execute(
    db,
  )
  return rows[0]?.first === true
}

/** Whose rows are locked for as long as theirs are written. */
const PAGE = 2_000

const IS_ADDRESS = sql`case when t.term = u.email then 1 else 0 end`

/** In the order of the companies, so that what is written together lies together. */
async function fillMembers(database: Database): Promise<void> {
  for (let after = { company_id: '', user_id: '' }; ; ) {
    const page = await database.read
      .selectFrom('memberships')
      .select(['company_id', 'user_id'])
      .where(sql<boolean>`(company_id, user_id) > (${after.company_id}, ${after.user_id})`)
      .orderBy('company_id')
      .orderBy('user_id')
      .limit(PAGE)
      .execute()
    const last = page.at(-1)
    if (!last) return
    const isOfPage = sql`(m.company_id, m.user_id) > (${after.company_id}, ${after.user_id})
      and (m.company_id, m.user_id) <= (${last.company_id}, ${last.user_id})`
    await database.transaction(async (tx) => {
      await lockUsers(database, tx, sql`id in (select m.user_id from memberships m where ${isOfPage})`)
      await sql`insert into people_terms (company_id, is_member, is_address, term, user_id)
        select m.company_id, 1, ${IS_ADDRESS}, t.term, t.user_id
        from memberships m join users u on u.id = m.user_id join user_terms t on t.user_id = m.user_id
        where m.left_at is null and ${isOfPage} on conflict do nothing`.execute(tx)
    })
    after = last
  }
}

async function fillManaged(database: Database): Promise<void> {
  for (let after = ''; ; ) {
    const page = await database.read
      .selectFrom('users')
      .select('id')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute()
    const last = page.at(-1)?.id
    if (last === undefined) return
    const isOfPage = sql`u.id > ${after} and u.id <= ${last} and u.managed_by is not null`
    await database.transaction(async (tx) => {
      await lockUsers(database, tx, sql`id in (select u.id from users u where ${isOfPage})`)
      await sql`insert into people_terms (company_id, is_member, is_address, term, user_id)
        select u.managed_by, 0, ${IS_ADDRESS}, t.term, t.user_id
        from users u join user_terms t on t.user_id = u.id
        where ${isOfPage} and not exists (select 1 from memberships m
          where m.user_id = u.id and m.company_id = u.managed_by and m.left_at is null)
        on conflict do nothing`.execute(tx)
    })
    after = last
  }
}

/** Whoever changes what they are found by, or where they are members, waits, and is seen from then on. */
async function lockUsers(database: Database, tx: Tx, which: ReturnType<typeof sql>): Promise<void> {
  if (database.kind !== 'postgres') return
  // A page is small, whatever the planner takes it for: each of its rows is looked up.
  for (const way of ['seqscan', 'hashjoin', 'mergejoin'])
    await sql`set local ${sql.ref(`enable_${way}`)} = off`.execute(tx)
  await sql`select id from users where ${which} order by id for no key update`.execute(tx)
}
