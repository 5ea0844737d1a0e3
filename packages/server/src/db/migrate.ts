import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { CommandError } from '../errors.ts'
import type { Database, Db } from './database.ts'
import { findFact, setFact } from './house-facts.ts'
import { house } from './migrations/0001-house.ts'
import { signInHolds } from './migrations/0002-sign-in-holds.ts'
import { seatNumbers } from './migrations/0003-seat-numbers.ts'
import { managed } from './migrations/0004-managed.ts'
import { manifestImports } from './migrations/0005-manifest-imports.ts'
import { impersonation } from './migrations/0006-impersonation.ts'
import { events } from './migrations/0007-events.ts'
import { deliveries } from './migrations/0008-deliveries.ts'
import { upstream } from './migrations/0009-upstream.ts'
import { members } from './migrations/0010-members.ts'
import { schemaDialects } from './migrations/dialect.ts'

/** The oldest version of this program that may run on the schema it makes, as a number that grows with each release. */
const PROGRAM = 4
const OLDEST_PROGRAM = 3

export const TOO_NEW = 'The database was made by a newer program that this one can not run beside. Update this program.'

/**
 * Steps by name, in their order. What a step fills is filled when all of them are taken, in transactions of its own; until then the step
 * counts as not taken, and what it does besides is done again: it finds that it was done.
 */
export type Steps = Record<string, Migration & { fill?(database: Database): Promise<void> }>

export function allSteps(kind: Database['kind']): Steps {
  const dialect = schemaDialects[kind]
  return {
    '0001-house': house(dialect),
    '0002-sign-in-holds': signInHolds(dialect),
    '0003-seat-numbers': seatNumbers(dialect),
    '0004-managed': managed(dialect),
    '0005-manifest-imports': manifestImports(dialect),
    '0006-impersonation': impersonation(dialect),
    '0007-events': events(dialect),
    '0008-deliveries': deliveries(dialect),
    '0009-upstream': upstream(dialect),
    '0010-members': members(dialect, kind),
  }
}

export type SchemaState =
  | { state: 'empty' | 'current' }
  | { state: 'behind'; pending: string[] }
  /** Made by a newer program that says whether this one may still run on it. */
  | { state: 'newer'; mayRun: boolean }

/**
 * Brings the schema up to this program. Tells which steps it took. One process at a time. Other steps than all of this
 * program's are for tests. @throws CommandError when a newer program made it that this one can not run beside
 */
export async function migrate(database: Database, steps: Steps = allSteps(database.kind)): Promise<string[]> {
  const known = await schemaState(database, steps)
  if (known.state === 'newer' && !known.mayRun) throw new CommandError(TOO_NEW)
  if (known.state === 'newer') return []
  // All steps and the notes of them are one transaction, so that none is ever half taken.
  let taken: string[] = []
  let toFill: string[] = []
  await database.transaction(async (tx) => {
    taken = []
    toFill = []
    if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
    await tx.schema
      .createTable('migrations')
      .ifNotExists()
      .addColumn('name', 'text', (c) => c.primaryKey().notNull())
      .execute()
    const done = new Set(await doneSteps(tx))
    const isNew = done.size === 0
    for (const [name, step] of Object.entries(steps)) {
      if (done.has(name)) continue
      await step.up(tx)
      // A new house has nobody yet.
      if (step.fill && !isNew) toFill.push(name)
      else if (await noteStep(tx, name)) taken.push(name)
    }
    if (taken.length + toFill.length === 0) return
    await setFact(tx, 'oldest_program', String(OLDEST_PROGRAM))
  })
  for (const name of toFill) {
    await steps[name]?.fill?.(database)
    if (await database.transaction((tx) => noteStep(tx, name))) taken.push(name)
  }
  return taken
}

/** False where another process noted it meanwhile. */
async function noteStep(tx: Db, name: string): Promise<boolean> {
  const noted = await sql`insert into migrations (name) values (${name}) on conflict do nothing`.execute(tx)
  return noted.numAffectedRows === 1n
}

/** Any number of ours, so that two nodes that start on an empty database take turns. */
export const MIGRATION_LOCK = 7_313_001

async function doneSteps(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from migrations order by name`.execute(db)
  return rows.map((row) => row.name)
}

export async function schemaState(database: Database, steps: Steps = allSteps(database.kind)): Promise<SchemaState> {
  const tables = await database.read.introspection.getTables()
  if (!tables.some((table) => table.name === 'migrations')) return { state: 'empty' }
  const done = await doneSteps(database.read)
  if (strangeSteps(steps, done).length > 0) {
    const oldest = await findFact(database.read, 'oldest_program')
    return { state: 'newer', mayRun: Number(oldest ?? Number.POSITIVE_INFINITY) <= PROGRAM }
  }
  const pending = Object.keys(steps).filter((name) => !done.includes(name))
  return pending.length === 0 ? { state: 'current' } : { state: 'behind', pending }
}

/** Those that were taken and are not among these: a newer program took them. */
export function strangeSteps(steps: Steps, taken: readonly string[]): string[] {
  return taken.filter((name) => !Object.hasOwn(steps, name))
}
