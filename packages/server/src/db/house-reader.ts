import { CommandError } from '../errors.ts'
import {
  type Ask,
  COPIED,
  type Kind,
  keyOf,
  NUMBERED,
  type Numbered,
  type Row,
  type TableName,
} from './house-tables.ts'
import { allSteps, strangeSteps } from './migrate.ts'

const PAGE = 500

/** A table as it is in a database: its columns by name, and how many rows it has. */
export type CopiedTable = { name: TableName; columns: readonly string[]; rows: number }

/** What is told of a house before its rows. */
export type HouseOutline = {
  /** The last step that its schema has taken. */
  step: string
  /** By which a house knows its key ring (keys/sealed.ts); none where nobody has served it yet. */
  mark: string | null
  /** The last number that each of these made. */
  numbers: Record<Numbered, number>
  tables: readonly CopiedTable[]
}

/** Reads a house table by table. The statements go to one transaction, so that all is of one moment. */
export class HouseReader {
  readonly #kind: Kind
  readonly #ask: Ask

  constructor(kind: Kind, ask: Ask) {
    this.#kind = kind
    this.#ask = ask
  }

  /** @throws CommandError where there is no house, or one of a newer program */
  async outline(): Promise<HouseOutline> {
    const present = new Set(await this.#tableNames())
    if (!present.has('migrations') || !present.has('house'))
      throw new CommandError('There is no house in the database.')
    const steps = (await this.#ask('select name from migrations order by name')).map(({ name }) => String(name))
    const strange = strangeSteps(allSteps(this.#kind), steps)
    if (strange.length > 0)
      throw new CommandError(`The house is of a newer program (${strange.join(', ')}). Copy it with that one.`)
    const tables: CopiedTable[] = []
    for (const name of COPIED) {
      if (!present.has(name)) continue // A step that makes it was not taken yet.
      const [counted] = await this.#ask(`select count(*) as n from "${name}"`)
      tables.push({ name, columns: await this.#columns(name), rows: Number(counted?.n ?? 0) })
    }
    const [mark] = await this.#ask("select value from house where name = 'key_check'")
    return { step: steps.at(-1) ?? '', mark: mark ? String(mark.value) : null, numbers: await this.#numbers(), tables }
  }

  /** Some hundred rows at a time, in the order of the table's key. */
  rows(table: CopiedTable): AsyncGenerator<Row[]> {
    return this.#kind === 'sqlite' ? this.#byKey(table) : this.#byCursor(table)
  }

  async *#byKey({ name, columns }: CopiedTable): AsyncGenerator<Row[]> {
    const key = keyOf(name).map(quoted).join(', ')
    const holes = keyOf(name).map(() => '?')
    const select = `select ${columns.map(quoted).join(', ')} from "${name}"`
    const order = `order by ${key} limit ${PAGE}`
    let rows = await this.#ask(`${select} ${order}`)
    for (;;) {
      const last = rows.at(-1)
      if (!last) return
      yield rows
      if (rows.length < PAGE) return
      const after = keyOf(name).map((column) => last[column] ?? null)
      rows = await this.#ask(`${select} where (${key}) > (${holes.join(', ')}) ${order}`, after)
    }
  }

  /** Sorted once, whatever the language of the database. */
  async *#byCursor({ name, columns }: CopiedTable): AsyncGenerator<Row[]> {
    const texts = new Set(
      (
        await this.#ask(
          'select column_name as name from information_schema.columns where table_schema = current_schema() and table_name = $1 and data_type = $2',
          [name, 'text'],
        )
      ).map((row) => row.name),
    )
    const order = keyOf(name).map((column) => `${quoted(column)}${texts.has(column) ? ' collate "C"' : ''}`)
    await this.#ask(
      `declare house_rows no scroll cursor for select ${columns.map(quoted).join(', ')} from "${name}" order by ${order.join(', ')}`,
    )
    for (;;) {
      const rows = await this.#ask(`fetch ${PAGE} from house_rows`)
      if (rows.length > 0) yield rows
      if (rows.length < PAGE) break
    }
    await this.#ask('close house_rows')
  }

  async #tableNames(): Promise<string[]> {
    const rows = await this.#ask(
      this.#kind === 'sqlite'
        ? "select name from sqlite_master where type = 'table'"
        : 'select table_name as name from information_schema.tables where table_schema = current_schema()',
    )
    return rows.map(({ name }) => String(name))
  }

  async #columns(table: TableName): Promise<string[]> {
    const rows =
      this.#kind === 'sqlite'
        ? await this.#ask('select name from pragma_table_info(?)', [table])
        : await this.#ask(
            'select column_name as name from information_schema.columns where table_schema = current_schema() and table_name = $1',
            [table],
          )
    return rows.map(({ name }) => String(name)).sort()
  }

  async #numbers(): Promise<Record<Numbered, number>> {
    const found: Record<Numbered, number> = { permissions: 0, roles: 0, seats: 0 }
    for (const [table, column] of Object.entries(NUMBERED) as [Numbered, string][])
      found[table] = await lastNumber(this.#kind, this.#ask, table, column)
    return found
  }
}

async function lastNumber(kind: Kind, ask: Ask, table: Numbered, column: string): Promise<number> {
  if (kind === 'sqlite') {
    const [row] = await ask('select seq from sqlite_sequence where name = ?', [table])
    return Number(row?.seq ?? 0)
  }
  const [sequence] = await ask('select pg_get_serial_sequence($1, $2) as name', [table, column])
  // Before the seats had numbers there was none.
  if (!sequence?.name) return 0
  const [row] = await ask(`select case when is_called then last_value else 0 end as n from ${sequence.name}`)
  return Number(row?.n ?? 0)
}

export function quoted(name: string): string {
  return `"${name}"`
}
