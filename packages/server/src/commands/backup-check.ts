import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { type Config, ownEnvironment } from '../config.ts'
import { fileFaults, isSqliteFile, openForReading, sidecars } from '../db/backup.ts'
import { allSteps, schemaState, strangeSteps } from '../db/migrate.ts'
import { type Archive, isArchive, readArchive } from '../db/postgres-archive.ts'
import { missingTools, type Tools } from '../db/postgres-tools.ts'
import { CommandError } from '../errors.ts'
import { keyFault, markFault } from './key-fault.ts'

/** @throws CommandError when the file is no sound backup of the house that the key ring belongs to */
export async function checkBackup(config: Config, file: string): Promise<void> {
  const { database } = config
  if (database.kind === 'postgres') await checkArchive(config, { url: database.url, env: ownEnvironment() }, file)
  else {
    requireBackupFile(file, database.file)
    await requireSoundHouse(config, file)
  }
}

export function requireBackupFile(file: string, present: string): void {
  if (!existsSync(file)) throw new CommandError(`There is no file ${file}.`)
  if (isArchive(file))
    throw new CommandError(`${file} is a backup of a house on PostgreSQL. Set LICENSE_DATABASE_URL to its database.`)
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

/** Of an SQLite backup, or of a copy of one. */
export async function requireSoundHouse(config: Config, copy: string): Promise<void> {
  const database = openForReading(copy)
  try {
    const faults = await fileFaults(database.read)
    if (faults.length > 0) throw broken(faults)
    const schema = await schemaState(database)
    if (schema.state === 'empty') throw noHouse()
    if (schema.state === 'newer') throw ofNewerProgram()
    const fault = await keyFault(config, database)
    if (fault) throw ofAnotherRing(fault)
  } finally {
    await database.close()
  }
}

/** Of what pg_dump wrote. */
export async function checkArchive(config: Config, tools: Tools, file: string): Promise<Archive> {
  if (!existsSync(file)) throw new CommandError(`There is no file ${file}.`)
  if (isSqliteFile(file))
    throw new CommandError(`${file} is a backup of a house on SQLite. Restore it without LICENSE_DATABASE_URL.`)
  if (!isArchive(file)) throw new CommandError(`${file} is no backup: pg_dump --format=custom did not make it.`)
  const missing = await missingTools(tools)
  if (missing.length > 0) {
    throw new CommandError(
      `PostgreSQL's backups are read by its own tools, and here is no ${missing.join(', no ')} on the PATH. Install its client tools.`,
    )
  }
  const archive = await readArchive(tools, file).catch((error: unknown) => {
    throw error instanceof CommandError ? broken(error.lines) : error
  })
  if (!archive.rows.has('house') || !archive.rows.has('migrations')) throw noHouse()
  if (strangeSteps(allSteps('postgres'), archive.steps).length > 0) throw ofNewerProgram()
  const fault = markFault(config, archive.facts.get('key_check'))
  if (fault) throw ofAnotherRing(fault)
  return archive
}

function broken(faults: readonly string[]): CommandError {
  return new CommandError('The backup is broken, so nothing is restored from it:', ...faults.map((each) => `  ${each}`))
}

function noHouse(): CommandError {
  return new CommandError('There is no house in this file.')
}

function ofNewerProgram(): CommandError {
  return new CommandError('The backup is of a newer program than this one. Restore it with that one.')
}

function ofAnotherRing(fault: string): CommandError {
  return new CommandError(fault, 'Nothing was restored. A backup opens with the key ring of its house only.')
}
