import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import { expireOneTimeTokens, revokeAllTokens } from '../credentials/token-store.ts'
import { fileFaults, isSqliteFile, openForReading, sidecars, whatFailed } from '../db/backup.ts'
import { copyBeside, removeWithSidecars, takePlace } from '../db/backup-restore.ts'
import { openDatabase } from '../db/database.ts'
import { migrate, schemaState } from '../db/migrate.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { CommandError } from '../errors.ts'
import { keyFault } from './key-fault.ts'
import { postgresTool, shellWord } from './postgres-tool.ts'
import { print } from './report.ts'

type Options = { keepSessions?: boolean; json?: boolean }
type Restored = { file: string; aside: string | undefined; migrated: string[]; ended: number; oneTime: number }

export function restoreCommand(program: Command): void {
  program
    .command('restore')
    .argument('<file>', 'a backup that `license-server backup` made')
    .description(
      'Put a backup in the place of the house (SQLite). The server must be stopped; the present database is kept.',
    )
    .option('--keep-sessions', 'leave users signed in; what was revoked since the backup would come back to life')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server restore /backups/license-2026-12-31.db')
    .action(async (file: string, options: Options) => {
      const config = readConfig(ownEnvironment())
      const restored = await restore(config, resolve(file), options.keepSessions ?? false)
      print(options.json, { ...restored, aside: restored.aside ?? null }, () => asLines(restored, options))
    })
}

function asLines(restored: Restored, options: Options): string[] {
  const lines = [`The house is restored from ${restored.file}.`]
  if (restored.migrated.length > 0) lines.push(`It was brought up to this program: ${restored.migrated.join(', ')}.`)
  lines.push(
    options.keepSessions
      ? 'Sessions were kept: sign-ins of the time of the backup hold again.'
      : `Everyone must sign in again (${restored.ended} sessions ended).`,
  )
  lines.push(`Unused one-time tokens no longer work (${restored.oneTime}).`)
  lines.push(
    restored.aside
      ? `What was there before is in ${restored.aside}. Delete it when you no longer need it.`
      : 'There was no database before.',
  )
  return lines
}

async function restore(config: Config, file: string, keepsSessions: boolean): Promise<Restored> {
  if (config.database.kind === 'postgres') {
    throw new CommandError(
      'This house is on PostgreSQL, which restores its backups itself. Stop the servers, then:',
      `  ${postgresTool('pg_restore --clean --if-exists --single-transaction', config.database.url)} ${shellWord(file)}`,
      '(a plain SQL file goes in with psql --single-transaction --file). Then, per application: `license-server token revoke --application ID`, since what was revoked after the backup holds again.',
    )
  }
  const present = config.database.file
  requireBackup(file, present)
  using _lock = lockHouse(config.database)
  let copy: string | undefined
  try {
    copy = copyBeside(file, present)
    await requireSoundHouse(config, copy)
    const ready = await makeReady(copy, keepsSessions)
    const aside = takePlace(copy, present, `${present}.before-restore-${timestamp(Date.now())}`)
    return { file, aside, ...ready }
  } catch (error) {
    if (copy !== undefined) removeWithSidecars(copy)
    if (error instanceof CommandError) throw error
    throw new CommandError(`The restore failed: ${whatFailed(error)}. The present database is as it was.`)
  }
}

function requireBackup(file: string, present: string): void {
  if (!existsSync(file)) throw new CommandError(`There is no file ${file}.`)
  if (!isSqliteFile(file)) throw new CommandError(`${file} is no backup: it is not an SQLite file.`)
  if (existsSync(present) && realpathSync(file) === realpathSync(present))
    throw new CommandError(`${file} is the present database itself.`)
  const beside = sidecars(file).find((each) => existsSync(each) && statSync(each).size > 0 && !each.endsWith('-shm'))
  if (beside) {
    throw new CommandError(
      `Beside ${file} lies ${basename(beside)}, so it is a database in use or half copied, not a backup.`,
      'Take one that `license-server backup` made.',
    )
  }
}

async function requireSoundHouse(config: Config, copy: string): Promise<void> {
  const database = openForReading(copy)
  try {
    const faults = await fileFaults(database.read)
    if (faults.length > 0) {
      const said = faults.map((fault) => `  ${fault}`)
      throw new CommandError('The backup is broken, so nothing was restored:', ...said)
    }
    const schema = await schemaState(database)
    if (schema.state === 'empty') throw new CommandError('There is no house in this file.')
    if (schema.state === 'newer') {
      throw new CommandError('The backup is of a newer program than this one. Restore it with that one.')
    }
    const fault = await keyFault(config, database)
    if (fault) {
      throw new CommandError(fault, 'Nothing was restored. A backup opens with the key ring of its house only.')
    }
  } finally {
    await database.close()
  }
}

/** Brings the copy up to this program and takes out of it what must not come back to life. */
async function makeReady(copy: string, keepsSessions: boolean): Promise<Omit<Restored, 'file' | 'aside'>> {
  const database = openDatabase({ kind: 'sqlite', file: copy }, { poolSize: 1, onIdleError: () => undefined })
  try {
    const migrated = await migrate(database)
    return await database.transaction(async (tx) => ({
      migrated,
      ended: keepsSessions ? 0 : await revokeAllTokens(tx, Date.now()),
      oneTime: await expireOneTimeTokens(tx),
    }))
  } finally {
    await database.close()
  }
}

/** `20261231T180000Z` */
function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
}
