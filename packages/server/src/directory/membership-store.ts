import type { Insertable } from 'kysely'
import type { Db } from '../db/database.ts'
import { insertsMany } from '../db/insert-many.ts'
import type { Tables } from '../db/tables.ts'

export async function endMembership(db: Db, userId: string, companyId: string, now: number): Promise<void> {
  await db
    .updateTable('memberships')
    .set({ active: 0, is_primary: 0, role: 'member', left_at: now })
    .where('user_id', '=', userId)
    .where('company_id', '=', companyId)
    .execute()
}

/** In all companies. Tells how many there were. */
export async function endMemberships(db: Db, userId: string, now: number): Promise<number> {
  const ended = await db
    .updateTable('memberships')
    .set({ active: 0, is_primary: 0, role: 'member', left_at: now })
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return Number(ended.numUpdatedRows)
}

export type Membership = {
  userId: string
  companyId: string
  companyName: string
  role: 'member' | 'admin'
  isPrimary: boolean
  isActive: boolean
  joinedAt: number
}

function selectMemberships(db: Db) {
  return db
    .selectFrom('memberships as m')
    .innerJoin('companies as c', 'c.id', 'm.company_id')
    .select(['m.user_id', 'm.company_id', 'c.name', 'm.role', 'm.is_primary', 'm.active', 'm.joined_at'])
    .where('m.left_at', 'is', null)
}

function asMembership(row: Awaited<ReturnType<ReturnType<typeof selectMemberships>['execute']>>[number]): Membership {
  return {
    userId: row.user_id,
    companyId: row.company_id,
    companyName: row.name,
    role: row.role,
    isPrimary: row.is_primary === 1,
    isActive: row.active === 1,
    joinedAt: row.joined_at,
  }
}

/** Of one user, by the company's name. */
export async function listMemberships(db: Db, userId: string): Promise<Membership[]> {
  const rows = await selectMemberships(db).where('m.user_id', '=', userId).orderBy('c.name').orderBy('c.id').execute()
  return rows.map(asMembership)
}

/** Of the users that are named, in one company. */
export async function listMembershipsOf(db: Db, companyId: string, userIds: readonly string[]): Promise<Membership[]> {
  if (userIds.length === 0) return []
  const rows = await selectMemberships(db)
    .where('m.company_id', '=', companyId)
    .where('m.user_id', 'in', userIds)
    .execute()
  return rows.map(asMembership)
}

export async function findMembership(db: Db, userId: string, companyId: string): Promise<Membership | undefined> {
  const row = await selectMemberships(db)
    .where('m.user_id', '=', userId)
    .where('m.company_id', '=', companyId)
    .executeTakeFirst()
  return row && asMembership(row)
}

/** Also of one who was a member once. Takes the mark of the primary company off another when it is given here. */
export async function insertMembership(
  db: Db,
  row: { userId: string; companyId: string; role: 'member' | 'admin'; isPrimary: boolean; joinedAt: number },
): Promise<void> {
  if (row.isPrimary) await clearPrimary(db, row.userId)
  const values = {
    role: row.role,
    is_primary: row.isPrimary ? 1 : 0,
    active: 1,
    joined_at: row.joinedAt,
    left_at: null,
  } as const
  await db
    .insertInto('memberships')
    .values({ user_id: row.userId, company_id: row.companyId, ...values })
    .onConflict((c) => c.columns(['user_id', 'company_id']).doUpdateSet(values))
    .execute()
}

const insertMembers = insertsMany((db, rows: readonly Insertable<Tables['memberships']>[]) =>
  db.insertInto('memberships').values(rows),
)

/** Of users who are members of nothing yet: it is their primary company. */
export async function insertNewMembers(
  db: Db,
  companyId: string,
  userIds: readonly string[],
  joinedAt: number,
): Promise<void> {
  const rest = { role: 'member', is_primary: 1, active: 1, joined_at: joinedAt, left_at: null } as const
  await insertMembers(
    db,
    userIds.map((id) => ({ company_id: companyId, user_id: id, ...rest })),
  )
}

export async function updateMembership(
  db: Db,
  { userId, companyId }: { userId: string; companyId: string },
  changes: { role?: 'member' | 'admin'; is_primary?: 0 | 1; active?: 0 | 1 },
): Promise<void> {
  if (changes.is_primary === 1) await clearPrimary(db, userId)
  await db
    .updateTable('memberships')
    .set(changes)
    .where('user_id', '=', userId)
    .where('company_id', '=', companyId)
    .execute()
}

/** A user has one primary company at most. */
async function clearPrimary(db: Db, userId: string): Promise<void> {
  await db
    .updateTable('memberships')
    .set({ is_primary: 0 })
    .where('user_id', '=', userId)
    .where('is_primary', '=', 1)
    .execute()
}
