import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'

export type Row = {
  what: string
  on: string
  measured: string
  beside?: string
  share?: number
  wanted: string
  /** Whether what is wanted was reached, where a run ends by it. */
  isMet?: boolean
  p50?: number
  p99?: number
}

const PAGE = join(import.meta.dirname, '../docs/performance.md')
const START = '<!-- bench: start -->'
const END = '<!-- bench: end -->'

/** The table as Markdown, with what it was measured on below it. */
export function table(rows: readonly Row[], machine: string): string {
  const heads = ['what', 'on', 'measured', 'beside', 'share', 'wanted', 'p50', 'p99']
  const cells = rows.map((row) => [
    row.what,
    row.on,
    row.measured,
    row.beside ?? '',
    row.share === undefined ? '' : `${(row.share * 100).toFixed(0)} %`,
    row.wanted,
    milliseconds(row.p50),
    milliseconds(row.p99),
  ])
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(heads), rule, ...cells.map(line), '', machine].join('\n')
}

/** `before` is the machine's load before anything was measured: over some tenths, others had a part in the numbers. */
export function machineLine(
  users: number,
  before: number,
  { grants, tokens }: { grants: number; tokens: number } = { grants: 30, tokens: users * 2 },
): string {
  const day = new Date().toISOString().slice(0, 10)
  const cores = availableParallelism()
  return `${users} users, ${users * grants} grants, ${tokens} tokens; ${cores} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}, ${process.platform}, ${day}; load before the run ${before.toFixed(1)}.`
}

/** Puts the table where docs/performance.md has its place for it. */
export function writeTable(lines: string): void {
  const page = readFileSync(PAGE, 'utf8')
  const [start, end] = [page.indexOf(START), page.indexOf(END)]
  if (start < 0 || end < start) throw new Error(`docs/performance.md has no ${START} … ${END}.`)
  writeFileSync(PAGE, `${page.slice(0, start + START.length)}\n\n${lines}\n\n${page.slice(end)}`)
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : `${value.toFixed(1)} ms`
}
