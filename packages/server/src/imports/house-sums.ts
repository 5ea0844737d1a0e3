import { createHash, type Hash } from 'node:crypto'
import type { CopiedTable } from '../db/house-reader.ts'
import type { Row } from '../db/house-tables.ts'

/** How many rows a table has, and the SHA-256 of them in the order of its key, in hex. */
export type TableSum = { rows: number; hash: string }
export type Sums = Record<string, TableSum>

/** Always the same text for the same row, whichever database it comes from. */
export function rowText({ columns }: CopiedTable, row: Row): string {
  return JSON.stringify(Object.fromEntries(columns.map((column) => [column, row[column] ?? null])))
}

/** Sums up rows as they come by. */
export class Summing {
  readonly #tables = new Map<string, { rows: number; hash: Hash }>()

  take(table: CopiedTable, text: string): void {
    const sum = this.#of(table)
    sum.rows++
    sum.hash.update(text).update('\n')
  }

  /** All rows of a table as they come by. */
  async *through(table: CopiedTable, pages: AsyncIterable<Row[]>): AsyncGenerator<Row[]> {
    this.#of(table)
    for await (const rows of pages) {
      for (const row of rows) this.take(table, rowText(table, row))
      yield rows
    }
  }

  /** Also of tables without a row; afterwards nothing is taken any more. */
  end(tables: readonly CopiedTable[]): Sums {
    return Object.fromEntries(
      tables.map((table) => {
        const { rows, hash } = this.#of(table)
        return [table.name, { rows, hash: hash.digest('hex') }]
      }),
    )
  }

  #of({ name }: CopiedTable): { rows: number; hash: Hash } {
    const known = this.#tables.get(name)
    if (known) return known
    const sum = { rows: 0, hash: createHash('sha256') }
    this.#tables.set(name, sum)
    return sum
  }
}

/** What is not the same in two houses, as sentences. */
export function differences(one: Sums, other: Sums): string[] {
  return Object.keys({ ...one, ...other }).flatMap((name) => {
    const [a, b] = [one[name], other[name]]
    if (a?.rows !== b?.rows)
      return `${name} has ${a?.rows ?? 'no'} rows on one side and ${b?.rows ?? 'no'} on the other`
    return a?.hash === b?.hash ? [] : `the rows of ${name} are not the same`
  })
}
