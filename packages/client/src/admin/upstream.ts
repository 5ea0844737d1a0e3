import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** How far the switch-over from another License server is. */
export interface UpstreamStatus {
  /** Null: nobody is asked of another server. */
  url: string | null
  users: {
    moved: number
    /** Known here, without a password yet. */
    waiting: number
    last_moved_at: string | null
  }
  last_7_days: {
    /** Whom the old server let in no more than this one. */
    refused: number
    failed: number
    failures: { reason: string; application: string; times: number; last_at: string }[]
  }
  /** What the old server told and was not taken over, the latest first; of 90 days. */
  left_out: {
    /** Such as `permission_unknown`, `superuser`, `seats_full`. */
    why: string
    /** A permission, a company's id or name; of `superuser` a user's id. */
    what: string
    application: string
    times: number
    last_at: string
  }[]
}

export interface UpstreamUser {
  id: string
  email: string
  /** Null: not yet. */
  moved_at: string | null
  /** By which the user moved: rights in others are not asked for. */
  application: string | null
}

export interface UpstreamQuery {
  state: 'moved' | 'waiting'
}

export interface UpstreamCalls {
  'GET /upstream': { answer: UpstreamStatus }
  'GET /upstream/users': { query: UpstreamQuery & PageWish; answer: Page<UpstreamUser> }
}

/** The switch-over from another License server, user by user as they sign in. */
export class UpstreamOfHouse {
  readonly #calls: Caller<UpstreamCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  status(options: CallOptions = {}): Promise<UpstreamStatus> {
    return this.#calls.json('GET /upstream', {}, options)
  }

  /** Who moved, the last one first; or who is known and has no password yet, by address. */
  users(query: UpstreamQuery, options: ListOptions = {}): List<UpstreamUser> {
    return this.#calls.list('GET /upstream/users', { query }, options)
  }
}
