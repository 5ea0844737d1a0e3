import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, ownEnvironment } from '../config.ts'
import { revokeAllKeys } from '../credentials/api-key-store.ts'
import { whatFailed } from '../db/backup.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { migrate, schemaState } from '../db/migrate.ts'
import { writePostgresBackup } from '../db/postgres-backup.ts'
import { presentHouse, replaceHouse, requireNobodyElse } from '../db/postgres-restore.ts'
import type { Tools } from '../db/postgres-tools.ts'
import { CommandError } from '../errors.ts'
import { restartEvents } from '../outbox/again.ts'
import { checkArchive } from './backup-check.ts'
import { type Restored, timestamp } from './restored.ts'

export async function restorePostgres(
  config: Config,
  url: string,
  file: string,
  keepsSessions: boolean,
): Promise<Restored> {
  const tools = { url, env: ownEnvironment() }
  const archive = await checkArchive(config, tools, file)
  const options = { poolSize: 1, onIdleError: () => undefined, isPatient: true }
  const database = openDatabase({ kind: 'postgres', url }, options)
  try {
    await requireNobodyElse(database.read)
    const doomed = await presentHouse(database, archive)
    const aside = await keepPresent(config, tools, database)
    const [oneTime = 0, ended = 0] = await replaceHouse(tools, file, {
      doomed,
      ending: ending(keepsSessions, Date.now()),
    }).catch((error: unknown) => {
      const why = error instanceof CommandError ? error.lines : [`${whatFailed(error)}.`]
      throw new CommandError(
        'The restore failed, and the present house is as it was:',
        ...why.map((line) => `  ${line}`),
      )
    })
    const migrated = await migrate(database)
    // Only now, since a house of before has none; nobody serves it yet.
    const keys = await database.transaction(async (tx) => {
      await restartEvents(tx, Date.now())
      return keepsSessions ? 0 : revokeAllKeys(tx, Date.now())
    })
    return { file, aside, ended, oneTime, keys, migrated }
  } finally {
    await database.close()
  }
}

/** What `expireOneTimeTokens` and `revokeAllTokens` do on SQLite, in the transaction that psql commits. */
function ending(keepsSessions: boolean, now: number): string[] {
  const oneTime =
    'update impersonations set expires_at = created_at where used_at is null and expires_at > created_at returning 1'
  const sessions = `update tokens set revoked_at = ${now} where revoked_at is null and expires_at > ${now} returning 1`
  const counted = (update: string) => `with ended as (${update}) select count(*) from ended`
  return keepsSessions ? [counted(oneTime)] : [counted(oneTime), counted(sessions)]
}

async function keepPresent(config: Config, tools: Tools, database: Database): Promise<string | undefined> {
  if ((await schemaState(database)).state === 'empty') return undefined
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const aside = join(config.dataDir, `before-restore-${timestamp(Date.now())}.dump`)
  try {
    await writePostgresBackup(tools, aside)
    return aside
  } catch (error) {
    const why = error instanceof CommandError ? error.lines : [whatFailed(error)]
    throw new CommandError(
      'The present house can not be kept:',
      ...why.map((line) => `  ${line}`),
      'When it is lost anyway, give the restore an empty database: dropdb, createdb.',
    )
  }
}
