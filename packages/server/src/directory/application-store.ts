import type { Db } from '../db/database.ts'

export type StoredApplication = {
  id: string
  name: string
  isActive: boolean
  secretHash: string | null
  tokenDays: number | null
  tokenIdleDays: number | null
}

export async function findApplication(db: Db, id: string): Promise<StoredApplication | undefined> {
  const row = await db
    .selectFrom('applications')
    .select(['id', 'name', 'active', 'secret_hash', 'token_days', 'token_idle_days'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  return {
    id: row.id,
    name: row.name,
    isActive: row.active === 1,
    secretHash: row.secret_hash,
    tokenDays: row.token_days,
    tokenIdleDays: row.token_idle_days,
  }
}

export async function setApplicationSecret(db: Db, id: string, secretHash: string | null, now: number): Promise<boolean> {
  const changed = await db
    .updateTable('applications')
    .set({ secret_hash: secretHash, updated_at: now })
    .where('id', '=', id)
    .executeTakeFirst()
  return changed.numUpdatedRows === 1n
}
