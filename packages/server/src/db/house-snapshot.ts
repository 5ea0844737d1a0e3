import { existsSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { DatabaseAddress } from './database.ts'
import { HouseReader } from './house-reader.ts'
import type { Row } from './house-tables.ts'
import { connectPostgres } from './postgres.ts'

/** A house as it was at one moment, on a connection of its own: whoever serves it goes on. */
export type Snapshot = AsyncDisposable & { reader: HouseReader }

/** Opens one. Nothing in the house changes, and nothing is left beside it. */
export function openSnapshot(address: DatabaseAddress): Promise<Snapshot> {
  return address.kind === 'sqlite' ? openSqliteSnapshot(address.file) : openPostgresSnapshot(address.url)
}

async function openSqliteSnapshot(file: string): Promise<Snapshot> {
  // Left by a process that was killed: whoever closes the file last would write it into it. For reading only nobody does; elsewhere
  // that leaves SQLite's files behind (db/backup.ts).
  const wal = `${file}-wal`
  const readOnly = existsSync(wal) && statSync(wal).size > 0
  const database = new DatabaseSync(file, { timeout: 2_000, readOnly })
  database.exec('PRAGMA query_only = ON')
  database.exec('BEGIN')
  const reader = new HouseReader('sqlite', async (statement, values = []) => {
    return database.prepare(statement).all(...values) as Row[] // Our tables hold texts and numbers.
  })
  return {
    reader,
    async [Symbol.asyncDispose]() {
      database.close()
    },
  }
}

async function openPostgresSnapshot(url: string): Promise<Snapshot> {
  const client = await connectPostgres(url)
  try {
    await client.query('begin isolation level repeatable read read only')
    await client.query('set local idle_in_transaction_session_timeout = 0')
    await client.query('set local statement_timeout = 0')
  } catch (error) {
    await client.end()
    throw error
  }
  return {
    reader: new HouseReader(
      'postgres',
      async (statement, values = []) => (await client.query(statement, [...values])).rows,
    ),
    async [Symbol.asyncDispose]() {
      await client.end()
    },
  }
}
