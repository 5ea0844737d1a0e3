import type { Db } from '../db/database.ts'

/** False when the user is no member, or is none any more. */
export async function endMembership(db: Db, userId: string, companyId: string): Promise<boolean> {
  const ended = await db
    .updateTable('memberships')
    .set({ active: 0, is_primary: 0 })
    .where('user_id', '=', userId)
    .where('company_id', '=', companyId)
    .where('active', '=', 1)
    .executeTakeFirst()
  return ended.numUpdatedRows === 1n
}

/** In all companies. Tells how many there were. */
export async function endMemberships(db: Db, userId: string): Promise<number> {
  const ended = await db
    .updateTable('memberships')
    .set({ active: 0, is_primary: 0, role: 'member' })
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return Number(ended.numUpdatedRows)
}
