import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { Grant, WantedGrant } from './grants.ts'
import type { Condition } from './roles.ts'
import type { Bounds, SeatRef } from './seats.ts'

/** A member's seat and grants in one application, as a whole. */
export interface Rights {
  seat: { starts_at: string | null; ends_at: string | null } | null
  grants: Grant[]
}

/** With the state that a change names, so that nobody overwrites what another changed meanwhile. */
export type TaggedRights = Rights & { readonly etag: string }

/** All that is to be there; what is left out is taken away. */
export interface WantedRights {
  seat?: Bounds | undefined
  grants: readonly WantedGrant[]
}

/** Permissions that stop or begin to be effective. */
export interface RightsChange {
  loses: string[]
  gains: string[]
  /** False for a preview. */
  stored: boolean
}

export interface RightsCalls {
  'GET /companies/:company/members/:user/rights/:application': { answer: Rights }
  'PUT /companies/:company/members/:user/rights/:application': {
    query: { preview?: boolean | undefined }
    body: WantedRights
    answer: RightsChange
  }
}

/** What a matrix of permissions loads and saves. */
export class RightsOfMembers {
  readonly #calls: Caller<RightsCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  get({ company, user, application }: SeatRef, options: CallOptions = {}): Promise<TaggedRights> {
    const sent = { params: { company, user, application } }
    return this.#calls.tagged('GET /companies/:company/members/:user/rights/:application', sent, options)
  }

  /** What the member would lose and gain; stores nothing. */
  preview({ company, user, application }: SeatRef, wanted: WantedRights, options: Condition): Promise<RightsChange> {
    const sent = { params: { company, user, application }, query: { preview: true }, body: wanted }
    return this.#calls.json('PUT /companies/:company/members/:user/rights/:application', sent, {
      ...options,
      harmless: true,
    })
  }

  /** Makes it what is wanted, and tells what the member lost and gained. @throws Refused `changed_meanwhile`, … */
  replace(
    { company, user, application }: SeatRef,
    wanted: WantedRights,
    options: Condition,
  ): Promise<RightsChange & { readonly etag: string }> {
    const sent = { params: { company, user, application }, body: wanted }
    return this.#calls.tagged('PUT /companies/:company/members/:user/rights/:application', sent, options)
  }
}
