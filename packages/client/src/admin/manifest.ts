import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { Condition } from './roles.ts'

/** What is left out of a permission is empty, or no. */
export interface ManifestPermission {
  slug: string
  name?: string | undefined
  description?: string | undefined
  /** What comes with it; null: only `use_app`. */
  needs?: string | null | undefined
  /** Only operators may give it, and whatever needs it. */
  operator_only?: boolean | undefined
  /** Still effective and still given, but shown as going. */
  deprecated?: boolean | undefined
  /** Its slug so far: whoever has that has this. */
  renamed_from?: string | undefined
}

export interface ManifestRole {
  key: string
  name?: string | undefined
  permissions: readonly string[]
  /** Its key so far: whoever has that has this. */
  renamed_from?: string | undefined
}

/** An application's tree and its own roles as one document. What it does not name is removed. */
export interface Manifest {
  $schema?: string | undefined
  /** Whose it is; checked against the address. */
  application?: string | undefined
  permissions: readonly ManifestPermission[]
  /** The application's own; left out, they stay as they are. */
  roles?: readonly ManifestRole[] | undefined
}

export interface WantedManifest {
  manifest: Manifest
  /** Also removes what is in use. For operators. */
  allow_removals?: boolean | undefined
}

export interface ManifestChange {
  change:
    | 'permission_added'
    | 'permission_renamed'
    | 'permission_changed'
    | 'permission_moved'
    | 'permission_deprecated'
    | 'permission_undeprecated'
    | 'permission_removed'
    | 'operator_only_set'
    | 'operator_only_loosened'
    | 'operator_only_mark_changed'
    | 'role_added'
    | 'role_renamed'
    | 'role_changed'
    | 'role_removed'
  permission?: string
  role?: string
  /** Whose the role is, where it is a company's. */
  company?: string
  /** Of a renaming or a move; null: only `use_app`. */
  from?: string | null
  to?: string | null
  fields?: ('name' | 'description')[]
  added?: string[]
  removed?: string[]
  /** Of what is removed: grants that stand, roles of the application and of companies, licenses. */
  uses?: { grants: number; roles: number; licenses: number }
}

/** Somebody in one company. Names are for operators. */
export interface AffectedPerson {
  user: { id: string; email?: string; first_name?: string; last_name?: string }
  company: { id: string; name?: string }
  permissions: string[]
}

/** What a manifest would change, or did. Lists of people and licenses hold the first thousand. */
export interface ManifestPlan {
  application: string
  /** The state that it was made of: what `apply` takes as `ifMatch`. */
  etag: string
  changes: ManifestChange[]
  loses: AffectedPerson[]
  gains: AffectedPerson[]
  /** How many in all, and seats beyond those that one plan looks at. */
  people: { loses: number; gains: number; not_looked_at: number }
  /** Licenses with a list of their own that leave a new permission out. */
  licenses_without: { company: { id: string; name?: string }; permissions: string[] }[]
  licenses_without_total: number
  /** Why it can not be applied like this; empty where it can. */
  refused: {
    because: 'in_use' | 'operator_only' | 'not_allowed'
    permission?: string
    role?: string
    message: string
  }[]
}

export interface ManifestCalls {
  'GET /applications/:application/manifest': { answer: Manifest }
  'POST /applications/:application/manifest/plan': { body: WantedManifest; answer: ManifestPlan }
  'PUT /applications/:application/manifest': { body: WantedManifest; answer: ManifestPlan }
}

/** An application's permissions and roles as one document: to keep with its code, to plan, and to apply. */
export class Manifests {
  readonly #calls: Caller<ManifestCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The document as it can be sent back, and beside it the state that it is of. */
  async get(application: string, options: CallOptions = {}): Promise<{ manifest: Manifest; etag: string }> {
    const sent = { params: { application } }
    const { etag, ...manifest } = await this.#calls.tagged('GET /applications/:application/manifest', sent, options)
    return { manifest, etag }
  }

  /** What it would change, and who would lose and gain what. Stores nothing. */
  plan(application: string, wanted: WantedManifest, options: CallOptions = {}): Promise<ManifestPlan> {
    const sent = { params: { application }, body: wanted }
    return this.#calls.json('POST /applications/:application/manifest/plan', sent, { ...options, harmless: true })
  }

  /** Applies what was planned, or nothing. @throws Refused `changed_meanwhile` where it would do something else, `in_use`, … */
  apply(application: string, wanted: WantedManifest, options: Condition): Promise<ManifestPlan> {
    const sent = { params: { application }, body: wanted }
    return this.#calls.json('PUT /applications/:application/manifest', sent, options)
  }
}
