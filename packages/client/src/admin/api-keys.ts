import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** What somebody may run. */
export type Power = 'operator' | 'support' | 'company' | 'application'

/** Without its secret. */
export interface ApiKey {
  id: string
  name: string
  power: Power
  company: string | null
  application: string | null
  /** The person that it stands for. */
  user: { id: string; email: string } | null
  scopes: string[]
  created_by: string
  created_at: string
  expires_at: string | null
  last_used_at: string | null
  revoked_at: string | null
}

export interface ApiKeyWithSecret extends ApiKey {
  /** Told this once. */
  key: string
}

export interface NewApiKey {
  /** For people: what it is for. */
  name: string
  power?: Power | undefined
  company?: string | undefined
  application?: string | undefined
  user?: string | undefined
  /** `*`, `*:read`, `users:write`, …; all unless told. */
  scopes?: readonly string[] | undefined
  /** A day or a moment with its offset; null: never. */
  expires_at?: string | null | undefined
}

/** Whom the server takes the caller for. */
export interface WhoAmI {
  kind: 'key' | 'user'
  id: string
  name: string
  power: Power
  company: { id: string; name: string } | null
  application: string | null
  user: string | null
  scopes: string[]
}

export interface ApiKeyCalls {
  'GET /whoami': { answer: WhoAmI }
  'GET /api-keys': { query: PageWish; answer: Page<ApiKey> }
  'POST /api-keys': { body: NewApiKey; answer: ApiKeyWithSecret }
  'GET /api-keys/:key': { answer: ApiKey }
  'DELETE /api-keys/:key': { answer: null }
}

/** Keys for this API. */
export class ApiKeys {
  readonly #calls: Caller<ApiKeyCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** What the caller is and may do. */
  whoami(options: CallOptions = {}): Promise<WhoAmI> {
    return this.#calls.json('GET /whoami', {}, options)
  }

  /** The oldest first. */
  list(options: ListOptions = {}): List<ApiKey> {
    return this.#calls.list('GET /api-keys', {}, options)
  }

  get(key: string, options: CallOptions = {}): Promise<ApiKey> {
    return this.#calls.json('GET /api-keys/:key', { params: { key } }, options)
  }

  /** Can do no more than the one that makes it. */
  create(key: NewApiKey, options: CallOptions = {}): Promise<ApiKeyWithSecret> {
    return this.#calls.json('POST /api-keys', { body: key }, options)
  }

  /** Revokes it, from the very next request on. */
  remove(key: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /api-keys/:key', { params: { key } }, options)
  }
}
