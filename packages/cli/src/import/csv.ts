import { CsvError, parse } from 'csv-parse'
import { parse as parseAtOnce } from 'csv-parse/sync'
import { MAX_ROW_BYTES } from './limits.ts'
import type { Line } from './ndjson.ts'
import { UnreadableFile } from './unreadable-file.ts'
import { NAMES } from './user-row.ts'

const DELIMITERS = [',', ';', '\t']
/** Where text that is not UTF-8 was read. */
const NOT_UTF8 = '\uFFFD'

/** A table whose first line names its columns. @throws UnreadableFile where these are none of users */
export async function* readCsv(bytes: AsyncIterable<Uint8Array>, head: Uint8Array): AsyncGenerator<Line> {
  const { delimiter, columns } = readHead(head)
  let ready: Line[] = []
  let isHeader = true
  let line = 0
  const parser = parse({
    bom: true,
    delimiter,
    max_record_size: MAX_ROW_BYTES,
    // Taken here, since the stream forgets what it has read and not handed on yet as soon as a row is wrong.
    on_record: (cells: string[], { lines }) => {
      // Where it begins: it ends where the last of its line breaks is.
      line = lines - breaksIn(cells)
      if (!isHeader) ready.push({ line, ...asRecord(columns, cells) })
      isHeader = false
      return null
    },
    relax_column_count: true,
    skip_empty_lines: true,
  })
  const taken = () => {
    const all = ready
    ready = []
    return all
  }
  let failed: unknown
  parser.on('error', (error) => {
    failed = error
  })
  for await (const chunk of bytes) {
    await new Promise<void>((resolve) => parser.write(chunk, () => resolve()))
    yield* taken()
    if (failed) break
  }
  if (!failed) await new Promise<void>((resolve) => parser.once('close', resolve).resume().end())
  yield* taken()
  if (!failed) return
  // What it says repeats the row, which may hold a password.
  if (!(failed instanceof CsvError)) throw failed
  const { lines = line } = failed as { lines?: number }
  // Where a quote is missing nobody knows where the next row begins.
  yield { line: lines, fault: `${csvFault(failed.code)}; what follows it can not be read` }
}

function csvFault(code: string): string {
  if (code === 'CSV_MAX_RECORD_SIZE') return `it is longer than ${MAX_ROW_BYTES} bytes (is a quote missing?)`
  return code.includes('QUOTE') ? 'its quotes do not match' : 'it is no row of a table'
}

function breaksIn(record: readonly string[]): number {
  return record.reduce((sum, cell) => sum + (cell.match(/\r\n|\n|\r/g)?.length ?? 0), 0)
}

function asRecord(columns: readonly string[], cells: readonly string[]) {
  if (cells.some((cell) => cell.includes(NOT_UTF8))) return { fault: 'it is not UTF-8: save the file as that' }
  if (cells.length !== columns.length)
    return { fault: `it has ${cells.length} columns, and the first line names ${columns.length}` }
  return { record: Object.fromEntries(columns.map((name, at) => [name, cells[at]])) }
}

/** The delimiter by which the first line has the most columns that are known. */
function readHead(head: Uint8Array): { delimiter: string; columns: string[] } {
  const text = new TextDecoder().decode(head)
  const known = new Set<string>(Object.values(NAMES).flat())
  const found = DELIMITERS.map((delimiter) => {
    const columns = namesIn(text, delimiter)
    return { delimiter, columns, known: columns.filter((name) => known.has(name)).length }
  }).sort((a, b) => b.known - a.known)[0]
  if (!found?.columns.some((name) => name === 'email' || name === 'username'))
    throw new UnreadableFile(
      'The first line must name the columns, "email" (or "username") among them: email,first_name,last_name,password',
    )
  const twice = found.columns.find((name, at) => found.columns.indexOf(name) !== at)
  if (twice !== undefined) throw new UnreadableFile(`The first line names the column "${twice}" twice.`)
  return found
}

function namesIn(head: string, delimiter: string): string[] {
  try {
    const [first = ''] = head.split(/\r\n|\n|\r/, 1)
    const [names = []] = parseAtOnce(first, { bom: true, delimiter, relax_column_count: true }) as string[][]
    return names.map((name) => name.trim())
  } catch {
    return []
  }
}
