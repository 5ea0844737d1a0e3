import type { Compilable, CompiledQuery, DialectAdapter } from 'kysely'
import type { Db } from './database.ts'

/** Of one statement, for how many numbers of rows it is kept. */
const KEPT = 200

/**
 * An insert of many rows in one statement, which is made once for each number of rows: making it costs more than the
 * database needs to do it. The rows have the same columns in the same order, and none that is undefined.
 */
export function insertsMany<Row extends object, Told>(make: (db: Db, rows: readonly Row[]) => Compilable<Told>) {
  // The two databases write a statement differently.
  const made = new WeakMap<DialectAdapter, Map<number, CompiledQuery<Told>>>()
  return async (db: Db, rows: readonly Row[]): Promise<Told[]> => {
    const [first] = rows
    if (!first) return []
    const { adapter } = db.getExecutor()
    const known = made.get(adapter) ?? new Map<number, CompiledQuery<Told>>()
    made.set(adapter, known)
    const statement = known.get(rows.length) ?? make(db, rows).compile()
    if (known.size >= KEPT) known.clear()
    known.set(rows.length, statement)
    const parameters: unknown[] = []
    for (const row of rows) parameters.push(...Object.values(row))
    return (await db.executeQuery<Told>({ ...statement, parameters })).rows
  }
}
