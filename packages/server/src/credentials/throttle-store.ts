import type { Insertable } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'
import { FORGOTTEN_AFTER_MS, type Throttle } from '../domain/throttle.ts'

export async function findThrottles(
  db: Db,
  keys: readonly string[],
  options: { locks?: boolean } = {},
): Promise<Map<string, Throttle>> {
  const query = db.selectFrom('throttles').select(['key', 'tries', 'last_at', 'next_at']).where('key', 'in', keys)
  const rows = await (options.locks ? query.forUpdate() : query).execute()
  return new Map(rows.map((row) => [row.key, { tries: row.tries, lastAt: row.last_at, nextAt: row.next_at }]))
}

/** Unless there is one. */
export async function insertThrottle(db: Db, row: Insertable<Tables['throttles']>): Promise<void> {
  await db
    .insertInto('throttles')
    .values(row)
    .onConflict((c) => c.column('key').doNothing())
    .execute()
}

export async function setThrottle(db: Db, key: string, to: Throttle): Promise<void> {
  await db
    .updateTable('throttles')
    .set({ tries: to.tries, last_at: to.lastAt, next_at: to.nextAt })
    .where('key', '=', key)
    .execute()
}

export async function deleteThrottle(db: Db, key: string): Promise<boolean> {
  const deleted = await db.deleteFrom('throttles').where('key', '=', key).executeTakeFirst()
  return deleted.numDeletedRows === 1n
}

export async function deleteThrottlesOfUser(db: Db, userId: string): Promise<number> {
  const deleted = await db.deleteFrom('throttles').where('user_id', '=', userId).executeTakeFirst()
  return Number(deleted.numDeletedRows)
}

export async function deleteThrottlesOfAddress(db: Db, address: string): Promise<number> {
  const deleted = await db.deleteFrom('throttles').where('address', '=', address).executeTakeFirst()
  return Number(deleted.numDeletedRows)
}

export async function deleteAllThrottles(db: Db): Promise<number> {
  const deleted = await db.deleteFrom('throttles').executeTakeFirst()
  return Number(deleted.numDeletedRows)
}

export type ListedThrottle = Throttle & {
  /** Null for a name that has no account, and for an address alone. */
  email: string | null
  address: string | null
}

/** Those that are not forgotten, the most tries first. */
export async function listThrottles(db: Db, limit: number, now: number): Promise<ListedThrottle[]> {
  const rows = await db
    .selectFrom('throttles as t')
    .leftJoin('users as u', 'u.id', 't.user_id')
    .select(['u.email', 't.address', 't.tries', 't.last_at', 't.next_at'])
    .where('t.last_at', '>', now - FORGOTTEN_AFTER_MS)
    .orderBy('t.tries', 'desc')
    .orderBy('t.last_at', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    email: row.email,
    address: row.address,
    tries: row.tries,
    lastAt: row.last_at,
    nextAt: row.next_at,
  }))
}

/** Deletes some of the forgotten ones. Tells how many. */
export async function purgeThrottles(db: Db, now: number, limit: number): Promise<number> {
  const old = db
    .selectFrom('throttles')
    .select('key')
    .where('last_at', '<=', now - FORGOTTEN_AFTER_MS)
    .orderBy('last_at')
    .limit(limit)
  // The condition again: one of them may have been tried meanwhile.
  const deleted = await db
    .deleteFrom('throttles')
    .where('key', 'in', old)
    .where('last_at', '<=', now - FORGOTTEN_AFTER_MS)
    .executeTakeFirst()
  return Number(deleted.numDeletedRows)
}
