import { cleanJson, cleanLine, withoutKeys } from './clean.ts'
import { type Painter, painterFor } from './style.ts'
import { type Column, table } from './table.ts'

/** How a command speaks: its answer on standard output, all else on standard error. */
export type Out = {
  isJson: boolean
  paint: Painter
  /** The answer: for programs as JSON, for people as lines. */
  answer(value: unknown, lines: () => readonly string[]): void
  lines(lines: readonly string[]): void
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void
  /** A sentence beside the answer. */
  note(line: string): void
  /** As it is, where a file is written to standard output. */
  raw(text: string): void
}

export function createOut(isJson: boolean): Out {
  const { stdout, stderr } = process
  const paint = painterFor(stdout)
  const lines = (all: readonly string[]) => {
    if (all.length > 0) stdout.write(`${all.map(cleanLine).join('\n')}\n`)
  }
  return {
    isJson,
    paint,
    lines,
    answer(value, toLines) {
      if (isJson) stdout.write(`${cleanJson(value, 2)}\n`)
      else lines(toLines())
    },
    table(columns, rows) {
      const [heading = '', ...rest] = table(columns, rows, stdout.isTTY ? stdout.columns : undefined)
      lines([paint('bold', heading), ...rest])
    },
    note: (line) => void stderr.write(`${withoutKeys(cleanLine(line))}\n`),
    raw: (text) => void stdout.write(text),
  }
}
