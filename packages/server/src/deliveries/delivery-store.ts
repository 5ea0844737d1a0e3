import { type Insertable, type Selectable, sql } from 'kysely'
import type { Context } from '../context.ts'
import type { Database, Db, Tx } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'
import type { DeliveryState } from '../domain/delivery.ts'
import type { EndpointRow } from './endpoint-store.ts'

export type DeliveryRow = Selectable<Tables['deliveries']>
export type AttemptRow = Selectable<Tables['delivery_attempts']>

/** As a word of the statement, not a value of it: so the indexes of those that wait are of use. */
const WAITING = sql.lit<DeliveryState>('waiting')
/** Of one delivery; the oldest go first. */
const KEPT_ATTEMPTS = 50

type Begun = Pick<
  DeliveryRow,
  'id' | 'endpoint_id' | 'message_id' | 'type' | 'lane' | 'topic' | 'seq' | 'created_at'
> & { event_id?: string }

/** One that waits for its first try. */
export function newDelivery({ event_id, ...begun }: Begun): DeliveryRow {
  return {
    ...begun,
    event_id: event_id ?? null,
    state: 'waiting',
    attempts: 0,
    tries: 0,
    first_tried_at: null,
    next_at: begun.created_at,
    claim: null,
    last_status: null,
    last_error: null,
    finished_at: null,
  }
}

/** Each once, whichever node made them first. */
export async function insertDeliveries(db: Db, rows: readonly Insertable<Tables['deliveries']>[]): Promise<void> {
  if (rows.length === 0) return
  await db
    .insertInto('deliveries')
    .values([...rows])
    .onConflict((c) => c.columns(['endpoint_id', 'message_id']).doNothing())
    .execute()
}

export type Due = {
  id: string
  applicationId: string
  nextSeq: number
  /** Of the application's last event; 0: it has none. */
  lastSeq: number
  dueAt: number | null
  resendPlace: string | null
}

/** Every endpoint that is on, and when something of it is due: one look into an index for each. */
export async function listDue(db: Db): Promise<Due[]> {
  const rows = await db
    .selectFrom('endpoints as e')
    .select((x) => [
      'e.id',
      'e.application_id',
      'e.next_seq',
      'e.resend_place',
      x
        .selectFrom('deliveries as d')
        .select('d.next_at')
        .whereRef('d.endpoint_id', '=', 'e.id')
        .where('d.state', '=', WAITING)
        .orderBy('d.next_at')
        .limit(1)
        .as('due_at'),
      x
        .selectFrom('events as v')
        .select('v.seq')
        .whereRef('v.application_id', '=', 'e.application_id')
        .where('v.seq', 'is not', null)
        .orderBy('v.seq', 'desc')
        .limit(1)
        .as('last_seq'),
    ])
    .where('e.active', '=', 1)
    .where('e.deleted_at', 'is', null)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    applicationId: row.application_id,
    nextSeq: row.next_seq,
    lastSeq: row.last_seq ?? 0,
    dueAt: row.due_at,
    resendPlace: row.resend_place,
  }))
}

type Claim = { endpointId: string; claim: string; now: number; until: number; limit: number }

/**
 * Takes what is due at an endpoint, one of each lane at most. In a lane the earlier goes first; but what has failed keeps back no rights
 * that came later. Whoever claims at this endpoint just now keeps others out: they come again.
 */
export async function claimDeliveries(
  tx: Tx,
  kind: Database['kind'],
  { endpointId, claim, now, until, limit }: Claim,
): Promise<{ endpoint: EndpointRow; deliveries: DeliveryRow[] } | undefined> {
  const asked = tx.selectFrom('endpoints').selectAll().where('id', '=', endpointId).where('active', '=', 1)
  const endpoint = await (kind === 'postgres' ? asked.forUpdate().skipLocked() : asked).executeTakeFirst()
  if (!endpoint) return undefined
  const due = dueAt(tx, endpointId, now).limit(limit)
  const found = await (kind === 'postgres' ? due.forUpdate('d').skipLocked() : due).execute()
  // Of one lane several may be due, where the earlier ones have failed.
  const ids = [...new Map(found.toReversed().map(({ lane, id }) => [lane, id])).values()]
  if (ids.length === 0) return undefined
  const claimed = tx.updateTable('deliveries').set({ claim, next_at: until }).where('id', 'in', ids).returningAll()
  return { endpoint, deliveries: await claimed.execute() }
}

