import { revokeAllKeys } from '../credentials/api-key-store.ts'
import { expireOneTimeTokens, revokeAllTokens } from '../credentials/token-store.ts'
import type { Database, Tx } from '../db/database.ts'
import { HouseWriter, isEmptyHouse, noteSizes } from '../db/house-writer.ts'
import { allSteps, migrate } from '../db/migrate.ts'
import { CommandError } from '../errors.ts'
import { restartEvents } from '../outbox/again.ts'
import type { HouseSource } from './house-source.ts'
import { differences, Summing, type Sums } from './house-sums.ts'

export type Filling = {
  /** What must not come back to life where a house comes from a file ends: one-time tokens, and sessions and API keys with it. */
  ends: 'nothing' | 'one_time_tokens' | 'everything'
  now: number
  onRows?(rows: number): void
}

export type Filled = {
  /** As they were read back, before anything ended. */
  sums: Sums
  ended: { sessions: number; oneTime: number; keys: number }
  migrated: string[]
}

/** Fills an empty house, in one transaction, and reads it back before that ends. @throws CommandError with what is wrong */
export async function fillHouse(target: Database, source: HouseSource, filling: Filling): Promise<Filled> {
  await requireEmpty(target)
  const { step, tables, numbers } = source.outline
  const all = Object.entries(allSteps(target.kind))
  const taken = all.slice(0, all.findIndex(([name]) => name === step) + 1)
  // As old as the copy: the rest is brought up to this program as any house is.
  await migrate(target, Object.fromEntries(taken))
  let isStarted = false
  const filled = await target.transaction(async (tx) => {
    // The source is read once: what PostgreSQL would have done again must be begun by whoever asked for it.
    if (isStarted) throw new CommandError('The database ended the copying. Nothing of it is stored; try again.')
    isStarted = true
    // Again, now that nobody else writes here on SQLite.
    if (!(await isEmptyHouse({ read: tx }))) throw notEmpty()
    const writer = new HouseWriter(target.kind, tx)
    if ((await writer.reader().outline()).step !== step) throw new CommandError(OLDER)
    await writer.begin()
    for (const table of tables) await writer.put(table, counted(source.pages(table), filling))
    const wanted = await source.end()
    await writer.setNumbers(numbers)
    const sums = await readBack(writer, source)
    const faults = differences(wanted, sums)
    if (faults.length > 0) throw new CommandError('The copy is not the same, so nothing is stored:', ...faults)
    return { sums, ended: await endAll(tx, step, filling) }
  })
  const migrated = await migrate(target)
  await noteSizes(target)
  return { ...filled, migrated }
}

const OLDER =
  'The copy is of an older program than the tables of that database. Give it a database without tables: they are brought up to this program after the copying.'

async function requireEmpty(target: Database): Promise<void> {
  if (!(await isEmptyHouse(target))) throw notEmpty()
}

function notEmpty(): CommandError {
  return new CommandError('There is a house in that database already. Give it an empty one.')
}

async function* counted<T>(pages: AsyncIterable<T[]>, { onRows }: Filling): AsyncGenerator<T[]> {
  for await (const rows of pages) {
    yield rows
    onRows?.(rows.length)
  }
}

async function readBack(writer: HouseWriter, { outline }: HouseSource): Promise<Sums> {
  const reader = writer.reader()
  const { tables } = await reader.outline()
  const summing = new Summing()
  for (const table of tables) {
    const pages = summing.through(table, reader.rows(table))
    while (!(await pages.next()).done);
  }
  // Tables that the copy does not tell of are empty, and no difference.
  const told = new Set(outline.tables.map(({ name }) => name))
  return summing.end(tables.filter(({ name }) => told.has(name)))
}

/** As a restore does (commands/restore.ts): what was revoked since must not come back to life. */
async function endAll(tx: Tx, step: string, { ends, now }: Filling): Promise<Filled['ended']> {
  const isAll = ends === 'everything'
  // Steps are numbered.
  const hasKeys = step >= '0004-managed'
  if (isAll && step >= '0007-events') await restartEvents(tx, now)
  return {
    oneTime: ends === 'nothing' ? 0 : await expireOneTimeTokens(tx),
    sessions: isAll ? await revokeAllTokens(tx, now) : 0,
    keys: isAll && hasKeys ? await revokeAllKeys(tx, now) : 0,
  }
}
