import type { Selectable } from 'kysely'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Db } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'

/** Who is behind it, as the audit names one: a person by id, else a key by its, else the words of the system. Never an address, which could not be erased. */
export function starterReference(
  row: Pick<Selectable<Tables['impersonations']>, 'starter_user_id' | 'starter_key_id'>,
): string {
  return row.starter_user_id ?? row.starter_key_id ?? COMMAND_LINE.actor.id
}

/** Undefined for one that was deleted with its user. */
export async function findStarterReference(db: Db, id: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('impersonations')
    .select(['starter_user_id', 'starter_key_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row && starterReference(row)
}

/** Whose impersonations end: what a person began, with any power or as an admin of one company; what a key began; what admins of a company began. */
export type Begun =
  | { userId: string; companyId?: string | undefined; keyId?: undefined }
  | { keyId: string; userId?: undefined }
  | { adminsOf: string; userId?: undefined; keyId?: undefined }

/** Ends those that are waiting to be used or under way. */
export async function endBegunImpersonations(db: Db, of: Begun, now: number): Promise<void> {
  let begun = liveImpersonations(db, now)
  if (of.userId !== undefined) begun = begun.where('starter_user_id', '=', of.userId)
  else if (of.keyId !== undefined) begun = begun.where('starter_key_id', '=', of.keyId)
  const companyId = 'adminsOf' in of ? of.adminsOf : 'companyId' in of ? of.companyId : undefined
  if (companyId !== undefined) begun = begun.where('starter_power', '=', 'company').where('company_id', '=', companyId)
  for (const { id } of await begun.execute()) await endImpersonationById(db, id, now)
}

/** Ends those by which somebody acts as this user. */
export async function endImpersonationsAs(db: Db, userId: string, now: number): Promise<void> {
  const live = liveImpersonations(db, now).where('user_id', '=', userId)
  for (const { id } of await live.execute()) await endImpersonationById(db, id, now)
}

function liveImpersonations(db: Db, now: number) {
  return db.selectFrom('impersonations').select('id').where('session_ends_at', '>', now).where('ended_at', 'is', null)
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
