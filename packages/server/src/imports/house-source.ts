import { createHash, type Hash } from 'node:crypto'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { CopiedTable, HouseOutline, HouseReader } from '../db/house-reader.ts'
import { COPIED, type Row, type TableName } from '../db/house-tables.ts'
import { allSteps } from '../db/migrate.ts'
import { CommandError } from '../errors.ts'
import type { KeyRing } from '../keys/ring.ts'
import { END, fileKey, fileMac, HEADER, VERSION } from './house-file.ts'
import { differences, rowText, Summing, type Sums } from './house-sums.ts'

/** Where the rows of a house come from: asked for table by table, in the order of its outline. */
export type HouseSource = {
  outline: HouseOutline
  pages(table: CopiedTable): AsyncGenerator<Row[]>
  /** After the last table. @throws CommandError where it did not come whole */
  end(): Promise<Sums>
}

export async function sourceOf(reader: HouseReader): Promise<HouseSource> {
  const outline = await reader.outline()
  const summing = new Summing()
  return {
    outline,
    pages: (table) => summing.through(table, reader.rows(table)),
    end: async () => summing.end(outline.tables),
  }
}

const PAGE = 500
/** Of one row. */
const MAX_LINE_BYTES = 16 * 1024 * 1024
const NEWLINE = 0x0a

/** Reads what `writeHouse` wrote. @throws CommandError with what is wrong with the file */
export async function openHouseFile(bytes: AsyncIterable<Uint8Array>, ring: KeyRing): Promise<HouseSource> {
  const lines = new Lines(bytes)
  const header = readLine(HEADER, await lines.next())
  if (!header) throw new CommandError('This is no house: `license-server export` makes such a file.')
  if (header.version !== VERSION) throw ofNewerProgram(`the format ${header.version}`)
  if (!Object.hasOwn(allSteps('sqlite'), header.step)) throw ofNewerProgram(header.step)
  const outline: HouseOutline = { ...header, tables: readTables(header) }
  const summing = new Summing()
  return {
    outline,
    async *pages(table) {
      for (let left = table.rows; left > 0; left -= PAGE) {
        const rows: Row[] = []
        while (rows.length < Math.min(PAGE, left)) rows.push(readRow(table, await lines.next(), lines.count))
        for (const row of rows) summing.take(table, rowText(table, row))
        yield rows
      }
    },
    async end() {
      const hash = lines.hash
      const end = readLine(END, await lines.next())
      if (!end) throw cutOff(lines.count)
      const key = fileKey(ring, end.key)
      const sums = summing.end(outline.tables)
      if (!key) throw new CommandError(`The file was made with the key ${end.key}, which the key ring lacks.`)
      if (hash !== end.hash || fileMac(key, hash) !== end.mac || differences(sums, end.tables).length > 0)
        throw new CommandError('The file was changed after it was made, so nothing is taken from it.')
      if ((await lines.next()) !== undefined) throw new CommandError('There is more after the end of the file.')
      return sums
    },
  }
}

function readTables(header: Static<typeof HEADER>): CopiedTable[] {
  // Names become part of statements: none but ours. What columns there are is the schema's to say.
  return header.tables.map(({ name, columns, rows }) => {
    const isKnown =
      (COPIED as readonly string[]).includes(name) && columns.every((each) => /^[a-z0-9_]{1,60}$/.test(each))
    if (!isKnown) throw new CommandError('The file tells of a table that is none of ours.')
    return { name: name as TableName, columns, rows } // As was just seen.
  })
}

function readRow({ name, columns }: CopiedTable, line: string | undefined, count: number): Row {
  const read = line === undefined ? undefined : parse(line)
  const { table, row } = (read ?? {}) as { table?: unknown; row?: Record<string, unknown> } // Looked at below.
  if (table !== name || typeof row !== 'object' || row === null) throw cutOff(count)
  const isWhole = columns.length === Object.keys(row).length && columns.every((each) => isValue(row[each]))
  if (!isWhole) throw new CommandError(`Line ${count} of the file is no row of ${name}.`)
  return row as Row // As was just seen.
}

function isValue(value: unknown): boolean {
  return value === null || typeof value === 'string' || Number.isSafeInteger(value)
}

function readLine<T extends TSchema>(schema: T, line: string | undefined): Static<T> | undefined {
  const read = line === undefined ? undefined : parse(line)
  return Value.Check(schema, read) ? (read as Static<T>) : undefined // As was just checked.
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function cutOff(line: number): CommandError {
  return new CommandError(`The file is not whole: it ends, or goes on with something else, at line ${line}.`)
}

function ofNewerProgram(what: string): CommandError {
  return new CommandError(`The file is of a newer program (${what}). Import it with that one.`)
}

/** The lines of a file, one by one, and the hash of those that were read. */
class Lines {
  readonly #lines: AsyncIterator<Buffer>
  readonly #hash: Hash = createHash('sha256')
  count = 0

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#lines = splitLines(bytes)
  }

  /** In hex. */
  get hash(): string {
    return this.#hash.copy().digest('hex')
  }

  async next(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next()
    this.count++
    if (done) return undefined
    this.#hash.update(value)
    return value.toString('utf8', 0, value.length - 1)
  }
}

/** With their ends. What follows the last end is no line: a file that was cut off within one is not whole. */
async function* splitLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of bytes) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, at + 1)])
      parts = []
      size = 0
      from = at + 1
    }
    parts.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > MAX_LINE_BYTES) throw new CommandError('The file has a line that no row has: it is none of ours.')
  }
  if (size > 0) yield Buffer.concat([...parts, Buffer.from('\n')])
}