// uses deliveries_due, and deliveries_lane for what stands before each
function dueAt(db: Db, endpointId: string, now: number) {
  return db
    .selectFrom('deliveries as d')
    .select(['d.id', 'd.lane'])
    .where('d.endpoint_id', '=', endpointId)
    .where('d.state', '=', WAITING)
    .where('d.next_at', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('deliveries as b')
            .select('b.id')
            .whereRef('b.endpoint_id', '=', 'd.endpoint_id')
            .whereRef('b.lane', '=', 'd.lane')
            .where('b.state', '=', WAITING)
            .where((e) => e(e.refTuple('b.seq', 'b.id'), '<', e.refTuple('d.seq', 'd.id')))
            .where((e) =>
              e.or([
                e('b.tries', '=', 0),
                e.and([e('b.claim', 'is not', null), e('b.next_at', '>', now)]),
                e('d.type', '!=', 'permissions.updated'),
              ]),
            ),
        ),
      ),
    )
    .orderBy('d.next_at')
    .orderBy('d.seq')
    .orderBy('d.id')
}

/** Of one that was not sent after all. */
export async function giveBack(ctx: Pick<Context, 'db' | 'now'>, { id, claim }: DeliveryRow): Promise<void> {
  await ctx.db.transaction((tx) =>
    tx
      .updateTable('deliveries')
      .set({ claim: null, next_at: ctx.now() })
      .where('id', '=', id)
      .where('claim', '=', claim)
      .execute(),
  )
}

/** What became of one try. Told to nobody whose claim it is no longer. */
export async function settleDelivery(
  db: Db,
  { id, claim }: Pick<DeliveryRow, 'id' | 'claim'>,
  outcome: Pick<
    DeliveryRow,
    'state' | 'attempts' | 'tries' | 'first_tried_at' | 'next_at' | 'last_status' | 'last_error' | 'finished_at'
  >,
): Promise<boolean> {
  const settled = await db
    .updateTable('deliveries')
    .set({ ...outcome, claim: null })
    .where('id', '=', id)
    .where('claim', '=', claim)
    .executeTakeFirst()
  return settled.numUpdatedRows === 1n
}

export async function insertAttempt(db: Db, attempt: AttemptRow): Promise<void> {
  await db.insertInto('delivery_attempts').values(attempt).execute()
  if (attempt.number <= KEPT_ATTEMPTS) return
  await db
    .deleteFrom('delivery_attempts')
    .where('delivery_id', '=', attempt.delivery_id)
    .where('number', '<=', attempt.number - KEPT_ATTEMPTS)
    .execute()
}

/** In these lanes, what a newer one about the same makes needless; not what is under way. */
export async function supersedeIn(db: Db, endpointId: string, lanes: readonly string[], now: number): Promise<void> {
  await db
    .updateTable('deliveries as d')
    .set({ state: 'superseded', finished_at: now, claim: null })
    .where('d.endpoint_id', '=', endpointId)
    .where('d.lane', 'in', lanes)
    .where('d.state', '=', WAITING)
    .where((e) => e.or([e('d.claim', 'is', null), e('d.next_at', '<=', now)]))
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('deliveries as n')
          .select('n.id')
          .whereRef('n.endpoint_id', '=', 'd.endpoint_id')
          .whereRef('n.lane', '=', 'd.lane')
          .whereRef('n.topic', '=', 'd.topic')
          .where('n.state', '=', WAITING)
          .whereRef('n.seq', '>', 'd.seq'),
      ),
    )
    .execute()
}

/** Whether a newer one about the same waits. */
export async function hasNewer(
  db: Db,
  of: Pick<DeliveryRow, 'endpoint_id' | 'lane' | 'topic' | 'seq'>,
): Promise<boolean> {
  if (of.topic === null) return false
  const newer = await db
    .selectFrom('deliveries')
    .select('id')
    .where('endpoint_id', '=', of.endpoint_id)
    .where('lane', '=', of.lane)
    .where('topic', '=', of.topic)
    .where('state', '=', WAITING)
    .where('seq', '>', of.seq)
    .limit(1)
    .executeTakeFirst()
  return newer !== undefined
}

