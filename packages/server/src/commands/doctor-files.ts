import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config.ts'
import { cutOffRestore } from '../db/backup-restore.ts'
import { keyFile } from '../keys/house-keys.ts'
import type { Check } from './doctor-check.ts'

/** Who may read what the house keeps in files, and whether we can. */
export function checkFiles(config: Config): Check[] {
  const folders = new Set([config.dataDir])
  if (config.database.kind === 'sqlite') folders.add(dirname(config.database.file))
  const checks = [...folders].map(checkFolder)
  const cutOff = config.database.kind === 'sqlite' && cutOffRestore(config.database.file)
  if (cutOff) checks.push({ name: 'restore', state: 'warning', says: cutOff })
  checks.push(
    config.keys
      ? { name: 'key file', state: 'ok', says: 'the key ring comes from LICENSE_KEYS.' }
      : checkKeyFile(keyFile(config)),
  )
  return checks
}

function checkFolder(folder: string): Check {
  const name = 'data folder'
  const mode = modeOf(folder)
  if (mode === undefined)
    return { name, state: 'warning', says: `${folder} is not there. It is made when it is needed.` }
  if (isOpenToOthers(mode)) {
    return {
      name,
      state: 'fault',
      says: `${folder} is open to other users of this machine (${octal(mode)}). Run: chmod 700 ${folder}`,
    }
  }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return { name, state: 'fault', says: `${folder} can't be written by this user. Run as its owner.` }
  }
  return { name, state: 'ok', says: `${folder} is closed to other users.` }
}

function checkKeyFile(file: string): Check {
  const name = 'key file'
  const mode = modeOf(file)
  if (mode === undefined)
    return {
      name,
      state: 'warning',
      says: `${file} is not there. It is made at the first run; whether this house had one is said below.`,
    }
  if (isOpenToOthers(mode)) {
    return {
      name,
      state: 'fault',
      says: `${file} can be read by other users of this machine (${octal(mode)}). Run: chmod 600 ${file}`,
    }
  }
  return { name, state: 'ok', says: `${file} is closed to other users. Keep a copy apart from the backups.` }
}

function modeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mode
}

/** Windows has no such bits. */
function isOpenToOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}
