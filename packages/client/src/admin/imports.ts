import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** Rows of a file that are taken in part by part. */
export interface Import {
  id: string
  kind: 'users'
  name: string
  digest: string
  options: { managed_by: string | null; company: string | null; take_up_deleted: boolean }
  total: number
  /** Rows that are in, there already, or refused: the place of the next one. */
  done: number
  created: number
  existing: number
  refused: number
  started_by: string
  started_at: string
  updated_at: string
  finished_at: string | null
}

export interface ImportOptions {
  managed_by?: string | null | undefined
  company?: string | null | undefined
  /** Gives addresses of deleted users to new ones. */
  take_up_deleted?: boolean | undefined
}

export interface NewImport {
  kind: 'users'
  /** For people: the name of the file. */
  name: string
  /** SHA-256 of the file, base64url. */
  digest: string
  total: number
  options?: ImportOptions | undefined
}

/** A user who is to be there. What is too long or wrong is that row's refusal. */
export interface ImportRow {
  id?: string | undefined
  email: string
  /** A password string of Django, bcrypt, argon2 or PBKDF2; nothing, or one that begins with `!`: no password. */
  password_hash?: string | undefined
  first_name?: string | undefined
  last_name?: string | undefined
  pin?: string | undefined
  active?: boolean | undefined
  created_at?: string | undefined
}

/** What became of a row. */
export interface RowReport {
  /** Its place in the file, from 0. */
  row: number
  outcome: 'created' | 'existing' | 'refused'
  reason?: string
}

/** 500 at most at once; `from` is the place of the first. */
export interface ImportRows {
  from: number
  rows: readonly ImportRow[]
}

export interface CheckedRows {
  from?: number | undefined
  rows: readonly ImportRow[]
  options?: ImportOptions | undefined
}

export interface ImportCalls {
  'GET /imports': { query: PageWish; answer: Page<Import> }
  'POST /imports': { body: NewImport; answer: Import }
  'POST /imports/check': { body: CheckedRows; answer: { rows: RowReport[] } }
  'GET /imports/:import': { answer: Import }
  'POST /imports/:import/rows': { body: ImportRows; answer: { import: Import; rows: RowReport[] } }
}

/** Files of users. A user who is there is left as it is, whatever the row says; a refused row does not keep the others out. */
export class Imports {
  readonly #calls: Caller<ImportCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The newest first. */
  list(options: ListOptions = {}): List<Import> {
    return this.#calls.list('GET /imports', {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<Import> {
    return this.#calls.json('GET /imports/:import', { params: { import: id } }, options)
  }

  /** Begins, or finds the same file with the same options where it ended: go on at `done`. */
  start(wanted: NewImport, options: CallOptions = {}): Promise<Import> {
    return this.#calls.json('POST /imports', { body: wanted }, { ...options, harmless: true })
  }

  /** Takes in the next rows, all of them or none. @throws Refused `rows_out_of_order` where others are next: `get` tells which */
  rows(id: string, rows: ImportRows, options: CallOptions = {}): Promise<{ import: Import; rows: RowReport[] }> {
    return this.#calls.json('POST /imports/:import/rows', { params: { import: id }, body: rows }, options)
  }

  /** What would become of rows. Stores nothing. */
  check(rows: CheckedRows, options: CallOptions = {}): Promise<{ rows: RowReport[] }> {
    return this.#calls.json('POST /imports/check', { body: rows }, { ...options, harmless: true })
  }
}
