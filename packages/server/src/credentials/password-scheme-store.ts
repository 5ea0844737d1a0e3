import type { Db } from '../db/database.ts'
import { schemeOf, writeScheme } from '../domain/password-scheme.ts'

/** Remembers which schemes the house has strings of. They stay when the last string is hashed anew. */
export async function noteScheme(db: Db, hash: string): Promise<void> {
  await noteSchemes(db, [hash])
}

/** The same of many; tells whether one of them is new. */
export async function noteSchemes(db: Db, hashes: readonly string[]): Promise<boolean> {
  const schemes = new Set(hashes.map(schemeOf).flatMap((scheme) => (scheme ? writeScheme(scheme) : [])))
  if (schemes.size === 0) return false
  const added = await db
    .insertInto('password_schemes')
    .values([...schemes].map((scheme) => ({ scheme })))
    .onConflict((c) => c.column('scheme').doNothing())
    .executeTakeFirst()
  return (added.numInsertedOrUpdatedRows ?? 0n) > 0n
}

export async function listPasswordSchemes(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('password_schemes').select('scheme').orderBy('scheme').execute()
  return rows.map(({ scheme }) => scheme)
}
