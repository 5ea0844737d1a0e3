import { DatabaseSync } from 'node:sqlite'

/** Another process that is the last to close the file has it for itself for a moment. */
const OPENING_WAIT_MS = 2_000
/** Of the file, read in place instead of page by page into a copy: a fifth less work for a look-up (docs/performance.md). */
const MAPPED_BYTES = 1024 * 1024 * 1024
/** Of a connection, at most: pages that one transaction changes again and again. With SQLite's 2 MB many users move in a fifth slower. */
const CACHE_KB = 32 * 1024
/** Of the log, before a commit brings them into the file: four times SQLite's, so that a page that every transaction changes is brought there less often. */
const LOG_PAGES = 4_000

/** Opens the file and sets what holds for every connection of ours. */
export function openSqlite(file: string, options: { readOnly?: boolean } = {}): DatabaseSync {
  const database = new DatabaseSync(file, { readOnly: options.readOnly ?? false, timeout: OPENING_WAIT_MS })
  database.exec(`PRAGMA mmap_size = ${MAPPED_BYTES}; PRAGMA cache_size = -${CACHE_KB}`)
  if (!options.readOnly) {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
    database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`)
  }
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
