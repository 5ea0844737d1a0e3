import { CompiledQuery, sql } from 'kysely'
import type { Database, Tx } from './database.ts'
import { type CopiedTable, HouseReader, quoted } from './house-reader.ts'
import { COPIED, type Kind, NAMES_ITS_OWN, NUMBERED, type Numbered, type Row, type Value } from './house-tables.ts'

/** Both databases take some ten thousands in one statement. */
const MOST_VALUES = 20_000
const MOST_ROWS = 500

/** Puts the rows of a copy into an empty house, within one transaction. */
export class HouseWriter {
  readonly #kind: Kind
  readonly #tx: Tx

  constructor(kind: Kind, tx: Tx) {
    this.#kind = kind
    this.#tx = tx
  }

  /** What the house notes of itself comes with the copy. */
  async begin(): Promise<void> {
    await this.#tx.deleteFrom('house').execute()
  }

  /** All of a table, some rows at a time. */
  async put(table: CopiedTable, pages: AsyncIterable<readonly Row[]>): Promise<void> {
    const own = NAMES_ITS_OWN[table.name]
    const naming: [id: Value, named: Value][] = []
    for await (const rows of pages) {
      for (const row of rows) if (own && row[own] != null) naming.push([row.id ?? null, row[own]])
      const most = Math.min(MOST_ROWS, Math.floor(MOST_VALUES / table.columns.length))
      for (let from = 0; from < rows.length; from += most) await this.#insert(table, rows.slice(from, from + most), own)
    }
    for (const [id, named] of naming)
      await sql`update ${sql.table(table.name)} set ${sql.ref(own ?? '')} = ${named} where id = ${id}`.execute(this.#tx)
  }

  async #insert({ name, columns }: CopiedTable, rows: readonly Row[], left: string | undefined): Promise<void> {
    let count = 0
    const hole = this.#kind === 'sqlite' ? () => '?' : () => `$${++count}`
    const tuples = rows.map(() => `(${columns.map(hole).join(',')})`)
    const values = rows.flatMap((row) => columns.map((column) => (column === left ? null : (row[column] ?? null))))
    // By itself PostgreSQL takes no number that it did not make.
    const kept = this.#kind === 'postgres' && name in NUMBERED ? 'overriding system value' : ''
    const into = `insert into ${quoted(name)} (${columns.map(quoted).join(',')}) ${kept}`
    await this.#tx.executeQuery(CompiledQuery.raw(`${into} values ${tuples.join(',')}`, values))
  }

  /** No number that was made before is made again. */
  async setNumbers(numbers: Record<Numbered, number>): Promise<void> {
    for (const [table, column] of Object.entries(NUMBERED) as [Numbered, string][]) {
      const last = numbers[table]
      if (last === 0) continue
      if (this.#kind === 'postgres')
        await sql`select setval(pg_get_serial_sequence(${table}, ${column}), ${last})`.execute(this.#tx)
      else {
        await sql`delete from sqlite_sequence where name = ${table}`.execute(this.#tx)
        await sql`insert into sqlite_sequence (name, seq) values (${table}, ${last})`.execute(this.#tx)
      }
    }
  }

  /** What was put in, as it is read back. */
  reader(): HouseReader {
    return new HouseReader(this.#kind, async (statement, values = []) => {
      const { rows } = await this.#tx.executeQuery<Row>(CompiledQuery.raw(statement, [...values]))
      return rows
    })
  }
}

/** Whether nobody has put anything into the database but a schema, and what a first start notes. */
export async function isEmptyHouse(database: Pick<Database, 'read'>): Promise<boolean> {
  const present = new Set((await database.read.introspection.getTables()).map(({ name }) => name))
  for (const name of COPIED) {
    if (name === 'house' || !present.has(name)) continue
    const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(database.read)
    if (rows.length > 0) return false
  }
  return true
}

/** So that the first answers are planned by what is there. SQLite needs nothing of it. */
export async function noteSizes(database: Database): Promise<void> {
  if (database.kind === 'postgres') await sql`analyze`.execute(database.read)
}
