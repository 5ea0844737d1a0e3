import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions } from './list.ts'

/** A live session of a user in one application. */
export interface Token {
  id: string
  application: string
  issued_at: string
  expires_at: string
  last_used_at: string
  impersonation: boolean
}

export interface TokenCalls {
  'GET /users/:user/tokens': { answer: { items: Token[] } }
  'DELETE /users/:user/tokens/:token': { answer: null }
}

/** Sessions. `users.signOut` ends all of one user. */
export class Tokens {
  readonly #calls: Caller<TokenCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The last used first: two hundred at most. */
  list({ user }: { user: string }, options: ListOptions = {}): List<Token> {
    return this.#calls.whole('GET /users/:user/tokens', { params: { user } }, options)
  }

  /** Ends one session. */
  remove({ user, id }: { user: string; id: string }, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /users/:user/tokens/:token', { params: { user, token: id } }, options)
  }
}
