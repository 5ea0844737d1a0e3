import { type Selectable, sql } from 'kysely'
import { v7 as uuid } from 'uuid'
import type { Database, Db, Tx } from '../db/database.ts'
import { findFact, setFact } from '../db/house-facts.ts'
import type { Tables } from '../db/tables.ts'
import type { EventType } from './event-forms.ts'

/** One that is about to be stored; `data` of the standard form, as an object. */
export type NewEvent = {
  applicationId: string
  type: EventType
  userId?: string | undefined
  companyId?: string | undefined
  version?: number | undefined
  data: object
  /** What others than the standard form need of a changed user: the address that was told before, and whether the PIN is another one. */
  changed?: { email?: string; pin?: true } | undefined
  /** When a deleted person's data goes out of it. */
  eraseAt?: number | undefined
}

/** An event that is numbered. */
export type StoredEvent = {
  id: string
  seq: number
  type: EventType
  userId: string | null
  companyId: string | null
  /** JSON. */
  data: string
  changed: NewEvent['changed'] | null
  createdAt: number
}

const COLUMNS = ['id', 'seq', 'type', 'user_id', 'company_id', 'data', 'changed', 'created_at'] as const

const BATCH = 100

/** Stores events, in their order. They can be read when they are numbered. */
export async function insertEvents(tx: Tx, now: number, all: readonly NewEvent[]): Promise<void> {
  for (let from = 0; from < all.length; from += BATCH) {
    const rows = all.slice(from, from + BATCH).map((each) => ({
      // Grows with each one that this process makes.
      id: uuid(),
      application_id: each.applicationId,
      seq: null,
      type: each.type,
      user_id: each.userId ?? null,
      company_id: each.companyId ?? null,
      version: each.version ?? null,
      data: JSON.stringify(each.data),
      changed: each.changed ? JSON.stringify(each.changed) : null,
      created_at: now,
      erase_at: each.eraseAt ?? null,
    }))
    await tx.insertInto('events').values(rows).execute()
  }
}

/** Tries the way to an application: stored by whoever asks for it, in that transaction. */
export async function insertPing(tx: Tx, now: number, applicationId: string): Promise<void> {
  await insertEvents(tx, now, [{ applicationId, type: 'ping', data: { application: applicationId } }])
}

/** Any number of ours: one process numbers at a time, whichever. */
const NUMBER_LOCK = 7_313_006
const NUMBERED_AT_ONCE = 1_000
/** The number of the last event, and of the last one that was cleared away. */
const LAST = 'events_last'
const PURGED = 'events_purged'

/**
 * Numbers what was stored since, some at a time. Only rows whose transactions have ended are seen here, and nobody else numbers until
 * this one has ended: what is read up to a number stays so, nothing ever appears behind it. Tells how many.
 */