/** The first of a lane that is not there yet, of one type. */
export async function findFirstWaiting(
  db: Db,
  { endpoint_id, lane }: Pick<DeliveryRow, 'endpoint_id' | 'lane'>,
  type: string,
): Promise<DeliveryRow | undefined> {
  return db
    .selectFrom('deliveries')
    .selectAll()
    .where('endpoint_id', '=', endpoint_id)
    .where('lane', '=', lane)
    .where('state', '=', WAITING)
    .where('type', '=', type)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
}

export async function findDelivery(db: Db, endpointId: string, id: string): Promise<DeliveryRow | undefined> {
  return db
    .selectFrom('deliveries')
    .selectAll()
    .where('id', '=', id)
    .where('endpoint_id', '=', endpointId)
    .executeTakeFirst()
}

export async function listAttempts(db: Db, deliveryId: string): Promise<AttemptRow[]> {
  return db
    .selectFrom('delivery_attempts')
    .selectAll()
    .where('delivery_id', '=', deliveryId)
    .orderBy('number')
    .limit(KEPT_ATTEMPTS)
    .execute()
}

export type DeliverySpan = {
  endpointId: string
  states?: readonly DeliveryState[] | undefined
  /** Made from this moment on, and before that one. */
  from?: number | undefined
  until?: number | undefined
}

export type DeliveryQuery = DeliverySpan & {
  /** Behind this one: its `created_at` and id. */
  after?: readonly [number, string] | undefined
  limit: number
}

/** The newest first. */
export async function listDeliveries(db: Db, { after, limit, ...span }: DeliveryQuery): Promise<DeliveryRow[]> {
  let query = ofSpan(db, span).selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit)
  if (after) query = query.where((e) => e(e.refTuple('created_at', 'id'), '<', e.tuple(after[0], after[1])))
  return query.execute()
}

function ofSpan(db: Db, { endpointId, states, from, until }: DeliverySpan) {
  let query = db.selectFrom('deliveries').where('endpoint_id', '=', endpointId)
  if (states) query = query.where('state', 'in', states)
  if (from !== undefined) query = query.where('created_at', '>=', from)
  if (until !== undefined) query = query.where('created_at', '<', until)
  return query
}

/** Puts what came to its end back in line, the oldest first, some at a time; with all its tries. Tells how many. */
export async function sendAgain(db: Db, span: DeliverySpan & { ids?: readonly string[] }, limit: number, now: number) {
  let some = ofSpan(db, span).select('id').orderBy('created_at').orderBy('id').limit(limit)
  if (span.ids) some = some.where('id', 'in', span.ids)
  const again = await db
    .updateTable('deliveries')
    .set({ state: 'waiting', tries: 0, next_at: now, claim: null, first_tried_at: null, finished_at: null })
    .where('id', 'in', some)
    .where('state', '!=', WAITING)
    .executeTakeFirst()
  return Number(again.numUpdatedRows)
}

/** What waits for a later try is due now. */
export async function hurry(db: Db, endpointId: string, now: number): Promise<void> {
  await db
    .updateTable('deliveries')
    .set({ next_at: now })
    .where('endpoint_id', '=', endpointId)
    .where('state', '=', WAITING)
    .where('claim', 'is', null)
    .where('next_at', '>', now)
    .execute()
}

/** Clears away what came to its end before a moment, some at a time. Tells how many. */
export async function purgeDeliveries(db: Db, before: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('deliveries')
    .select('id')
    .where('finished_at', '<', before)
    .orderBy('finished_at')
    .limit(limit)
    .execute()
  return deleteDeliveries(db, old)
}

/** The same of an endpoint that was deleted, and at last the endpoint. */
export async function purgeDeletedEndpoint(db: Db, limit: number): Promise<number> {
  const gone = await db
    .selectFrom('endpoints')
    .select('id')
    .where('deleted_at', 'is not', null)
    .limit(1)
    .executeTakeFirst()
  if (!gone) return 0
  const some = await db.selectFrom('deliveries').select('id').where('endpoint_id', '=', gone.id).limit(limit).execute()
  if (some.length === 0) await db.deleteFrom('endpoints').where('id', '=', gone.id).execute()
  return deleteDeliveries(db, some)
}

async function deleteDeliveries(db: Db, rows: readonly { id: string }[]): Promise<number> {
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return 0
  await db.deleteFrom('delivery_attempts').where('delivery_id', 'in', ids).execute()
  await db.deleteFrom('deliveries').where('id', 'in', ids).execute()
  return ids.length
}
