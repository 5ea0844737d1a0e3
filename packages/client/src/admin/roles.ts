import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions } from './list.ts'

/** A named set of permissions of one application: its own, or one company's own. */
export interface Role {
  application: string
  /** Null: the application's own. */
  company: string | null
  key: string
  name: string
  permissions: string[]
}

/** With the state that a change names, so that nobody overwrites what another changed meanwhile. */
export type TaggedRole = Role & { readonly etag: string }

export interface NewRole {
  key: string
  name?: string | undefined
  permissions?: readonly string[] | undefined
}

export interface RoleChanges {
  name?: string | undefined
  permissions?: readonly string[] | undefined
}

/** Whose a role is: the company's in this application, or without one the application's. */
export interface RoleOwner {
  application: string
  company?: string | null | undefined
}

/** A `Role` is one. */
export interface RoleRef extends RoleOwner {
  key: string
}

/** What a change names: the `etag` of what was read. */
export interface Condition extends CallOptions {
  ifMatch: string
}

export interface RoleCalls {
  'GET /applications/:application/roles': { answer: { items: Role[] } }
  'POST /applications/:application/roles': { body: NewRole; answer: Role }
  'GET /applications/:application/roles/:key': { answer: Role }
  'PATCH /applications/:application/roles/:key': { body: RoleChanges; answer: Role }
  'DELETE /applications/:application/roles/:key': { answer: null }
  'GET /companies/:company/roles': { answer: { items: Role[] } }
  'POST /companies/:company/roles': { body: NewRole & { application: string }; answer: Role }
  'GET /companies/:company/roles/:application/:key': { answer: Role }
  'PATCH /companies/:company/roles/:application/:key': { body: RoleChanges; answer: Role }
  'DELETE /companies/:company/roles/:application/:key': { answer: null }
}

/** Roles of applications and of companies. */
export class Roles {
  readonly #calls: Caller<RoleCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** An application's own, or a company's own in all applications. */
  list(of: { application: string } | { company: string }, options: ListOptions = {}): List<Role> {
    return 'company' in of
      ? this.#calls.whole('GET /companies/:company/roles', { params: { company: of.company } }, options)
      : this.#calls.whole('GET /applications/:application/roles', { params: { application: of.application } }, options)
  }

  get({ application, company, key }: RoleRef, options: CallOptions = {}): Promise<TaggedRole> {
    return company
      ? this.#calls.tagged(
          'GET /companies/:company/roles/:application/:key',
          { params: { company, application, key } },
          options,
        )
      : this.#calls.tagged('GET /applications/:application/roles/:key', { params: { application, key } }, options)
  }

  /** A company's own is of what its license includes. @throws Refused `already_there`, `operator_only`, `not_included`, … */
  create({ application, company }: RoleOwner, role: NewRole, options: CallOptions = {}): Promise<TaggedRole> {
    return company
      ? this.#calls.tagged(
          'POST /companies/:company/roles',
          { params: { company }, body: { application, ...role } },
          options,
        )
      : this.#calls.tagged('POST /applications/:application/roles', { params: { application }, body: role }, options)
  }

  /** Changes the fields that are given. @throws Refused `changed_meanwhile` where it is no longer as it was seen, … */
  update({ application, company, key }: RoleRef, changes: RoleChanges, options: Condition): Promise<TaggedRole> {
    return company
      ? this.#calls.tagged(
          'PATCH /companies/:company/roles/:application/:key',
          { params: { company, application, key }, body: changes },
          options,
        )
      : this.#calls.tagged(
          'PATCH /applications/:application/roles/:key',
          { params: { application, key }, body: changes },
          options,
        )
  }

  /** One that nobody has. @throws Refused `in_use`, … */
  remove({ application, company, key }: RoleRef, options: CallOptions = {}): Promise<void> {
    return company
      ? this.#calls.done(
          'DELETE /companies/:company/roles/:application/:key',
          { params: { company, application, key } },
          options,
        )
      : this.#calls.done('DELETE /applications/:application/roles/:key', { params: { application, key } }, options)
  }
}
