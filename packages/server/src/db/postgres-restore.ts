import { sql } from 'kysely'
import { CommandError } from '../errors.ts'
import type { Database, Db } from './database.ts'
import { MIGRATION_LOCK, schemaState } from './migrate.ts'
import type { Archive } from './postgres-archive.ts'
import { connection, type RunningTool, startTool, type Tools } from './postgres-tools.ts'
import { TABLE_NAMES } from './tables.ts'

/**
 * Puts an archive in the place of the house: in one transaction the present tables go, pg_restore's statements come, and
 * what must not come back to life ends. Until its commit the house is the old one, whatever is killed. Each statement of `ending`
 * answers with one number; these are returned. @throws CommandError
 */
export async function replaceHouse(
  tools: Tools,
  file: string,
  { doomed, ending }: { doomed: readonly string[]; ending: readonly string[] },
): Promise<number[]> {
  // Whose roles and privileges they were on another server is nothing that this one knows.
  const restore = startTool(tools, 'pg_restore', ['--no-owner', '--no-privileges', '--file=-', file])
  const psql = startTool(tools, 'psql', ['-X', '-q', '-t', '-A', '-v', 'ON_ERROR_STOP=1', ...connection(tools)])
  restore.stdin.end()
  let said = ''
  psql.stdout.setEncoding('latin1').on('data', (text: string) => {
    said = (said + text).slice(-1_000)
  })
  psql.stdin.write(`begin;\n${opening(doomed).join(';\n')};\n`)
  // Nobody reads on: without this pg_restore would wait for ever.
  psql.ended.catch(() => restore.stdout.destroy())
  await Promise.all([feed(restore, psql, ending), psql.ended])
  return said.trim().split('\n').slice(-ending.length).map(Number)
}

/** The commit is written when everything before it was: psql that meets its end without one takes everything back. */
async function feed(restore: RunningTool, psql: RunningTool, ending: readonly string[]): Promise<void> {
  restore.stdout.pipe(psql.stdin, { end: false })
  try {
    await restore.ended
    psql.stdin.write(`reset all;\n${ending.join(';\n')};\ncommit;\n`)
  } finally {
    psql.stdin.end()
  }
}

function opening(doomed: readonly string[]): string[] {
  return [
    // A server that starts meanwhile waits here before it looks at the schema.
    `select pg_advisory_xact_lock(${MIGRATION_LOCK})`,
    "set local lock_timeout = '15s'",
    ...doomed.map((each) => `drop ${each}`),
  ]
}

/** What is dropped of the present house, as SQL. Tables of a newer program may have any name: then it is all of its schema. */
export async function presentHouse(database: Database, archive: Archive): Promise<string[]> {
  const tables = (await database.read.introspection.getTables()).filter((table) => !table.isView)
  const home = tables.find(({ name }) => name === 'migrations')?.schema
  const ours = new Set<string>(['migrations', ...TABLE_NAMES, ...archive.rows.keys()])
  const isNewer = (await schemaState(database)).state === 'newer'
  const doomed = tables
    .filter(({ schema, name }) => schema === home && (isNewer || ours.has(name)))
    .map(({ schema, name }) => `"${schema}"."${name}"`)
  if (doomed.length === 0) return []
  // Triggers go with their tables; what they call does not.
  const { rows } = await sql<{ name: string }>`select format('%I.%I()', n.nspname, p.proname) as name
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = ${home} and p.proname like 'people\\_terms\\_%'`.execute(database.read)
  return [`table ${doomed.join(', ')} cascade`, ...rows.map(({ name }) => `function ${name}`)]
}

/** @throws CommandError when a server, or a command, is connected to this database */
export async function requireNobodyElse(db: Db): Promise<void> {
  const { rows } = await sql<{ others: number }>`select count(*) as others from pg_stat_activity
    where datname = current_database() and application_name = 'cloudspot-license' and pid <> pg_backend_pid()`.execute(
    db,
  )
  const others = rows[0]?.others ?? 0
  if (others === 0) return
  throw new CommandError(
    `${others === 1 ? 'A License server or command is' : `${others} connections of License servers or commands are`} open on this database. Stop them first, on every machine.`,
  )
}
