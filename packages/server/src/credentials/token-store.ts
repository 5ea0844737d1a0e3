import type { Insertable } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'
import { IDLE_SLACK_MS } from './token-use.ts'

export async function insertToken(db: Db, token: Insertable<Tables['tokens']>): Promise<void> {
  await db.insertInto('tokens').values(token).execute()
}

/** False when it was dead already, or never was. */
export async function revokeTokenByHash(db: Db, hash: string, now: number): Promise<boolean> {
  const revoked = await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return revoked.numUpdatedRows === 1n
}

export async function findTokenId(db: Db, hash: string): Promise<string | undefined> {
  return (await db.selectFrom('tokens').select('id').where('hash', '=', hash).executeTakeFirst())?.id
}

/** By the id that lists show. */
export async function findToken(
  db: Db,
  id: string,
): Promise<{ hash: string; userId: string; applicationId: string; impersonationId: string | null } | undefined> {
  const row = await db
    .selectFrom('tokens')
    .select(['hash', 'user_id', 'application_id', 'impersonation_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const { hash, user_id: userId, application_id: applicationId, impersonation_id: impersonationId } = row
  return { hash, userId, applicationId, impersonationId }
}

export type ListedToken = {
  id: string
  email: string
  applicationId: string
  issuedAt: number
  expiresAt: number
  lastUsedAt: number
  isImpersonation: boolean
}

/** Live ones by the last use, newest first; of one user or of all. */
export async function listLiveTokens(
  db: Db,
  filter: { userId?: string; limit: number },
  now: number,
): Promise<ListedToken[]> {
  let query = db
    .selectFrom('tokens as t')
    .innerJoin('users as u', 'u.id', 't.user_id')
    .innerJoin('applications as a', 'a.id', 't.application_id')
    .select([
      't.id',
      'u.email',
      't.application_id',
      't.issued_at',
      't.expires_at',
      't.last_used_at',
      't.impersonation_id',
    ])
    .where('t.revoked_at', 'is', null)
    .where('t.expires_at', '>', now)
    .where('u.active', '=', 1)
    .where((e) =>
      e.or([
        e('t.idle_limit', '=', 0),
        e('t.last_used_at', '>', e(e.val(now - IDLE_SLACK_MS), '-', e.ref('t.idle_limit'))),
      ]),
    )
    .whereRef('t.issued_at', '>', 'u.sessions_ended_at')
    .whereRef('t.issued_at', '>', 'a.sessions_ended_at')
    .orderBy('t.last_used_at', 'desc')
    .orderBy('t.id', 'desc')
    .limit(filter.limit)
  if (filter.userId !== undefined) query = query.where('t.user_id', '=', filter.userId)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    email: row.email,
    applicationId: row.application_id,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    isImpersonation: row.impersonation_id !== null,
  }))
}

export async function lastIssuedAt(db: Db, of: { userId: string } | { applicationId: string }): Promise<number> {
  const row = await db
    .selectFrom('tokens')
    .select((e) => e.fn.max('issued_at').as('last'))
    .where((e) => ('userId' in of ? e('user_id', '=', of.userId) : e('application_id', '=', of.applicationId)))
    .executeTakeFirst()
  return row?.last ?? 0
}

/** The moment of the newest sign-in of all; 0 when there was none. */
export async function newestIssuedAt(db: Db): Promise<number> {
  const row = await db
    .selectFrom('tokens')
    .select((e) => e.fn.max('issued_at').as('newest'))
    .executeTakeFirst()
  return row?.newest ?? 0
}

/** Every token of the house that still stands. Tells how many. */
export async function revokeAllTokens(db: Db, now: number): Promise<number> {
  const revoked = await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return Number(revoked.numUpdatedRows)
}

/** A user's impersonated sessions in one company, and there in all applications or in one. */
export async function revokeCompanyTokens(
  db: Db,
  of: { userId: string; companyId: string; applicationId?: string },
  now: number,
): Promise<void> {
  let query = db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('user_id', '=', of.userId)
    .where('only_company_id', '=', of.companyId)
    .where('revoked_at', 'is', null)
  if (of.applicationId !== undefined) query = query.where('application_id', '=', of.applicationId)
  await query.execute()
}

/** Sessions of all users that are for one company alone: impersonated ones. */
export async function revokeTokensForCompany(db: Db, companyId: string, now: number): Promise<void> {
  await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('only_company_id', '=', companyId)
    .where('revoked_at', 'is', null)
    .execute()
}

/** One-time tokens of a user, an application or a company that were not used: they expire with the moment they were made. */
export async function expireOneTimeTokensOf(
  db: Db,
  of: { userId?: string | undefined; companyId?: string | undefined; applicationId?: string | undefined },
): Promise<void> {
  let query = db
    .updateTable('impersonations')
    .set((e) => ({ expires_at: e.ref('created_at') }))
    .where('used_at', 'is', null)
  if (of.userId !== undefined) query = query.where('user_id', '=', of.userId)
  if (of.companyId !== undefined) query = query.where('company_id', '=', of.companyId)
  if (of.applicationId !== undefined) query = query.where('application_id', '=', of.applicationId)
  await query.execute()
}

/** Every one-time token that was not used: it expires with the moment it was made. Tells how many. */
export async function expireOneTimeTokens(db: Db): Promise<number> {
  const expired = await db
    .updateTable('impersonations')
    .set((e) => ({ expires_at: e.ref('created_at') }))
    .where('used_at', 'is', null)
    .whereRef('expires_at', '>', 'created_at')
    .executeTakeFirst()
  return Number(expired.numUpdatedRows)
}

/** Deletes some of the tokens whose time was over before a moment. Tells how many. */
export async function purgeTokens(db: Db, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('tokens').select('hash').where('expires_at', '<', before).orderBy('expires_at').limit(limit)
  const deleted = await db.deleteFrom('tokens').where('hash', 'in', old).executeTakeFirst()
  return Number(deleted.numDeletedRows)
}

/** Every token that a user ever had, and what supporters began as this user. Tells how many tokens. */
export async function deleteTokensOfUser(db: Db, userId: string): Promise<number> {
  const deleted = await db.deleteFrom('tokens').where('user_id', '=', userId).executeTakeFirst()
  await db.deleteFrom('impersonations').where('user_id', '=', userId).execute()
  return Number(deleted.numDeletedRows)
}

/** Where the user was the supporter, by whatever address at the time. */
export async function pseudonymiseSupporter(
  db: Db,
  user: { id: string; email: string },
  pseudonym: string,
): Promise<void> {
  await db
    .updateTable('impersonations')
    .set({ started_by: pseudonym })
    .where((e) => e.or([e('starter_user_id', '=', user.id), e('started_by', '=', user.email)]))
    .execute()
}
