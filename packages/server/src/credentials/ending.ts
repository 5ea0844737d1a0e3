import type { Tx } from '../db/database.ts'
import { revokeKeysOfUser } from './api-key-store.ts'
import { endBegunImpersonations } from './impersonation-store.ts'
import { endLastTokens } from './last-token-store.ts'
import { expireOneTimeTokensOf, lastIssuedAt, revokeCompanyTokens, revokeTokensForCompany } from './token-store.ts'

/** Whose credentials end: all of a user, all in an application, a user's for one company (and one application there), or all that are for one company alone. */
export type Ending =
  | { userId: string; companyId?: undefined; applicationId?: undefined }
  | { userId: string; companyId: string; applicationId?: string }
  | { applicationId: string; userId?: undefined; companyId?: undefined }
  | { companyId: string; userId?: undefined; applicationId?: undefined }

/**
 * Ends every credential of that scope, of every kind, on every node from the return of the transaction on: signed-in
 * sessions, impersonated ones, one-time tokens that wait to be used, API keys that stand for the user, impersonations that the user began. The one function for all that ends something
 * (tests/credentials/ending.test.ts). Where a membership or a seat goes, a user's own session lives on without it: the rule leaves the company out.
 */
export async function endCredentials(tx: Tx, of: Ending, now: number): Promise<void> {
  if (of.userId === undefined && of.companyId !== undefined) await revokeTokensForCompany(tx, of.companyId, now)
  else if (of.userId === undefined) await endApplicationSessions(tx, of.applicationId, now)
  else if (of.companyId === undefined) await endUserSessions(tx, of.userId, now)
  else await endCompanySessions(tx, of, now)
  await expireOneTimeTokensOf(tx, of)
}

/** What somebody runs the house by, or one company: keys, and what was begun with them. What stood for a mark does not come back with it. */
export async function endStanding(
  tx: Tx,
  of: { userId: string; companyId?: string | undefined },
  now: number,
): Promise<void> {
  await revokeKeysOfUser(tx, of, now)
  await endBegunImpersonations(tx, of, now)
}

/** Tokens issued at or before the noted moment are read as ended. It is never before the last token's, so that no clock that runs ahead elsewhere saves one. */
async function endUserSessions(tx: Tx, userId: string, now: number): Promise<void> {
  // The first write locks the row, which `issueToken` reads under a lock: no token slips in between.
  await tx.updateTable('users').set({ sessions_ended_at: now }).where('id', '=', userId).execute()
  const last = await lastIssuedAt(tx, { userId })
  if (last > now) await tx.updateTable('users').set({ sessions_ended_at: last }).where('id', '=', userId).execute()
  await endLastTokens(tx, { userId }, now)
  await endStanding(tx, { userId }, now)
}

async function endApplicationSessions(tx: Tx, applicationId: string, now: number): Promise<void> {
  await tx.updateTable('applications').set({ sessions_ended_at: now }).where('id', '=', applicationId).execute()
  const last = await lastIssuedAt(tx, { applicationId })
  if (last > now) {
    await tx.updateTable('applications').set({ sessions_ended_at: last }).where('id', '=', applicationId).execute()
  }
  await endLastTokens(tx, { applicationId }, now)
}

async function endCompanySessions(
  tx: Tx,
  of: { userId: string; companyId: string; applicationId?: string },
  now: number,
): Promise<void> {
  // Against an exchange of a one-time token at this moment, as above.
  await tx.updateTable('users').set({ updated_at: now }).where('id', '=', of.userId).execute()
  await revokeCompanyTokens(tx, of, now)
  // A seat that goes takes nothing of what one may run.
  if (of.applicationId === undefined) await endStanding(tx, of, now)
}
