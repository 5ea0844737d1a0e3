import type { Db, Tx } from './database.ts'

// What the house knows about itself, a text for each name.

export async function findFact(db: Db, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('house').select('value').where('name', '=', name).executeTakeFirst()
  return row?.value
}

/** In place of the one before. */
export async function setFact(tx: Tx, name: string, value: string): Promise<void> {
  await tx
    .insertInto('house')
    .values({ name, value })
    .onConflict((c) => c.column('name').doUpdateSet({ value }))
    .execute()
}

/** Where there is none yet. */
export async function addFact(tx: Tx, name: string, value: string): Promise<void> {
  await tx
    .insertInto('house')
    .values({ name, value })
    .onConflict((c) => c.column('name').doNothing())
    .execute()
}
