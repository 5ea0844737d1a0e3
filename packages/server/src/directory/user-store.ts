import type { Db } from '../db/database.ts'

export type Account = {
  id: string
  email: string
  isActive: boolean
  isOperator: boolean
  password: { hash: string; isForeign: boolean } | undefined
}

/** By canonical address. */
export async function findAccount(db: Db, email: string): Promise<Account | undefined> {
  const row = await db
    .selectFrom('users')
    .select(['id', 'email', 'active', 'operator', 'password_hash', 'password_foreign'])
    .where('email', '=', email)
    .executeTakeFirst()
  if (!row) return undefined
  return {
    id: row.id,
    email: row.email,
    isActive: row.active === 1,
    isOperator: row.operator === 1,
    password: row.password_hash === null ? undefined : { hash: row.password_hash, isForeign: row.password_foreign === 1 },
  }
}

export async function setUserActive(db: Db, id: string, isActive: boolean, now: number): Promise<void> {
  await db.updateTable('users').set({ active: isActive ? 1 : 0, updated_at: now }).where('id', '=', id).execute()
}

/** Stores our own hash of a password. */
export async function setPasswordHash(db: Db, id: string, hash: string, now: number): Promise<void> {
  await db
    .updateTable('users')
    .set({ password_hash: hash, password_foreign: 0, updated_at: now })
    .where('id', '=', id)
    .execute()
}
