import { chmodSync, copyFileSync, existsSync, linkSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from '../errors.ts'
import { isSqliteFile, makeSingleFile, sidecars, syncFile, syncFolder } from './backup.ts'
import { isBusy } from './sqlite.ts'

/** Copies a backup to lie beside the database, where it is looked at and made ready. The backup itself is only read. */
export function copyBeside(backupFile: string, databaseFile: string): string {
  const copy = `${databaseFile}.restoring`
  removeWithSidecars(copy)
  copyFileSync(backupFile, copy)
  chmodSync(copy, 0o600)
  return copy
}

export function removeWithSidecars(file: string): void {
  for (const each of [file, ...sidecars(file)]) rmSync(each, { force: true })
}

/**
 * Puts a copy that is ready in the database's place and keeps the database under `aside`. There is no moment without
 * a database: a second name is made for the present one, then the copy takes the first. Undefined when there was none.
 * @throws CommandError when another process has the database open
 */
export function takePlace(copy: string, databaseFile: string, aside: string): string | undefined {
  makeSingleFile(copy)
  syncFile(copy)
  const wasThere = existsSync(databaseFile)
  const moved = settlePresent(databaseFile, aside)
  try {
    if (wasThere) keepUnder(aside, databaseFile)
    renameSync(copy, databaseFile)
  } catch (error) {
    if (wasThere && existsSync(databaseFile)) rmSync(aside, { force: true })
    else if (wasThere) renameSync(aside, databaseFile)
    for (const [from, to] of moved) renameSync(to, from)
    throw error
  }
  syncFolder(dirname(databaseFile))
  return wasThere ? aside : undefined
}

/**
 * Leaves nothing beside the present database that SQLite would read into the new one: what is written beside it goes
 * into it, or, where it is too broken for that, is moved aside with it. Tells what was moved.
 */
function settlePresent(databaseFile: string, aside: string): [from: string, to: string][] {
  if (isSqliteFile(databaseFile)) {
    try {
      makeSingleFile(databaseFile)
    } catch (error) {
      if (!isBusy(error)) return moveSidecars(databaseFile, aside)
      throw new CommandError(`Another process has ${databaseFile} open. Stop it first.`)
    }
  }
  return moveSidecars(databaseFile, aside)
}

function moveSidecars(databaseFile: string, aside: string): [from: string, to: string][] {
  const targets = sidecars(aside)
  const pairs = sidecars(databaseFile).map((from, index): [string, string] => [from, targets[index] ?? ''])
  return pairs.filter(([from, to]) => {
    if (!existsSync(from)) return false
    renameSync(from, to)
    return true
  })
}

function keepUnder(aside: string, databaseFile: string): void {
  try {
    linkSync(databaseFile, aside)
  } catch (error) {
    // Some file systems have no second names.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    renameSync(databaseFile, aside)
  }
}
