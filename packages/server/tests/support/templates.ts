import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DatabaseAddress, openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'

/** Empty houses of today's schema, which `npm test` makes once; a single file run by hand goes without. */
const { TEST_SQLITE_TEMPLATE: file, TEST_POSTGRES_TEMPLATE: database } = process.env

/** What a new PostgreSQL database is a copy of. */
export const copied = database === undefined ? '' : ` template ${database}`

/** Puts an empty house there, where there is none. */
export function copyHouse(address: DatabaseAddress): void {
  if (address.kind !== 'sqlite' || file === undefined || existsSync(address.file)) return
  mkdirSync(dirname(address.file), { recursive: true })
  copyFileSync(file, address.file)
}

/** Migrates an empty database: what the tests' own ones are copied from. How migrating goes is told in tests/db, and by the command line. */
export async function makeTemplate(address: DatabaseAddress): Promise<void> {
  const made = openDatabase(address, { poolSize: 1, onIdleError: () => undefined })
  try {
    await migrate(made)
  } finally {
    await made.close()
  }
}
