import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** Somebody who acts, or acted, as a user, for one company in one application. */
export interface ActedAs {
  id: string
  user: { id: string; email: string }
  company: { id: string; name: string }
  application: string
  reason: string
  /** A person, or a key that is nobody's; null: the server's own command line. */
  started_by: { name: string; user: string | null; key: string | null } | null
  /** `waiting` for its one-time token to be used, `live`, or `over`. */
  state: 'waiting' | 'live' | 'over'
  started_at: string
  used_at: string | null
  /** At the latest. */
  ends_at: string
  ended_at: string | null
}

/** With the way in, which is told this once. */
export interface StartedImpersonation extends ActedAs {
  /** Until then the one-time token can be used, once. */
  use_until: string
  /** To open in the browser of whoever acts; null where the application has told no address. */
  open_url: string | null
  /** The one-time token, where there is no address to open. */
  token: string | null
  /** What whoever acts should know. */
  notice: string[]
}

export interface WantedImpersonation {
  user: string
  company: string
  application: string
  /** It is kept, and the application is told. */
  reason: string
  /** 1 to 60; 30 by default. */
  minutes?: number | undefined
}

export interface ImpersonationQuery {
  company?: string | undefined
  user?: string | undefined
  application?: string | undefined
  /** Those alone that wait to be used or are under way. */
  live?: boolean | undefined
}

export interface ImpersonationCalls {
  'GET /impersonations': { query: ImpersonationQuery & PageWish; answer: Page<ActedAs> }
  'POST /impersonations': { body: WantedImpersonation; answer: StartedImpersonation }
  'GET /impersonations/:impersonation': { answer: ActedAs }
  'DELETE /impersonations/:impersonation': { answer: null }
}

/** Acting as a user: for one company, an hour at most, with both people in every line of the audit. */
export class Impersonations {
  readonly #calls: Caller<ImpersonationCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The newest first. */
  list(query: ImpersonationQuery = {}, options: ListOptions = {}): List<ActedAs> {
    return this.#calls.list('GET /impersonations', { query }, options)
  }

  get(id: string, options: CallOptions = {}): Promise<ActedAs> {
    return this.#calls.json('GET /impersonations/:impersonation', { params: { impersonation: id } }, options)
  }

  /** Open `open_url` in the browser of whoever acts, within two minutes. @throws Refused `not_allowed`, `no_access`, `site_not_ready`, … */
  start(wanted: WantedImpersonation, options: CallOptions = {}): Promise<StartedImpersonation> {
    return this.#calls.json('POST /impersonations', { body: wanted }, options)
  }

  /** From the very next answer on. */
  end(id: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /impersonations/:impersonation', { params: { impersonation: id } }, options)
  }
}
