import truncated from 'fast-string-truncated-width'
import widthOf from 'fast-string-width'
import { clean } from './clean.ts'

export type Column = {
  heading: string
  /** Never cut: an id or an address is of no use in part. */
  whole?: boolean
}

const GAP = 2
/** No column is cut to less. */
const NARROWEST = 8

/** Rows under their headings, in columns as wide on the screen as what they hold, cut to the width where there is one. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width?: number): string[] {
  const cells = rows.map((row) => columns.map((_, index) => clean(row[index] ?? '')))
  const widths = columns.map(({ heading }, index) =>
    Math.max(widthOf(heading), ...cells.map((row) => widthOf(row[index] ?? ''))),
  )
  if (width !== undefined) narrow(columns, widths, width)
  const line = (row: readonly string[]) => {
    const padded = row.map((cell, index) => pad(cut(cell, widths[index] ?? 0), widths[index] ?? 0))
    return padded.join(' '.repeat(GAP)).trimEnd()
  }
  return [line(columns.map(({ heading }) => heading)), ...cells.map(line)]
}

/** Takes from the widest that may be cut, until the line fits or nothing is left to take. */
function narrow(columns: readonly Column[], widths: number[], width: number): void {
  const total = () => widths.reduce((sum, each) => sum + each, GAP * (widths.length - 1))
  while (total() > width) {
    let widest = -1
    for (const [index, { whole, heading }] of columns.entries()) {
      const own = widths[index] ?? 0
      if (!whole && own > Math.max(NARROWEST, widthOf(heading)) && own > (widths[widest] ?? 0)) widest = index
    }
    if (widest < 0) return
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}

function cut(cell: string, width: number): string {
  if (widthOf(cell) <= width) return cell
  const { index } = truncated(cell, { limit: width, ellipsis: '…', ellipsisWidth: 1 })
  return `${cell.slice(0, index).trimEnd()}…`
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)))
}

/** One thing, field by field. What has several lines goes on below its first. */
export function record(fields: readonly (readonly [name: string, value: string | readonly string[]])[]): string[] {
  const width = Math.max(...fields.map(([name]) => widthOf(name)))
  return fields.flatMap(([name, value]) => {
    const [first = '–', ...more] = typeof value === 'string' ? [value === '' ? '–' : value] : value
    return [`${pad(name, width)}  ${first}`, ...more.map((line) => `${' '.repeat(width)}  ${line}`)]
  })
}
