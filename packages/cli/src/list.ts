import type { Command } from 'commander'
import { wholeNumber } from './command.ts'
import { cleanJson } from './output/clean.ts'
import type { Out } from './output/out.ts'
import type { Column } from './output/table.ts'

/** So many rows are of use to a person; a program gets all. */
const FOR_PEOPLE = 200

export type ListOptions = { limit?: number }

export function limited(command: Command): Command {
  return command.option(
    '--limit <number>',
    `at most so many (${FOR_PEOPLE} in a table, all as JSON)`,
    wholeNumber(1, 10_000_000),
  )
}

/** A list: as a table, or as one JSON array, which is written while it is asked for. */
export async function printList<T>(
  out: Out,
  items: AsyncIterable<T> | readonly T[],
  options: ListOptions,
  shown: { columns: readonly Column[]; row(item: T): readonly string[]; none: string },
): Promise<void> {
  if (out.isJson) return printJson(out, items, options)
  const limit = options.limit ?? FOR_PEOPLE
  const rows: (readonly string[])[] = []
  for await (const item of items) {
    // One more was there.
    if (rows.length === limit) {
      out.table(shown.columns, rows)
      out.note(`These are the first ${rows.length}; there are more. Look for some, or ask for more with --limit.`)
      return
    }
    rows.push(shown.row(item))
  }
  if (rows.length === 0) out.note(shown.none)
  else out.table(shown.columns, rows)
}

/** Written while it is asked for, so that a large house needs no large memory. */
export async function printJson<T>(
  out: Out,
  items: AsyncIterable<T> | readonly T[],
  { limit }: ListOptions,
): Promise<void> {
  let count = 0
  for await (const item of items) {
    if (count === limit) break
    out.raw(`${count === 0 ? '[\n' : ',\n'}${cleanJson(item, 2)}`)
    count++
  }
  out.raw(count === 0 ? '[]\n' : '\n]\n')
}
