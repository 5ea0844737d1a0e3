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
  /** Such as `user_created`. */
  act?: string | undefined
  /** A day or a moment with its offset. */
  from?: string | undefined
  /** The last day included, or a moment with its offset. */
  until?: string | undefined
}

export interface AuditCalls {
  'GET /audit': { query: AuditQuery & PageWish; answer: Page<AuditEntry> }
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
}
