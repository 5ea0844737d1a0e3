import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

export interface Person {
  id: string
  email: string
  first_name: string
  last_name: string
}

/** A grant, seen as the way by which a permission comes. */
export interface Way {
  through: 'direct' | 'role' | 'license_role'
  role: { key: string; name: string } | null
  /** From what was granted down to what was asked about. */
  slugs: string[]
  phase: 'not_started' | 'in_force' | 'ended'
  starts_at: string | null
  ends_at: string | null
  given_by: string | null
  given_at: string | null
  reason: string
}

/** A call of the admin API. */
export interface MendingCall {
  method: string
  /** Below `/api/v1/admin`. */
  path: string
  body: Record<string, unknown>
}

export interface Decision {
  user: Person
  company: { id: string; name: string }
  application: { id: string; name: string }
  permission: string
  at: string
  allowed: boolean
  /** The first link that fails; null when allowed. */
  because: string | null
  links: { name: string; refusal: string | null }[]
  /** Whether the license includes it. */
  included: boolean
  grants: Way[]
  /** The same as one would tell a colleague. */
  text: string[]
  /** The calls that would make it effective, in their order. */
  mend: MendingCall[]
}

export interface Holder {
  user: Person
  grants: Way[]
}

export interface MemberRights {
  user: Person
  application: string
  permissions: string[]
}

/** `at`: a day or a moment with its offset, judged by what is stored today; now unless told. */
export interface DecisionQuery {
  /** An id or an address. */
  user: string
  company: string
  application: string
  permission: string
  at?: string | undefined
}

export interface CompanyRightsQuery {
  company: string
  application?: string | undefined
  at?: string | undefined
}

export interface ExplainCalls {
  'GET /explain': { query: DecisionQuery; answer: Decision }
  'GET /explain/holders': { query: Omit<DecisionQuery, 'user'> & PageWish; answer: Page<Holder> }
  'GET /explain/company': { query: CompanyRightsQuery & PageWish; answer: Page<MemberRights> }
}

/** May somebody do something, and why: by the same code as the answers to applications. */
export class Explain {
  readonly #calls: Caller<ExplainCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** Whether somebody may do something, why, and what would mend it. */
  decide(query: DecisionQuery, options: CallOptions = {}): Promise<Decision> {
    return this.#calls.json('GET /explain', { query }, options)
  }

  /** Who may do something in a company, and through what. A page may hold fewer than its limit, and none. */
  holders(query: Omit<DecisionQuery, 'user'>, options: ListOptions = {}): List<Holder> {
    return this.#calls.list('GET /explain/holders', { query }, options)
  }

  /** Who may do what in a company on a date, by application and user. */
  company(query: CompanyRightsQuery, options: ListOptions = {}): List<MemberRights> {
    return this.#calls.list('GET /explain/company', { query }, options)
  }
}
