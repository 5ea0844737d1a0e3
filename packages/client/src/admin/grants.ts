import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'
import type { MemberRef } from './members.ts'
import type { Bounds } from './seats.ts'

/** A permission or a role given to a seat's holder. */
export interface Grant {
  id: string
  user: string
  company: string
  application: string
  permission: string | null
  role: { key: string; name: string; company: string | null } | null
  starts_at: string | null
  ends_at: string | null
  reason: string
  granted_by: string
  granted_at: string
  revoked_at: string | null
}

/** Names a permission or a role, one of both. A company's own role wins over the application's of the same key. */
export interface WantedGrant extends Bounds {
  permission?: string | undefined
  role?: string | undefined
  reason?: string | undefined
}

export interface NewGrant extends WantedGrant {
  application: string
}

export interface GrantQuery {
  application?: string | undefined
  /** With those that were taken away. */
  revoked?: boolean | undefined
}

/** A `Grant` is one. */
export interface GrantRef {
  company: string
  id: string
}

/** Ids of what was taken away. */
export interface RevokedGrants {
  revoked: string[]
}

export interface GrantCalls {
  'GET /companies/:company/members/:user/grants': { query: GrantQuery & PageWish; answer: Page<Grant> }
  'POST /companies/:company/members/:user/grants': { body: NewGrant; answer: Grant }
  'DELETE /companies/:company/grants/:grant': { query: { cascade?: boolean | undefined }; answer: RevokedGrants }
}

/** Permissions and roles of members. */
export class Grants {
  readonly #calls: Caller<GrantCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** In the order of giving. */
  list({ company, user, ...query }: MemberRef & GrantQuery, options: ListOptions = {}): List<Grant> {
    return this.#calls.list(
      'GET /companies/:company/members/:user/grants',
      { params: { company, user }, query },
      options,
    )
  }

  /** The member holds a seat in the application. @throws Refused `no_seat`, `already_there`, `operator_only`, `not_included`, … */
  create({ company, user }: MemberRef, grant: NewGrant, options: CallOptions = {}): Promise<Grant> {
    const sent = { params: { company, user }, body: grant }
    return this.#calls.json('POST /companies/:company/members/:user/grants', sent, options)
  }

  /**
   * Takes it away. Where others still give the permission it would stay: that is refused with their list, unless `cascade` takes
   * them too.
   *
   * @throws Refused `needed_by_grants`, `given_by_license`, …
   */
  remove(
    { company, id }: GrantRef,
    { cascade, ...options }: CallOptions & { cascade?: boolean | undefined } = {},
  ): Promise<RevokedGrants> {
    const sent = { params: { company, grant: id }, query: { cascade } }
    return this.#calls.json('DELETE /companies/:company/grants/:grant', sent, options)
  }
}
