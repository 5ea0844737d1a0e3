import type { Insertable, Selectable } from 'kysely'
import { starterReference } from '../credentials/impersonation-store.ts'
import type { Db } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'

export async function insertImpersonation(db: Db, row: Insertable<Tables['impersonations']>): Promise<void> {
  await db.insertInto('impersonations').values(row).execute()
}

/** Of two who exchange one at once, one gets it. */
export async function markUsed(
  db: Db,
  hash: string,
  now: number,
): Promise<Selectable<Tables['impersonations']> | undefined> {
  return db
    .updateTable('impersonations')
    .set({ used_at: now })
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst()
}

export type StoredImpersonation = {
  id: string
  user: { id: string; email: string }
  companyId: string
  companyName: string
  applicationId: string
  reason: string
  /** `name` is null for the server's own command line, which has neither user nor key. */
  starter: { name: string | null; userId: string | null; keyId: string | null; reference: string }
  createdAt: number
  usedAt: number | null
  /** When the session ends, or would have. */
  endsAt: number
  /** `waiting` for its one-time token to be used, `live`, or `over`. */
  state: 'waiting' | 'live' | 'over'
  /** Null while it is not over. */
  endedAt: number | null
}

function selectImpersonations(db: Db) {
  return db
    .selectFrom('impersonations as i')
    .innerJoin('users as u', 'u.id', 'i.user_id')
    .innerJoin('companies as c', 'c.id', 'i.company_id')
    .innerJoin('applications as a', 'a.id', 'i.application_id')
    .leftJoin('tokens as t', 't.impersonation_id', 'i.id')
    .select([
      'i.id',
      'i.user_id',
      'u.email',
      'u.active as user_active',
      'i.company_id',
      'c.name as company_name',
      'i.application_id',
      'i.reason',
      'i.started_by',
      'i.starter_user_id',
      'i.starter_key_id',
      'i.created_at',
      'i.used_at',
      'i.expires_at',
      'i.session_ends_at',
      'i.ended_at',
      't.issued_at',
      't.revoked_at',
      'u.sessions_ended_at as user_ended_at',
      'a.sessions_ended_at as application_ended_at',
    ])
}

type Row = Awaited<ReturnType<ReturnType<typeof selectImpersonations>['execute']>>[number]

export async function findImpersonation(db: Db, id: string, now: number): Promise<StoredImpersonation | undefined> {
  const row = await selectImpersonations(db).where('i.id', '=', id).executeTakeFirst()
  return row && asImpersonation(row, now)
}

export async function findImpersonationOfToken(
  db: Db,
  tokenHash: string,
  now: number,
): Promise<StoredImpersonation | undefined> {
  const row = await selectImpersonations(db).where('t.hash', '=', tokenHash).executeTakeFirst()
  return row && asImpersonation(row, now)
}

export type ImpersonationQuery = {
  companyId?: string | undefined
  userId?: string | undefined
  applicationId?: string | undefined
  /** Those alone that are waiting or live. */
  isLive: boolean
  /** The id of the last one that was told. */
  before?: string | undefined
  limit: number
}

/** The newest first. */
export async function listImpersonations(
  db: Db,
  wanted: ImpersonationQuery,
  now: number,
): Promise<StoredImpersonation[]> {
  let query = selectImpersonations(db).orderBy('i.id', 'desc').limit(wanted.limit)
  if (wanted.companyId !== undefined) query = query.where('i.company_id', '=', wanted.companyId)
  if (wanted.userId !== undefined) query = query.where('i.user_id', '=', wanted.userId)
  if (wanted.applicationId !== undefined) query = query.where('i.application_id', '=', wanted.applicationId)
  if (wanted.before !== undefined) query = query.where('i.id', '<', wanted.before)
  if (wanted.isLive)
    // As `asImpersonation` judges them.
    query = query
      .where('i.session_ends_at', '>', now)
      .where('i.ended_at', 'is', null)
      .where((e) =>
        e.or([
          e.and([e('i.used_at', 'is', null), e('i.expires_at', '>', now)]),
          e.and([
            e('t.revoked_at', 'is', null),
            e('u.active', '=', 1),
            e('t.issued_at', '>', e.ref('u.sessions_ended_at')),
            e('t.issued_at', '>', e.ref('a.sessions_ended_at')),
          ]),
        ]),
      )
  return (await query.execute()).map((row) => asImpersonation(row, now))
}

function asImpersonation(row: Row, now: number): StoredImpersonation {
  const endedAt = endOf(row, now)
  return {
    id: row.id,
    user: { id: row.user_id, email: row.email },
    companyId: row.company_id,
    companyName: row.company_name,
    applicationId: row.application_id,
    reason: row.reason,
    starter: {
      name: row.started_by,
      userId: row.starter_user_id,
      keyId: row.starter_key_id,
      reference: starterReference(row),
    },
    createdAt: row.created_at,
    usedAt: row.used_at,
    endsAt: row.session_ends_at,
    state: endedAt !== null ? 'over' : row.used_at === null ? 'waiting' : 'live',
    endedAt,
  }
}

/** The same that ends its token, told of the impersonation. */
function endOf(row: Row, now: number): number | null {
  if (row.ended_at !== null) return row.ended_at
  if (row.used_at === null) return row.expires_at > now ? null : row.expires_at
  if (row.revoked_at !== null) return row.revoked_at
  // Its token was cleared away, long after it ended.
  if (row.issued_at === null) return row.session_ends_at
  for (const end of [row.user_ended_at, row.application_ended_at]) if (row.issued_at <= end) return end
  return row.session_ends_at > now && row.user_active === 1 ? null : Math.min(now, row.session_ends_at)
}
