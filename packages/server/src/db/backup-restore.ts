import { chmodSync, copyFileSync, existsSync, linkSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CommandError } from '../errors.ts'
import { isSqliteFile, makeSingleFile, sidecars, syncFile, syncFolder } from './backup.ts'
import { isBusy } from './sqlite-file.ts'

const ASIDE = '.before-restore-'

/** The name that the present database is kept under; `moment` is `20261231T180000.123Z`. */
export function asideOf(databaseFile: string, moment: string): string {
  return `${databaseFile}${ASIDE}${moment}`
}

/** Copies a backup to lie beside the database, where it is looked at and made ready. The backup itself is only read. */
export function copyBeside(backupFile: string, databaseFile: string): string {
  const copy = copyOf(databaseFile)
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

/** What a restore that was cut off left beside the database, and what to do about it; undefined when nothing. */
export function cutOffRestore(databaseFile: string): string | undefined {
  const file = existsSync(databaseFile) ? realpathSync(databaseFile) : databaseFile
  const copy = copyOf(file)
  if (!existsSync(copy)) return undefined
  if (existsSync(file))
    return `A restore was cut off: the house is as it was before it. Run the restore again, or delete ${copy}.`
  const start = `${basename(file)}${ASIDE}`
  const aside = readdirSync(dirname(file))
    .filter((name) => name.startsWith(start) && /Z$/.test(name))
    .sort()
    .at(-1)
  const before = aside ? `bring the house of before back: mv ${join(dirname(file), aside)} ${file}` : `delete ${copy}`
  return `A restore was cut off, and there is no ${file}. Run the restore again, or ${before}`
}

/** An empty house must not be made where one was about to be restored. @throws CommandError */
export function requireNotCutOff(databaseFile: string): void {
  const says = existsSync(databaseFile) ? undefined : cutOffRestore(databaseFile)
  if (says) throw new CommandError(says)
}

function copyOf(databaseFile: string): string {
  return `${databaseFile}.restoring`
}
