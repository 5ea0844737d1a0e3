import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { removeWithSidecars, requireNotCutOff } from '../db/backup-restore.ts'
import { type Database, type DatabaseAddress, openDatabase } from '../db/database.ts'
import type { HouseOutline } from '../db/house-reader.ts'
import { allSteps } from '../db/migrate.ts'
import { requireNobodyElse } from '../db/postgres-restore.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { CommandError } from '../errors.ts'
import { ringPlace } from '../keys/house-keys.ts'
import type { KeyRing } from '../keys/ring.ts'
import { findRing } from '../keys/ring-place.ts'
import { markFault } from './key-fault.ts'

/** The key ring that is there. @throws CommandError where there is none: a house that comes from elsewhere brings its own */
export function ringOf(config: Config): KeyRing {
  const place = ringPlace(config)
  const ring = findRing(place)
  if (ring) return ring
  throw new CommandError(`There is no key ring ${place.name}. Copy the one of the house there first.`)
}

/** What is copied is this program's, and opens with the key ring that is there. @throws CommandError */
export function requireOwn(config: Config, { step, mark }: HouseOutline): void {
  if (step !== Object.keys(allSteps('sqlite')).at(-1))
    throw new CommandError('The database is of an older program. Make a backup, then run `license-server migrate`.')
  const fault = mark === null ? undefined : markFault(config, mark)
  if (fault !== undefined) throw new CommandError(fault)
}

/** Opens a database that a house is to be put into, with nobody else on it; a SQLite file that was made for it goes when that fails. */
export async function intoDatabase<T>(address: DatabaseAddress, act: (target: Database) => Promise<T>): Promise<T> {
  using _lock = lockHouse(address)
  const file = address.kind === 'sqlite' ? address.file : undefined
  if (file !== undefined) requireNotCutOff(file)
  const wasThere = file !== undefined && existsSync(file)
  const target = openDatabase(address, { poolSize: 2, onIdleError: () => undefined, isPatient: true })
  let isDone = false
  try {
    if (target.kind === 'postgres') await requireNobodyElse(target.read)
    const result = await act(target)
    isDone = true
    return result
  } finally {
    await target.close()
    if (!isDone && file !== undefined && !wasThere) removeWithSidecars(file)
  }
}
