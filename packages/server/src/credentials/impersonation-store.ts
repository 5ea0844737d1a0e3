import type { Db } from '../db/database.ts'

/** Whose impersonations end: what a person began, with any power or as an admin of one company; what a key began; what admins of a company began. */
export type Begun =
  | { userId: string; companyId?: string | undefined; keyId?: undefined }
  | { keyId: string; userId?: undefined }
  | { adminsOf: string; userId?: undefined; keyId?: undefined }

/** Ends those that are waiting to be used or under way. */
export async function endBegunImpersonations(db: Db, of: Begun, now: number): Promise<void> {
  let begun = db
    .selectFrom('impersonations')
    .select('id')
    .where('session_ends_at', '>', now)
    .where('ended_at', 'is', null)
  if (of.userId !== undefined) begun = begun.where('starter_user_id', '=', of.userId)
  else if (of.keyId !== undefined) begun = begun.where('starter_key_id', '=', of.keyId)
  const companyId = 'adminsOf' in of ? of.adminsOf : 'companyId' in of ? of.companyId : undefined
  if (companyId !== undefined) begun = begun.where('starter_power', '=', 'company').where('company_id', '=', companyId)
  for (const { id } of await begun.execute()) await endImpersonationById(db, id, now)
}

/** Its one-time token, and the session that it gave. False when it was over already. */
export async function endImpersonationById(db: Db, id: string, now: number): Promise<boolean> {
  // This row first: an exchange of the one-time token at this moment waits, or is waited for and found below.
  const ended = await db
    .updateTable('impersonations')
    .set((e) => ({ ended_at: now, expires_at: e.ref('created_at') }))
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .where('session_ends_at', '>', now)
    .executeTakeFirst()
  await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('impersonation_id', '=', id)
    .where('revoked_at', 'is', null)
    .execute()
  return ended.numUpdatedRows === 1n
}
