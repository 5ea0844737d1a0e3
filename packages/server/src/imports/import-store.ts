import type { Insertable, Selectable } from 'kysely'
import type { Db, Tx } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'

export type StoredImport = Selectable<Tables['imports']>

export async function findImport(db: Db, id: string): Promise<StoredImport | undefined> {
  return db.selectFrom('imports').selectAll().where('id', '=', id).executeTakeFirst()
}

/** The same file with the same options, while it is not all in. */
export async function findUnfinished(
  db: Db,
  { kind, digest, options }: Pick<StoredImport, 'kind' | 'digest' | 'options'>,
): Promise<StoredImport | undefined> {
  return db
    .selectFrom('imports')
    .selectAll()
    .where('kind', '=', kind)
    .where('digest', '=', digest)
    .where('options', '=', options)
    .where('finished_at', 'is', null)
    .executeTakeFirst()
}

/** False where the same one is under way: one file moves in once at a time (imports_unfinished). */
export async function insertImport(db: Db, row: Insertable<Tables['imports']>): Promise<boolean> {
  const inserted = await db
    .insertInto('imports')
    .values(row)
    .onConflict((c) => c.doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

/** The newest first, those before `before` when it is given. */
export async function listImports(
  db: Db,
  page: { before: string | undefined; limit: number },
): Promise<StoredImport[]> {
  let query = db.selectFrom('imports').selectAll().orderBy('id', 'desc').limit(page.limit)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  return query.execute()
}

/** Takes the next rows of an import, for this transaction alone. False where others are next, or it has no so many left. */
export async function takeRows(tx: Tx, id: string, { from, count }: { from: number; count: number }): Promise<boolean> {
  const taken = await tx
    .updateTable('imports')
    .set({ done: from + count })
    .where('id', '=', id)
    .where('done', '=', from)
    .where('total', '>=', from + count)
    .executeTakeFirst()
  return taken.numUpdatedRows === 1n
}

/** Adds what became of the rows that were taken; the last ones finish it. */
export async function noteOutcomes(
  tx: Tx,
  id: string,
  counts: { created: number; existing: number; refused: number },
  now: number,
): Promise<StoredImport> {
  return tx
    .updateTable('imports')
    .set((e) => ({
      created: e('created', '+', counts.created),
      existing: e('existing', '+', counts.existing),
      refused: e('refused', '+', counts.refused),
      updated_at: now,
      finished_at: e.case().when('done', '=', e.ref('total')).then(now).else(null).end(),
    }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
}
