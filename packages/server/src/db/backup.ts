import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { CommandError } from '../errors.ts'
import type { Database, Db } from './database.ts'
import { schemaState } from './migrate.ts'
import { sqliteDialect } from './sqlite.ts'
import { isBusy, isFull } from './sqlite-file.ts'
import type { Tables } from './tables.ts'

/** All pages in one step: between two steps a write would make the copy start over, and it would never end under load. */
const ALL_PAGES = 0x7fff_ffff

/** Opens an SQLite file that is there, to look at it. Nothing in it changes, and nothing is left beside it. */
export function openForReading(file: string): Database {
  const reader = openToRead(file)
  const read = new Kysely<Tables>({ dialect: sqliteDialect(reader) })
  const refuse = () => {
    throw new Error('this database was opened for reading only')
  }
  return {
    kind: 'sqlite',
    read,
    file,
    transaction: refuse,
    prepare: refuse,
    prepareWrite: refuse,
    close: () => read.destroy(),
  }
}

/** Not SQLite's own reading only: that leaves the files of its write-ahead log behind, with no right to remove them. */
function openToRead(file: string): DatabaseSync {
  const reader = new DatabaseSync(file, { timeout: 2_000 })
  reader.exec('PRAGMA query_only = ON')
  return reader
}

/** Copies a house that may be running to `file`, whole or not at all. @throws CommandError with what went wrong */
export async function writeBackup(from: string, file: string): Promise<void> {
  const partial = `${file}.partial`
  try {
    closeSync(openSync(partial, 'w', 0o600))
    chmodSync(partial, 0o600) // Also one that was left behind.
    await copyPages(from, partial)
    makeSingleFile(partial)
    await requireHouse(partial)
    syncFile(partial)
    renameSync(partial, file)
    syncFolder(dirname(file))
  } catch (error) {
    for (const part of [partial, ...sidecars(partial)]) rmSync(part, { force: true })
    if (error instanceof CommandError) throw error
    throw new CommandError(`The backup failed: ${whatFailed(error)}. Nothing was left behind.`)
  }
}

async function copyPages(from: string, to: string): Promise<void> {
  const source = openToRead(from)
  try {
    await backup(source, to, { rate: ALL_PAGES })
  } finally {
    source.close()
  }
}

/** Brings what SQLite keeps beside a file into it. @throws an SQLite error when another process has it open */
export function makeSingleFile(file: string): void {
  const database = new DatabaseSync(file, { timeout: 500 })
  try {
    database.exec('PRAGMA journal_mode = DELETE')
  } finally {
    database.close()
  }
}

/** @throws CommandError when the file is not a sound house that this program can run on */
async function requireHouse(file: string): Promise<void> {
  const database = openForReading(file)
  try {
    const faults = await fileFaults(database.read)
    if (faults.length > 0)
      throw new CommandError(`The copy is not sound, so it was thrown away:`, ...faults.map((fault) => `  ${fault}`))
    await requireSchemaToCopy(database)
  } finally {
    await database.close()
  }
}

/** @throws CommandError when there is no house in the database, or one that this program can't judge */
export async function requireSchemaToCopy(database: Database): Promise<void> {
  const schema = await schemaState(database)
  if (schema.state === 'empty')
    throw new CommandError('There is no house in the database yet, so there is nothing to back up.')
  if (schema.state === 'newer' && !schema.mayRun) {
    throw new CommandError(
      'The database was made by a newer program that this one can not run beside. Make the backup with that one.',
    )
  }
}

/** What is broken inside an SQLite file, as sentences; empty when it is sound. */
export async function fileFaults(db: Db): Promise<string[]> {
  try {
    const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check(5)`.execute(db)
    const broken = rows.map((row) => row.integrity_check).filter((text) => text !== 'ok')
    const loose = await sql<{ table: string; parent: string }>`pragma foreign_key_check`.execute(db)
    const pairs = new Set(loose.rows.map((row) => `${row.table} has rows that name missing ${row.parent}`))
    return [...broken, ...pairs]
  } catch (error) {
    if (error instanceof Error && isBroken(error)) return [error.message]
    throw error
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isBroken(error: Error & { errcode?: number }): boolean {
  const code = (error.errcode ?? 0) & 0xff
  return code === 11 || code === 26
}

/** Whether a file is there and begins as SQLite files do. */
export function isSqliteFile(file: string): boolean {
  if (!existsSync(file) || !statSync(file).isFile()) return false
  const head = Buffer.alloc(16)
  const handle = openSync(file, 'r')
  try {
    readSync(handle, head, 0, 16, 0)
  } finally {
    closeSync(handle)
  }
  return head.toString('latin1') === 'SQLite format 3\0'
}

/** What SQLite may keep beside a file. */
export function sidecars(file: string): string[] {
  return [`${file}-wal`, `${file}-shm`, `${file}-journal`]
}

export function syncFile(file: string): void {
  const handle = openSync(file, 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** So that a new name outlives the machine's stop. Windows has no such thing. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

export function whatFailed(error: unknown): string {
  if (isFull(error)) return 'the disk is full or failing'
  if (isBusy(error)) return 'the database is in use by another process, and stayed so'
  return error instanceof Error ? error.message : String(error)
}
