import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from '../errors.ts'
import { type KeyRing, newKeyRing, readKeyRing, writeKeyRing } from './ring.ts'

/** Reads the ring's file; makes one (0600) when there is none and nothing has been sealed yet. */
export function loadKeyFile(file: string, mayMake: boolean): KeyRing {
  const found = findKeyFile(file)
  if (found) return found
  if (!mayMake) {
    throw new CommandError(
      `The key ring ${file} is missing, but this database was sealed with one. Bring it back from your backup, or set LICENSE_KEYS.`,
    )
  }
  makeKeyFile(file)
  return loadKeyFile(file, false)
}

/** The ring in the file; undefined when there is none. @throws CommandError when it is damaged */
export function findKeyFile(file: string): KeyRing | undefined {
  if (!existsSync(file)) return undefined
  try {
    return readKeyRing(readFileSync(file, 'utf8'))
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new CommandError(`The key ring ${file} is damaged. ${error.message} Bring it back from your backup.`)
  }
}

/** What changes whenever the file is written anew; undefined when there is none. */
export function keyFileStamp(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true })
  return found && `${found.ino} ${found.mtimeNs} ${found.size}`
}

/** Makes the file where there is none, with a new ring. */
export function makeKeyFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const written = writeWhole(`${file}.${process.pid}.new`, newKeyRing())
  try {
    // A link fails where the name is taken, so that of two first starts one ring wins, whole.
    linkSync(written, file)
    syncFolder(dirname(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(written, { force: true })
  }
}

/** Puts another ring into the place of the one that is there: whoever reads meanwhile finds the one or the other, whole. */
export function replaceKeyFile(file: string, ring: KeyRing): void {
  // Where the name is a link, the file that it leads to is replaced, not the link.
  const target = realpathSync(file)
  // One name for all, since only one changes the ring at a time: what a killed process left is overwritten.
  const written = writeWhole(`${target}.new`, ring)
  try {
    keepOwner(written, statSync(target))
    renameSync(written, target)
    syncFolder(dirname(target))
  } finally {
    rmSync(written, { force: true })
  }
}

/** Moves the file out of the way, and keeps it: what is in it may yet prove to be of use. */
export function setKeyFileAside(file: string, now: number): string | undefined {
  if (!existsSync(file)) return undefined
  const aside = `${file}.set-aside-${new Date(now).toISOString().replace(/[-:]/g, '')}`
  renameSync(file, aside)
  return aside
}

function writeWhole(written: string, ring: KeyRing): string {
  rmSync(written, { force: true })
  writeFileSync(written, `${JSON.stringify(writeKeyRing(ring), null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true })
  chmodSync(written, 0o600)
  return written
}

/** What root writes for a server that runs as another user must stay readable to that user. */
function keepOwner(written: string, before: Stats): void {
  const made = statSync(written)
  if (made.uid !== before.uid || made.gid !== before.gid) chownSync(written, before.uid, before.gid)
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return // Folders can't be synced there.
  const opened = openSync(folder, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}
