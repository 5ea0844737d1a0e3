import type { Db } from '../db/database.ts'

/** Also one whose membership is switched off and who still holds a seat. */
export async function isMember(db: Db, userId: string, companyId: string): Promise<boolean> {
  const row = await db
    .selectFrom('memberships as m')
    .leftJoin('seats as s', (join) =>
      join.onRef('s.user_id', '=', 'm.user_id').onRef('s.company_id', '=', 'm.company_id'),
    )
    .select('m.user_id')
    .where('m.user_id', '=', userId)
    .where('m.company_id', '=', companyId)
    .where((e) => e.or([e('m.active', '=', 1), e('s.user_id', 'is not', null)]))
    .executeTakeFirst()
  return row !== undefined
}

export async function endMembership(db: Db, userId: string, companyId: string): Promise<void> {
  await db
    .updateTable('memberships')
    .set({ active: 0, is_primary: 0 })
    .where('user_id', '=', userId)
    .where('company_id', '=', companyId)
    .execute()
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
