import { existsSync, realpathSync } from 'node:fs'
import type { Config } from '../config.ts'
import { revokeAllKeys } from '../credentials/api-key-store.ts'
import { expireOneTimeTokens, revokeAllTokens } from '../credentials/token-store.ts'
import { whatFailed } from '../db/backup.ts'
import { asideOf, copyBeside, removeWithSidecars, takePlace } from '../db/backup-restore.ts'
import { openDatabase } from '../db/database.ts'
import { migrate } from '../db/migrate.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { CommandError } from '../errors.ts'
import { restartEvents } from '../outbox/again.ts'
import { requireBackupFile, requireSoundHouse } from './backup-check.ts'
import { type Restored, timestamp } from './restored.ts'

export async function restoreSqlite(
  config: Config,
  database: { kind: 'sqlite'; file: string },
  file: string,
  keepsSessions: boolean,
): Promise<Restored> {
  // The file itself, not a link to it: what is put in its place belongs where it is.
  const present = existsSync(database.file) ? realpathSync(database.file) : database.file
  requireBackupFile(file, present)
  using _lock = lockHouse(database)
  let copy: string | undefined
  try {
    copy = copyBeside(file, present)
    await requireSoundHouse(config, copy)
    const ready = await makeReady(copy, keepsSessions)
    const aside = takePlace(copy, present, asideOf(present, timestamp(Date.now())))
    return { file, aside, ...ready }
  } catch (error) {
    if (copy !== undefined) removeWithSidecars(copy)
    if (error instanceof CommandError) throw error
    throw new CommandError(`The restore failed: ${whatFailed(error)}. The present database is as it was.`)
  }
}

/** Brings the copy up to this program and takes out of it what must not come back to life. */
async function makeReady(copy: string, keepsSessions: boolean): Promise<Omit<Restored, 'file' | 'aside'>> {
  const database = openDatabase({ kind: 'sqlite', file: copy }, { poolSize: 1, onIdleError: () => undefined })
  try {
    const migrated = await migrate(database)
    return await database.transaction(async (tx) => {
      await restartEvents(tx, Date.now())
      return {
        migrated,
        ended: keepsSessions ? 0 : await revokeAllTokens(tx, Date.now()),
        oneTime: await expireOneTimeTokens(tx),
        keys: keepsSessions ? 0 : await revokeAllKeys(tx, Date.now()),
      }
    })
  } finally {
    await database.close()
  }
}
