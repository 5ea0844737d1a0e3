import { stripVTControlCharacters } from 'node:util'

/** Columns as wide as their longest cell, two blanks between. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column]))))
  const lines = all.map((row) => row.map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - width(cell))).join('  '))
  const rule = widths.map((each) => '-'.repeat(each)).join('  ')
  return [lines[0], rule, ...lines.slice(1)].map((line) => (line ?? '').trimEnd()).join('\n')
}

function width(cell = ''): number {
  return [...stripVTControlCharacters(cell)].length
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

export function count(number: number): string {
  return number.toLocaleString('en')
}
