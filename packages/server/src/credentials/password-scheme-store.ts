import type { Db } from '../db/database.ts'
import { schemeOf, writeScheme } from '../domain/password-scheme.ts'

/** Remembers which schemes the house has strings of. They stay when the last string is hashed anew. */
export async function noteScheme(db: Db, hash: string): Promise<void> {
  const scheme = schemeOf(hash)
  if (!scheme) return
  await db
    .insertInto('password_schemes')
    .values({ scheme: writeScheme(scheme) })
    .onConflict((c) => c.column('scheme').doNothing())
    .execute()
}

export async function listPasswordSchemes(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('password_schemes').select('scheme').orderBy('scheme').execute()
  return rows.map(({ scheme }) => scheme)
}
