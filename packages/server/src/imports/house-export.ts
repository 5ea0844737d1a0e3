import { createHash } from 'node:crypto'
import type { HouseOutline, HouseReader } from '../db/house-reader.ts'
import { type FileKey, FORMAT, fileMac, type Header, VERSION } from './house-file.ts'
import { rowText, Summing, type Sums } from './house-sums.ts'

export type Written = { outline: HouseOutline; sums: Sums }

/** Writes a house as lines of JSON, some hundred at a time, as fast as they are taken. */
export async function* writeHouse(
  reader: HouseReader,
  { madeAt, key }: { madeAt: number; key: FileKey },
): AsyncGenerator<string, Written> {
  const outline = await reader.outline()
  const { step, mark, numbers, tables } = outline
  const hash = createHash('sha256')
  const summing = new Summing()
  const header: Header = {
    format: FORMAT,
    version: VERSION,
    made_at: new Date(madeAt).toISOString(),
    step,
    mark,
    numbers,
    tables,
  }
  const first = `${JSON.stringify(header)}\n`
  hash.update(first)
  yield first
  for (const table of tables) {
    const start = `{"table":${JSON.stringify(table.name)},"row":`
    for await (const rows of reader.rows(table)) {
      let lines = ''
      for (const row of rows) {
        const text = rowText(table, row)
        summing.take(table, text)
        lines += `${start}${text}}\n`
      }
      hash.update(lines)
      yield lines
    }
  }
  const sums = summing.end(tables)
  const total = hash.digest('hex')
  const end = { end: true, tables: sums, hash: total, key: key.id, mac: fileMac(key, total) }
  yield `${JSON.stringify(end)}\n`
  return { outline, sums }
}
