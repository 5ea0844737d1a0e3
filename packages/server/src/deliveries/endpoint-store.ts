import type { Insertable, Selectable, Updateable } from 'kysely'
import type { Database, Db, Tx } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'
import type { DisabledBecause } from '../domain/delivery.ts'

export type EndpointRow = Selectable<Tables['endpoints']>

export const MAX_ENDPOINTS = 10

/** By id: the oldest first. There are few. */
export async function listEndpoints(db: Db, applicationId: string): Promise<EndpointRow[]> {
  return db
    .selectFrom('endpoints')
    .selectAll()
    .where('application_id', '=', applicationId)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .limit(MAX_ENDPOINTS)
    .execute()
}

export async function findEndpoint(db: Db, applicationId: string, id: string): Promise<EndpointRow | undefined> {
  return db
    .selectFrom('endpoints')
    .selectAll()
    .where('id', '=', id)
    .where('application_id', '=', applicationId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
}

/** The same, which nobody else changes until the transaction ends. */
export async function lockEndpoint(
  tx: Tx,
  kind: Database['kind'],
  applicationId: string,
  id: string,
): Promise<EndpointRow | undefined> {
  const query = tx
    .selectFrom('endpoints')
    .selectAll()
    .where('id', '=', id)
    .where('application_id', '=', applicationId)
    .where('deleted_at', 'is', null)
  return (kind === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
}

export async function insertEndpoint(db: Db, row: Insertable<Tables['endpoints']>): Promise<void> {
  await db.insertInto('endpoints').values(row).execute()
}

export async function updateEndpoint(db: Db, id: string, changes: Updateable<Tables['endpoints']>): Promise<void> {
  await db.updateTable('endpoints').set(changes).where('id', '=', id).execute()
}

/** Moves the cursor on from where it was. False when another node did. */
export async function moveCursor(db: Db, id: string, from: number, to: number): Promise<boolean> {
  const moved = await db
    .updateTable('endpoints')
    .set({ next_seq: to })
    .where('id', '=', id)
    .where('next_seq', '=', from)
    .where('active', '=', 1)
    .executeTakeFirst()
  return moved.numUpdatedRows === 1n
}

/** Those that sign along no more. */
export async function forgetOldSecrets(db: Db, now: number): Promise<void> {
  await db
    .updateTable('endpoints')
    .set({ secret_before: null, before_until: null })
    .where('before_until', '<=', now)
    .execute()
}

/** Writes only when that is news. */
export async function noteFailing(db: Db, id: string, now: number): Promise<void> {
  await db
    .updateTable('endpoints')
    .set({ failing_since: now })
    .where('id', '=', id)
    .where('failing_since', 'is', null)
    .execute()
}

export async function noteArriving(db: Db, id: string): Promise<void> {
  await db
    .updateTable('endpoints')
    .set({ failing_since: null })
    .where('id', '=', id)
    .where('failing_since', 'is not', null)
    .execute()
}

/** False when it was off already. */
export async function switchOffEndpoint(db: Db, id: string, because: DisabledBecause, now: number): Promise<boolean> {
  const switched = await db
    .updateTable('endpoints')
    .set({ active: 0, disabled_at: now, disabled_because: because })
    .where('id', '=', id)
    .where('active', '=', 1)
    .executeTakeFirst()
  return switched.numUpdatedRows === 1n
}

/** For whoever looks the house over: where something goes out, is off or fails. */
export async function listAllEndpoints(db: Db, limit: number): Promise<EndpointRow[]> {
  return db
    .selectFrom('endpoints')
    .selectAll()
    .where('deleted_at', 'is', null)
    .orderBy('application_id')
    .orderBy('id')
    .limit(limit)
    .execute()
}
