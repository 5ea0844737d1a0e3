import { markDue } from '../audit/touched.ts'
import type { Db, Tx } from '../db/database.ts'
import { forgetClock } from './clock.ts'
import { beginHistory } from './cursor.ts'

/** An application that is told of events. */
export type Wanting = {
  id: string
  exposesPin: boolean
  /** Until all that it may know already is noted as announced, it is told in full of whatever changes. */
  isReady: boolean
}

export async function listWanting(db: Db): Promise<Map<string, Wanting>> {
  const rows = await db
    .selectFrom('applications')
    .select(['id', 'exposes_pin', 'events_ready_at'])
    .where('events_since', 'is not', null)
    .execute()
  return new Map(
    rows.map((row) => [
      row.id,
      { id: row.id, exposesPin: row.exposes_pin === 1, isReady: row.events_ready_at !== null },
    ]),
  )
}

/** In a mark's place: what holds is noted as announced, and nobody is told. */
export const NOTES = 'notes'
/** The same of what is told whether or not it was told before. */
export const AGAIN = 'again'

/**
 * From here on an application is told of events. What holds now is noted as announced first, some at a time and telling nobody: whoever
 * begins has it from the snapshot, or from sign-ins. False when it was told already.
 */
export async function wantEvents(tx: Tx, applicationId: string, now: number): Promise<boolean> {
  const isFirst = (await listWanting(tx)).size === 0
  const changed = await tx
    .updateTable('applications')
    .set({ events_since: now, events_ready_at: null })
    .where('id', '=', applicationId)
    .where('events_since', 'is', null)
    .executeTakeFirst()
  if (changed.numUpdatedRows === 0n) return false
  await beginHistory(tx)
  // Nobody looked meanwhile at what began or ended.
  if (isFirst) await forgetClock(tx)
  await markDue(tx, now, [{ applicationId }], NOTES)
  return true
}

export async function findReadiness(db: Db, id: string): Promise<'off' | 'noting' | 'ready'> {
  const row = await db
    .selectFrom('applications')
    .select(['events_since', 'events_ready_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row || row.events_since === null) return 'off'
  return row.events_ready_at === null ? 'noting' : 'ready'
}

export async function setReady(tx: Tx, id: string, now: number): Promise<void> {
  await tx.updateTable('applications').set({ events_ready_at: now }).where('id', '=', id).execute()
}
