import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** A person. A company's key is told the optional fields of users whom the company manages. */
export interface User {
  id: string
  email: string
  first_name: string
  last_name: string
  active: boolean
  pin?: string | null
  operator?: boolean
  support?: boolean
  /** The company that manages the account; null: none. */
  managed_by?: string | null
  has_password?: boolean
  created_at?: string
  updated_at?: string
}

/** A user's membership in one company. */
export interface Membership {
  company: { id: string; name: string }
  role: 'member' | 'admin'
  primary: boolean
  active: boolean
  joined_at: string
}

export interface UserWithCompanies extends User {
  companies: Membership[]
}

interface UserFields {
  first_name?: string | undefined
  last_name?: string | undefined
  pin?: string | null | undefined
  /** Switched off, every session ends. */
  active?: boolean | undefined
  /** May run the whole house. For operators. */
  operator?: boolean | undefined
  /** May look and impersonate. For operators. */
  support?: boolean | undefined
  managed_by?: string | null | undefined
  /** Takes up an address that a deleted user had. */
  take_up_deleted?: boolean | undefined
}

export interface NewUser extends UserFields {
  id?: string | undefined
  email: string
  password?: string | undefined
  /** Makes the user a member of this company. */
  company?: string | undefined
}

export interface UserChanges extends UserFields {
  email?: string | undefined
}

export interface UserQuery {
  /** The beginning of an address or a name, or a whole id. */
  q?: string | undefined
  company?: string | undefined
}

export interface UserCalls {
  'GET /users': { query: UserQuery & PageWish; answer: Page<User> }
  'POST /users': { body: NewUser; answer: UserWithCompanies }
  'GET /users/:user': { answer: UserWithCompanies }
  'PATCH /users/:user': { body: UserChanges; answer: UserWithCompanies }
  'DELETE /users/:user': { answer: null }
  'PUT /users/:user/password': { body: { password: string }; answer: null }
  'DELETE /users/:user/tokens': { answer: null }
}

/** People, by id. */
export class Users {
  readonly #calls: Caller<UserCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** By address, or those whose address or a name begins so. */
  list(query: UserQuery = {}, options: ListOptions = {}): List<User> {
    return this.#calls.list('GET /users', { query }, options)
  }

  get(user: string, options: CallOptions = {}): Promise<UserWithCompanies> {
    return this.#calls.json('GET /users/:user', { params: { user } }, options)
  }

  /** @throws Refused `email_taken`, `email_of_deleted`, `id_taken`, … */
  create(user: NewUser, options: CallOptions = {}): Promise<UserWithCompanies> {
    return this.#calls.json('POST /users', { body: user }, options)
  }

  /** Changes the fields that are given. */
  update(user: string, changes: UserChanges, options: CallOptions = {}): Promise<UserWithCompanies> {
    return this.#calls.json('PATCH /users/:user', { params: { user }, body: changes }, options)
  }

  /** Deletes a person's data for good, and ends every session. @throws Refused `last_operator`, … */
  remove(user: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /users/:user', { params: { user } }, options)
  }

  /** Ends every session, too. */
  setPassword(user: string, password: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('PUT /users/:user/password', { params: { user }, body: { password } }, options)
  }

  /** Out of all applications. */
  signOut(user: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /users/:user/tokens', { params: { user } }, options)
  }
}
