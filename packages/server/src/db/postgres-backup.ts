import { chmodSync, closeSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import { CommandError } from '../errors.ts'
import { requireSchemaToCopy, syncFile, syncFolder, whatFailed } from './backup.ts'
import { type Database, type Db, openDatabase } from './database.ts'
import { readArchive } from './postgres-archive.ts'
import { connection, runTool, type Tools } from './postgres-tools.ts'

type Counts = ReadonlyMap<string, number>

/** Has pg_dump copy a house that may be running to `file`, whole or not at all, and counts what is in the copy. @throws CommandError with what went wrong */
export async function writePostgresBackup(tools: Tools, file: string): Promise<void> {
  const partial = `${file}.partial`
  const database = openDatabase({ kind: 'postgres', url: tools.url }, { poolSize: 1, ...PATIENT })
  try {
    await requireSchemaToCopy(database)
    closeSync(openSync(partial, 'w', 0o600))
    chmodSync(partial, 0o600) // Also one that was left behind.
    const counted = await dump(database, tools, partial)
    const { rows } = await readArchive(tools, partial)
    const faults = differences(counted, rows)
    if (faults.length > 0)
      throw new CommandError('The copy is not sound, so it was thrown away:', ...faults.map((fault) => `  ${fault}`))
    syncFile(partial)
    renameSync(partial, file)
    syncFolder(dirname(file))
  } catch (error) {
    rmSync(partial, { force: true })
    if (error instanceof CommandError) throw error
    throw new CommandError(`The backup failed: ${whatFailed(error)}. Nothing was left behind.`)
  } finally {
    await database.close()
  }
}

const PATIENT = { onIdleError: () => undefined, isPatient: true }

/** pg_dump and the counting see the house at the same moment. */
function dump(database: Database, tools: Tools, file: string): Promise<Counts> {
  return database.transaction(async (tx) => {
    await sql`set transaction isolation level repeatable read, read only`.execute(tx)
    // The transaction has nothing to do while pg_dump still reads.
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(tx)
    const { rows } = await sql<{ id: string }>`select pg_export_snapshot() as id`.execute(tx)
    const moment = `--snapshot=${rows[0]?.id}`
    const dumped = runTool(tools, 'pg_dump', ['--format=custom', moment, `--file=${file}`, ...connection(tools)])
    const [counted] = await Promise.all([countRows(tx), dumped])
    return counted
  })
}

async function countRows(tx: Db): Promise<Counts> {
  const counts = new Map<string, number>()
  for (const { schema, name, isView } of await tx.introspection.getTables()) {
    if (isView) continue
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(`${schema}.${name}`)}`.execute(tx)
    counts.set(name, (counts.get(name) ?? 0) + Number(rows[0]?.n))
  }
  return counts
}

function differences(counted: Counts, copied: Counts): string[] {
  return [...counted]
    .filter(([table, rows]) => copied.get(table) !== rows)
    .map(([table, rows]) => `${table} has ${rows} rows, the copy ${copied.get(table) ?? 'no such table'}`)
}
