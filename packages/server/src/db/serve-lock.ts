import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CommandError } from '../errors.ts'
import type { DatabaseAddress } from './database.ts'
import { isBusy } from './sqlite-file.ts'

/**
 * Holds the one place of a serving process beside a SQLite file, until disposed of or the process dies: an exclusive
 * transaction on a file of its own, which the operating system lets go with the process. PostgreSQL needs none.
 * @throws CommandError when another process has it
 */
export function lockHouse(address: DatabaseAddress): Disposable {
  if (address.kind === 'postgres') return { [Symbol.dispose]: () => undefined }
  mkdirSync(dirname(address.file), { recursive: true, mode: 0o700 })
  // Beside the file itself: by a link to it there would be a second lock.
  const file = existsSync(address.file) ? realpathSync(address.file) : address.file
  const lock = new DatabaseSync(`${file}.lock`, { timeout: 500 })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!isBusy(error)) throw error
    throw new CommandError(
      `Another License server runs on ${address.file}. Stop it first; one SQLite file has one server (PostgreSQL takes many).`,
    )
  }
  return { [Symbol.dispose]: () => lock.close() }
}
