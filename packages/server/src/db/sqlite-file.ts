import { DatabaseSync } from 'node:sqlite'

/** Another process that is the last to close the file has it for itself for a moment. */
const OPENING_WAIT_MS = 2_000
/** Of the file, read in place instead of page by page into a copy: a fifth less work for a look-up (docs/performance.md). */
const MAPPED_BYTES = 1024 * 1024 * 1024

/** Opens the file and sets what holds for every connection of ours. */
export function openSqlite(file: string, options: { readOnly?: boolean } = {}): DatabaseSync {
  const database = new DatabaseSync(file, { readOnly: options.readOnly ?? false, timeout: OPENING_WAIT_MS })
  database.exec(`PRAGMA mmap_size = ${MAPPED_BYTES}`)
  if (!options.readOnly) database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  // SQLite's own wait blocks the whole process: from here on `beginTransaction` waits for other writers without it.
  database.exec('PRAGMA busy_timeout = 0')
  return database
}

/** A connection for reading. A write on it fails at once, where it would block the process against our own writer. */
export function openSqliteReader(file: string): DatabaseSync {
  const database = openSqlite(file)
  database.exec('PRAGMA query_only = ON')
  return database
}

export function isBusy(error: unknown): boolean {
  // SQLITE_BUSY and its extended codes; SQLITE_LOCKED.
  const code = (error as { errcode?: number }).errcode ?? 0
  return (code & 0xff) === 5 || (code & 0xff) === 6
}

/** The disk is full, or the file can't grow: writes fail until there is room, reads go on. */
export function isFull(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return (code & 0xff) === 13 || (code & 0xff) === 10
}
