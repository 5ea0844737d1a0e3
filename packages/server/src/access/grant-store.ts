import type { Insertable } from 'kysely'
import type { Db } from '../db/database.ts'
import { STANDS, type Tables } from '../db/tables.ts'
import type { Interval } from '../domain/interval.ts'
import type { SeatKey } from './seat-store.ts'

/** All that a seat's holder was granted and that was not taken away. */
export async function endGrants(db: Db, key: SeatKey, now: number): Promise<void> {
  await db
    .updateTable('grants')
    .set({ revoked_at: now, ended_with_seat: 1 })
    .where('seat', '=', (e) =>
      e
        .selectFrom('seats')
        .select('number')
        .where('user_id', '=', key.user_id)
        .where('application_id', '=', key.application_id)
        .where('company_id', '=', key.company_id),
    )
    .where('revoked_at', '=', STANDS)
    .execute()
}

/** What was written as reasons for a user's grants: people name people there. */
export async function blankReasons(db: Db, userId: string): Promise<void> {
  await db.updateTable('grants').set({ reason: '' }).where('user_id', '=', userId).where('reason', '<>', '').execute()
}

/** A grant as it is managed: a permission or a role, by name. */
export type MemberGrant = Interval & {
  id: string
  companyId: string
  applicationId: string
  userId: string
  /** The slug; null for a role. */
  permission: string | null
  role: { id: number; key: string; name: string; companyId: string | null } | null
  reason: string
  grantedBy: string
  grantedAt: number
  revokedAt: number | null
}

function selectGrants(db: Db) {
  return db
    .selectFrom('grants as g')
    .leftJoin('permissions as p', 'p.id', 'g.permission_id')
    .leftJoin('roles as r', 'r.id', 'g.role_id')
    .selectAll('g')
    .select(['p.slug', 'r.key', 'r.name', 'r.company_id as role_company'])
}

function asGrant(row: Awaited<ReturnType<ReturnType<typeof selectGrants>['execute']>>[number]): MemberGrant {
  return {
    id: row.id,
    companyId: row.company_id,
    applicationId: row.application_id,
    userId: row.user_id,
    permission: row.slug,
    role:
      row.role_id === null
        ? null
        : { id: row.role_id, key: row.key ?? '', name: row.name ?? '', companyId: row.role_company },
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    reason: row.reason,
    grantedBy: row.granted_by,
    grantedAt: row.granted_at,
    revokedAt: row.revoked_at === STANDS ? null : row.revoked_at,
  }
}

/** Of a member, in one application or in all; those that were taken away too where they are asked for. In the order of giving. */
export async function listMemberGrants(
  db: Db,
  of: { userId: string; companyId: string; applicationId?: string | undefined },
  { withRevoked = false, after, limit }: { withRevoked?: boolean; after?: string | undefined; limit?: number } = {},
): Promise<MemberGrant[]> {
  let query = selectGrants(db)
    .where('g.user_id', '=', of.userId)
    .where('g.company_id', '=', of.companyId)
    .orderBy('g.id')
  if (of.applicationId !== undefined) query = query.where('g.application_id', '=', of.applicationId)
  if (!withRevoked) query = query.where('g.revoked_at', '=', STANDS)
  if (after !== undefined) query = query.where('g.id', '>', after)
  if (limit !== undefined) query = query.limit(limit)
  return (await query.execute()).map(asGrant)
}

/** In one company. */
export async function findGrant(db: Db, companyId: string, id: string): Promise<MemberGrant | undefined> {
  const row = await selectGrants(db).where('g.id', '=', id).where('g.company_id', '=', companyId).executeTakeFirst()
  return row && asGrant(row)
}

/** False when the same stands already. */
export async function insertGrant(db: Db, row: Insertable<Tables['grants']>): Promise<boolean> {
  const inserted = await db
    .insertInto('grants')
    .values(row)
    .onConflict((c) => c.doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

/** Several under a seat that has none yet. */
export async function insertGrants(db: Db, rows: readonly Insertable<Tables['grants']>[]): Promise<void> {
  if (rows.length > 0) await db.insertInto('grants').values(rows).execute()
}

/** False when it was taken away already. */
export async function revokeGrant(db: Db, companyId: string, id: string, now: number): Promise<boolean> {
  const revoked = await db
    .updateTable('grants')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('company_id', '=', companyId)
    .where('revoked_at', '=', STANDS)
    .executeTakeFirst()
  return revoked.numUpdatedRows === 1n
}

/** What ended with the seat of before, the latest first. */
export async function listEndedGrants(
  db: Db,
  of: { userId: string; companyId: string; applicationId: string },
): Promise<MemberGrant[]> {
  const rows = await selectGrants(db)
    .where('g.user_id', '=', of.userId)
    .where('g.company_id', '=', of.companyId)
    .where('g.application_id', '=', of.applicationId)
    .where('g.ended_with_seat', '=', 1)
    .orderBy('g.revoked_at', 'desc')
    .orderBy('g.id')
    .execute()
  return rows.map(asGrant)
}

/** Gives one back, under the seat of now. */
export async function restoreGrant(db: Db, companyId: string, id: string, seat: number): Promise<void> {
  await db
    .updateTable('grants')
    .set({ revoked_at: STANDS, seat, ended_with_seat: 0 })
    .where('id', '=', id)
    .where('company_id', '=', companyId)
    .execute()
}

type Holder = { company_id: string; application_id: string; user_id: string }

/** What ended with a seat of before stays ended from now on. */
export async function forgetEndedGrants(db: Db, key: Holder): Promise<void> {
  await db
    .updateTable('grants')
    .set({ ended_with_seat: 0 })
    .where('user_id', '=', key.user_id)
    .where('company_id', '=', key.company_id)
    .where('application_id', '=', key.application_id)
    .where('ended_with_seat', '=', 1)
    .execute()
}
