import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { startTool, type Tools } from './postgres-tools.ts'

/** What `pg_dump --format=custom` wrote, read to its end. */
export type Archive = {
  /** How many, by table. */
  rows: ReadonlyMap<string, number>
  /** The table `house`. */
  facts: ReadonlyMap<string, string>
  /** The migrations that its schema has seen. */
  steps: readonly string[]
}

const COPY = /^COPY (?:"?\w+"?\.)?"?(\w+)"? \((.*)\) FROM stdin;$/

/** Whether a file is there and begins as the archives of pg_dump do. */
export function isArchive(file: string): boolean {
  if (!existsSync(file) || !statSync(file).isFile()) return false
  const head = Buffer.alloc(5)
  const handle = openSync(file, 'r')
  try {
    readSync(handle, head, 0, 5, 0)
  } finally {
    closeSync(handle)
  }
  return head.toString('latin1') === 'PGDMP'
}

/** Has pg_restore write the whole archive as SQL, so that every block of it is unpacked. @throws CommandError when it can't be read */
export async function readArchive(tools: Tools, file: string): Promise<Archive> {
  const script = new Script()
  const tool = startTool(tools, 'pg_restore', ['--file=-', file])
  tool.stdin.end()
  // What is looked at is ASCII, and lines end by \n alone: in names there may be anything else.
  tool.stdout.setEncoding('latin1').on('data', (text: string) => script.take(text))
  await tool.ended
  return script
}

/** Counts the rows of each COPY as the text comes by. */
class Script implements Archive {
  readonly rows = new Map<string, number>()
  readonly facts = new Map<string, string>()
  readonly steps: string[] = []
  #table: string | undefined
  #columns: string[] = []
  #rest = ''

  take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#takeLine(line)
  }

  #takeLine(line: string): void {
    if (this.#table === undefined) {
      const [, table, columns = ''] = line.startsWith('COPY ') ? (COPY.exec(line) ?? []) : []
      if (table === undefined) return
      this.#table = table
      this.#columns = columns.split(', ').map((column) => column.replaceAll('"', ''))
      this.rows.set(table, this.rows.get(table) ?? 0)
    } else if (line === '\\.') this.#table = undefined
    else this.#takeRow(this.#table, line)
  }

  #takeRow(table: string, line: string): void {
    this.rows.set(table, (this.rows.get(table) ?? 0) + 1)
    if (table !== 'house' && table !== 'migrations') return
    const values = line.split('\t')
    const of = (column: string) => values[this.#columns.indexOf(column)] ?? ''
    if (table === 'migrations') this.steps.push(of('name'))
    else this.facts.set(of('name'), of('value'))
  }
}
