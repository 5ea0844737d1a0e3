import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CompiledQuery, Kysely, sql, type Transaction } from 'kysely'
import type pg from 'pg'
import { openPostgres, postgresDialect, isRetryable as retryable } from './postgres.ts'
import { sqliteDialect } from './sqlite.ts'
import { openSqlite, openSqliteReader } from './sqlite-file.ts'
import { SqliteReader } from './sqlite-reader.ts'
import type { Tables } from './tables.ts'

/** What a store function takes first: the database, or a transaction of it. */
export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

/** A query compiled once and prepared by the database, whose rows come as arrays: for the path of every answer. */
export type PreparedQuery = (values: readonly unknown[]) => Promise<unknown[][]>

export type Database = {
  kind: 'sqlite' | 'postgres'
  /** For reading, outside of transactions. On SQLite this connection can't write. */
  read: Db
  /** All writing. What it does is stored whole or not at all. Tried again where PostgreSQL asks for that. */
  transaction<T>(act: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  prepare(name: string, query: CompiledQuery): PreparedQuery
  /** The same for one statement that writes, a transaction of its own: stored, on the disk, when it returns. */
  prepareWrite(name: string, query: CompiledQuery): PreparedQuery
  /** The SQLite file; undefined on PostgreSQL. */
  file: string | undefined
  close(): Promise<void>
}

export type TransactionOptions = {
  /** Whether it is on the disk when it ends, as it is by default. If not, a power cut may take it back, whole. */
  isDurable?: boolean
}

export type DatabaseAddress = { kind: 'sqlite'; file: string } | { kind: 'postgres'; url: string }

export type DatabaseOptions = { poolSize: number; onIdleError(error: Error): void; isPatient?: boolean }

export function openDatabase(address: DatabaseAddress, options: DatabaseOptions): Database {
  return address.kind === 'sqlite' ? openSqliteDatabase(address.file) : openPostgresDatabase(address.url, options)
}

function openSqliteDatabase(file: string): Database {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const writer = openSqlite(file)
  const reader = openSqliteReader(file)
  const queries = new SqliteReader(reader, file)
  const write = new Kysely<Tables>({ dialect: sqliteDialect(writer) })
  const read = new Kysely<Tables>({ dialect: sqliteDialect(reader) })
  return {
    kind: 'sqlite',
    read,
    transaction: (act, { isDurable = true } = {}) =>
      isDurable ? write.transaction().execute(act) : withoutSync(writer, write, act),
    prepare: (_name, query) => queries.prepare(query.sql),
    // In a transaction as any other: that is what waits for writers beside us.
    prepareWrite: (_name, query) => (values) =>
      write.transaction().execute(async (tx) => {
        const { rows } = await tx.executeQuery<object>({ ...query, parameters: values })
        return rows.map((row) => Object.values(row))
      }),
    file,
    async close() {
      await queries.close()
      await read.destroy()
      await write.destroy()
      // Kysely does not close what it never used.
      for (const each of [reader, writer]) if (each.isOpen) each.close()
    },
  }
}

/** Only while the connection is this transaction's alone, and never within it: there SQLite takes no such word. */
async function withoutSync<T>(writer: DatabaseSync, write: Db, act: (tx: Tx) => Promise<T>): Promise<T> {
  return write.connection().execute(async (db) => {
    // Not as queries of Kysely's: what these do they do when they are prepared, and ours are prepared once.
    writer.exec('PRAGMA synchronous = NORMAL')
    try {
      return await db.transaction().execute(act)
    } finally {
      writer.exec('PRAGMA synchronous = FULL')
    }
  })
}

function openPostgresDatabase(url: string, options: DatabaseOptions): Database {
  const pool = openPostgres({ url, ...options })
  const db = new Kysely<Tables>({ dialect: postgresDialect(pool) })
  return {
    kind: 'postgres',
    read: db,
    transaction: (act, { isDurable = true } = {}) =>
      withRetries(() => db.transaction().execute(isDurable ? act : (tx) => actWithoutSync(tx, act))),
    prepare: (name, query) => (values) => askPrepared(pool, name, query, values),
    prepareWrite: (name, query) => (values) => withRetries(() => askPrepared(pool, name, query, values)),
    file: undefined,
    close: () => db.destroy(),
  }
}

async function askPrepared(
  pool: pg.Pool,
  name: string,
  query: CompiledQuery,
  values: readonly unknown[],
): Promise<unknown[][]> {
  const { rows } = await pool.query<unknown[]>({ name, text: query.sql, values: [...values], rowMode: 'array' })
  return rows
}

async function actWithoutSync<T>(tx: Tx, act: (tx: Tx) => Promise<T>): Promise<T> {
  await sql`set local synchronous_commit = off`.execute(tx)
  return act(tx)
}

async function withRetries<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act()
    } catch (error) {
      if (tries >= 5 || !retryable(error)) throw error
      // Not in step again with the one that went first.
      await sleep(Math.random() * 20 * tries)
    }
  }
}
