import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions } from './list.ts'

/** Something that a user may do in one application. */
export interface Permission {
  slug: string
  name: string
  description: string
  /** What it needs; null: the root, `use_app`. */
  needs: string | null
  /** Only operators may give it. */
  operator_only: boolean
  /** Still effective and still given, but going. */
  deprecated: boolean
}

export interface PermissionCalls {
  'GET /applications/:application/permissions': { answer: { items: Permission[] } }
}

/** An application's tree of permissions. `manifest` changes it. */
export class Permissions {
  readonly #calls: Caller<PermissionCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** By slug. */
  list({ application }: { application: string }, options: ListOptions = {}): List<Permission> {
    return this.#calls.whole('GET /applications/:application/permissions', { params: { application } }, options)
  }
}
