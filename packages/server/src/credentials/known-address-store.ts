import type { Db } from '../db/database.ts'

/** When the user signed in from there last, if that was after `since`. */
export async function findKnownAddress(
  db: Db,
  userId: string,
  address: string,
  since: number,
): Promise<number | undefined> {
  const row = await db
    .selectFrom('known_addresses')
    .select('last_at')
    .where('user_id', '=', userId)
    .where('address', '=', address)
    .where('last_at', '>', since)
    .executeTakeFirst()
  return row?.last_at
}

export async function noteAddress(db: Db, userId: string, address: string, now: number): Promise<void> {
  await db
    .insertInto('known_addresses')
    .values({ user_id: userId, address, last_at: now })
    .onConflict((c) => c.columns(['user_id', 'address']).doUpdateSet({ last_at: now }))
    .execute()
}

/** Keeps the newest of a user's addresses. */
export async function trimAddresses(db: Db, userId: string, kept: number): Promise<void> {
  const old = db
    .selectFrom('known_addresses')
    .select('address')
    .where('user_id', '=', userId)
    .orderBy('last_at', 'desc')
    .orderBy('address')
    .offset(kept)
    .limit(1_000)
  await db.deleteFrom('known_addresses').where('user_id', '=', userId).where('address', 'in', old).execute()
}

export async function deleteAddressesOfUser(db: Db, userId: string): Promise<void> {
  await db.deleteFrom('known_addresses').where('user_id', '=', userId).execute()
}

/** Deletes some of those that nobody signed in from for long. Tells how many. */
export async function purgeAddresses(db: Db, before: number, limit: number): Promise<number> {
  const old = db
    .selectFrom('known_addresses')
    .select(['user_id', 'address'])
    .where('last_at', '<', before)
    .orderBy('last_at')
    .limit(limit)
  const deleted = await db
    .deleteFrom('known_addresses')
    .where('last_at', '<', before)
    .where((e) => e(e.refTuple('user_id', 'address'), 'in', old.$asTuple('user_id', 'address')))
    .executeTakeFirst()
  return Number(deleted.numDeletedRows)
}
