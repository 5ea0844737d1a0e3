import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'
import type { User } from './users.ts'

/** Who works for a company, as it is seen from there. */
export interface Member {
  user: User
  role: 'member' | 'admin'
  primary: boolean
  active: boolean
  joined_at: string
}

interface MemberFields {
  /** An admin runs the company within its licenses. */
  role?: 'member' | 'admin' | undefined
  /** The company that the user's profile names. For operators: it is the user's, not a company's. */
  primary?: boolean | undefined
}

/** Named by id or by address. */
export interface NewMember extends MemberFields {
  user?: string | undefined
  email?: string | undefined
  /** Although another company manages the account, and may know its password. */
  despite_manager?: boolean | undefined
}

export interface MemberChanges extends MemberFields {
  /** Switched off, a member keeps the seats and may do nothing for the company. */
  active?: boolean | undefined
}

/** Both by id. */
export interface MemberRef {
  company: string
  user: string
}

export interface MemberQuery {
  /** The beginning of an address or a name. */
  q?: string | undefined
}

export interface MemberCalls {
  'GET /companies/:company/members': { query: MemberQuery & PageWish; answer: Page<Member> }
  'POST /companies/:company/members': { body: NewMember; answer: Member }
  'GET /companies/:company/members/:user': { answer: Member }
  'PATCH /companies/:company/members/:user': { body: MemberChanges; answer: Member }
  'DELETE /companies/:company/members/:user': { answer: null }
}

/** Who works for which company. */
export class Members {
  readonly #calls: Caller<MemberCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** By address, or those whose address or a name begins so. */
  list({ company, ...query }: { company: string } & MemberQuery, options: ListOptions = {}): List<Member> {
    return this.#calls.list('GET /companies/:company/members', { params: { company }, query }, options)
  }

  get({ company, user }: MemberRef, options: CallOptions = {}): Promise<Member> {
    return this.#calls.json('GET /companies/:company/members/:user', { params: { company, user } }, options)
  }

  /** Makes a user a member. @throws Refused `already_there`, `managed_elsewhere`, … */
  create(company: string, member: NewMember, options: CallOptions = {}): Promise<Member> {
    return this.#calls.json('POST /companies/:company/members', { params: { company }, body: member }, options)
  }

  /** Changes the fields that are given. */
  update({ company, user }: MemberRef, changes: MemberChanges, options: CallOptions = {}): Promise<Member> {
    const sent = { params: { company, user }, body: changes }
    return this.#calls.json('PATCH /companies/:company/members/:user', sent, options)
  }

  /** Takes a member out of the company, with all seats and grants there. */
  remove({ company, user }: MemberRef, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /companies/:company/members/:user', { params: { company, user } }, options)
  }
}
