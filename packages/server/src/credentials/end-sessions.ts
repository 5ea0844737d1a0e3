import type { Tx } from '../db/database.ts'
import { lastIssuedAt } from './token-store.ts'

/**
 * Ends every session of a user, on every node from the return on: tokens issued at or before the noted moment are read
 * as ended. The moment is never before the last token's, so that no clock that runs ahead elsewhere saves one.
 */
export async function endUserSessions(tx: Tx, userId: string, now: number): Promise<void> {
  // The first write locks the row, which `issueToken` reads under a lock: no token slips in between.
  await tx.updateTable('users').set({ sessions_ended_at: now }).where('id', '=', userId).execute()
  const last = await lastIssuedAt(tx, { userId })
  if (last > now) await tx.updateTable('users').set({ sessions_ended_at: last }).where('id', '=', userId).execute()
}

/** The same for everyone's sessions in one application. */
export async function endApplicationSessions(tx: Tx, applicationId: string, now: number): Promise<void> {
  await tx.updateTable('applications').set({ sessions_ended_at: now }).where('id', '=', applicationId).execute()
  const last = await lastIssuedAt(tx, { applicationId })
  if (last > now) {
    await tx.updateTable('applications').set({ sessions_ended_at: last }).where('id', '=', applicationId).execute()
  }
}