export async function numberEvents(database: Database): Promise<number> {
  if (!(await hasUnnumbered(database.read))) return 0
  return database.transaction(async (tx) => {
    if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(NUMBER_LOCK)})`.execute(tx)
    return numberSome(tx)
  })
}

async function numberSome(tx: Tx): Promise<number> {
  const last = await findNumber(tx, LAST)
  const { numAffectedRows } = await sql`update events set seq = n.seq from (
      select id, ${sql.lit(last)} + row_number() over (order by id) as seq
      from (select id from events where seq is null order by id limit ${sql.lit(NUMBERED_AT_ONCE)}) as waiting
    ) as n where events.id = n.id`.execute(tx)
  const count = Number(numAffectedRows ?? 0)
  if (count > 0) await setFact(tx, LAST, String(last + count))
  return count
}

async function hasUnnumbered(db: Db): Promise<boolean> {
  const row = await db
    .selectFrom('events')
    .select('id')
    .where('seq', 'is', null)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** The number of the last event that can be read; 0 before the first. */
export async function lastNumber(db: Db): Promise<number> {
  return findNumber(db, LAST)
}

/** The number of the last event that is there no more. */
export async function lastPurged(db: Db): Promise<number> {
  return findNumber(db, PURGED)
}

async function findNumber(db: Db, name: string): Promise<number> {
  return Number((await findFact(db, name)) ?? 0)
}

/** An application's events after a number, and up to another where one is given, in their order. */
export async function listEvents(
  db: Db,
  applicationId: string,
  { after, upTo, limit }: { after: number; upTo?: number | undefined; limit: number },
): Promise<StoredEvent[]> {
  let query = db
    .selectFrom('events')
    .select(COLUMNS)
    .where('application_id', '=', applicationId)
    .where('seq', 'is not', null)
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
  if (upTo !== undefined) query = query.where('seq', '<=', upTo)
  return (await query.execute()).map(read)
}

/** Undefined once it is kept no longer. */
export async function findEvent(db: Db, id: string): Promise<StoredEvent | undefined> {
  const row = await db.selectFrom('events').select(COLUMNS).where('id', '=', id).executeTakeFirst()
  return row && read(row)
}

function read(row: Pick<Selectable<Tables['events']>, (typeof COLUMNS)[number]>): StoredEvent {
  return {
    id: row.id,
    seq: row.seq ?? 0,
    type: row.type as EventType, // As `insertEvents` wrote it.
    userId: row.user_id,
    companyId: row.company_id,
    data: row.data,
    changed: row.changed === null ? null : JSON.parse(row.changed),
    createdAt: row.created_at,
  }
}

/** Which applications have events after a number, up to another. */
export async function listApplicationsTold(db: Db, after: number, upTo: number): Promise<string[]> {
  const rows = await db
    .selectFrom('events')
    .select('application_id')
    .distinct()
    .where('seq', 'is not', null)
    .where('seq', '>', after)
    .where('seq', '<=', upTo)
    .execute()
  return rows.map((row) => row.application_id)
}

/** Clears away events of before a moment, some at a time, the oldest first. Tells how many. */
export async function purgeEvents(tx: Tx, before: number, limit: number): Promise<number> {
  const rows = await tx
    .selectFrom('events')
    .select(['id', 'seq', 'created_at'])
    .where('seq', 'is not', null)
    .orderBy('seq')
    .limit(limit)
    .execute()
  // What follows one that stays, stays: a cursor is either whole or gone.
  const end = rows.findIndex((row) => row.created_at >= before)
  const old = end < 0 ? rows : rows.slice(0, end)
  const last = old.at(-1)
  if (!last) return 0
  await tx
    .deleteFrom('events')
    .where(
      'id',
      'in',
      old.map((row) => row.id),
    )
    .execute()
  await setFact(tx, PURGED, String(last.seq ?? 0))
  return old.length
}

/** All that was stored of a person so far loses its personal data at once; what tells of the deletion itself says when. */
export async function markForErasing(tx: Tx, userId: string, now: number): Promise<void> {
  await tx
    .updateTable('events')
    .set({ erase_at: now })
    .where('user_id', '=', userId)
    .where('erase_at', 'is', null)
    .execute()
}

/** Takes the personal data out of what is due for it, some at a time: names and addresses read as empty from then on. Tells how many. */
export async function eraseEvents(tx: Tx, now: number, limit: number): Promise<number> {
  const rows = await tx
    .selectFrom('events')
    .select(['id', 'data'])
    .where('erase_at', 'is not', null)
    .where('erase_at', '<=', now)
    .orderBy('erase_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id, data } of rows)
    await tx
      .updateTable('events')
      .set({ data: withoutPerson(data), changed: null, erase_at: null })
      .where('id', '=', id)
      .execute()
  return rows.length
}

function withoutPerson(data: string): string {
  const told = JSON.parse(data) as { user?: Record<string, unknown> } // As it was stored.
  if (!told.user) return data
  const user = { ...told.user }
  for (const field of ['email', 'first_name', 'last_name']) if (field in user) user[field] = ''
  return JSON.stringify({ ...told, user })
}
