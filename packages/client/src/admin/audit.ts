import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** One act. What is personal is null where there is none, where it was erased, and to a company. */
export interface AuditEntry {
  id: string
  at: string
  act: string
  actor: { kind: string; id: string; behind: string | null }
  target: { kind: string; id: string }
  company: string | null
  application: string | null
  request_id: string | null
  /** The address that it came from. */
  source: string | null
  data: Record<string, unknown>
  personal: Record<string, unknown> | null
  /** The place in the chain; null until it is sealed, seconds later. */
  seq: number | null
}

export interface AuditQuery {
  company?: string | undefined
  /** The id of a key or a user. */
  actor?: string | undefined
  /** The id of what it was done to. */
  target?: string | undefined
  /** Such as `user.created`. */
  act?: string | undefined
  /** A day or a moment with its offset. */
  from?: string | undefined
  /** The last day included, or a moment with its offset. */
  until?: string | undefined
}

/** How long entries are kept, and where their chain ends. */
export interface AuditState {
  /** Null: for good. */
  retention_days: number | null
  oldest_at: string | null
  /** Not in the chain yet; counted up to a thousand. */
  unsealed: number
  /** `anchor`, kept elsewhere, shows whether the end was cut off. */
  end: { seq: number; at: string; anchor: string } | null
}

/** `ndjson`: a line is an entry as the list tells it. `csv`: RFC 4180, with a row of names. */
export interface AuditExport extends AuditQuery {
  format: 'csv' | 'ndjson'
}

export interface AuditCalls {
  'GET /audit': { query: AuditQuery & PageWish; answer: Page<AuditEntry> }
  'GET /audit/state': { answer: AuditState }
  'GET /audit/export': { query: AuditExport; answer: string }
}

/** What was done. */
export class Audit {
  readonly #calls: Caller<AuditCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The newest first. */
  list(query: AuditQuery = {}, options: ListOptions = {}): List<AuditEntry> {
    return this.#calls.list('GET /audit', { query }, options)
  }

  state(options: CallOptions = {}): Promise<AuditState> {
    return this.#calls.json('GET /audit/state', {}, options)
  }

  /**
   * All that the list would tell, the newest first, line by line. The last line says that it is the last, and how many entries came
   * before.
   *
   * @throws UnexpectedAnswer after the last line, where that is not the end
   */
  export(query: AuditExport, options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    return this.#calls.lines('GET /audit/export', { query }, options)
  }
}
