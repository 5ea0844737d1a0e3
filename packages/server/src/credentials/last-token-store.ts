import type { Insertable } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'

type Of = { userId: string; applicationId: string }

/** In place of the one before. */
export async function keepLastToken(db: Db, row: Insertable<Tables['last_tokens']>): Promise<void> {
  const { token_id, sealed, ends_at } = row
  await db
    .insertInto('last_tokens')
    .values(row)
    .onConflict((c) => c.columns(['user_id', 'application_id']).doUpdateSet({ token_id, sealed, ends_at }))
    .execute()
}

/** Sealed (keys/sealed-tokens.ts). Of applications alone whose sites find users by it. */
export async function findLastToken(db: Db, { userId, applicationId }: Of): Promise<string | undefined> {
  const row = await db
    .selectFrom('last_tokens as t')
    .innerJoin('applications as a', 'a.id', 't.application_id')
    .select('t.sealed')
    .where('t.user_id', '=', userId)
    .where('t.application_id', '=', applicationId)
    .where('a.django_by_token', '=', 1)
    .executeTakeFirst()
  return row?.sealed
}

/** Of a session that was signed out: the site dropped it too. */
export async function forgetLastToken(db: Db, tokenHash: string): Promise<void> {
  const tokens = db.selectFrom('tokens').select('id').where('hash', '=', tokenHash)
  await db.deleteFrom('last_tokens').where('token_id', 'in', tokens).execute()
}

export async function forgetLastTokensOf(db: Db, applicationId: string): Promise<void> {
  await db.deleteFrom('last_tokens').where('application_id', '=', applicationId).execute()
}

/** The same of one session, which somebody else ended. */
export async function endLastToken(db: Db, tokenHash: string, now: number): Promise<void> {
  const tokens = db.selectFrom('tokens').select('id').where('hash', '=', tokenHash)
  await db
    .updateTable('last_tokens')
    .set({ ends_at: now })
    .where('token_id', 'in', tokens)
    .where('ends_at', '>', now)
    .execute()
}

/** Of all of a user, or in an application: from that moment on they are dead, and cleared away when the site has been told what there is to tell. */
export async function endLastTokens(
  db: Db,
  of: { userId: string } | { applicationId: string },
  now: number,
): Promise<void> {
  await db
    .updateTable('last_tokens')
    .set({ ends_at: now })
    .where((e) => ('userId' in of ? e('user_id', '=', of.userId) : e('application_id', '=', of.applicationId)))
    .where('ends_at', '>', now)
    .execute()
}

/** Deletes some of those that ended before a moment. Tells how many. */
export async function purgeLastTokens(db: Db, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('last_tokens').select('id').where('ends_at', '<', before).orderBy('ends_at').limit(limit)
  const deleted = await db.deleteFrom('last_tokens').where('id', 'in', old).executeTakeFirst()
  return Number(deleted.numDeletedRows)
}
