import type { Db } from '../db/database.ts'
import type { ApplicationFacts } from './facts.ts'
import type { RolePermissions } from './given.ts'

/** Of one statement: the databases limit how many values it may have. */
const BATCH = 1_000

/** What roles hold, by application, at the version that its tree has: every change of a role raises that (docs/decisions/0003). */
export class RoleCache {
  readonly #applications = new Map<string, { version: number; roles: Map<number, readonly number[]> }>()

  /** The roles of those numbers, and maybe others, at that very version; undefined when the house has moved on since the caller looked. */
  async find(
    db: Db,
    { id, treeVersion: version }: Pick<ApplicationFacts, 'id' | 'treeVersion'>,
    wanted: readonly number[],
  ): Promise<RolePermissions | undefined> {
    const known = this.#applications.get(id)
    const roles = known?.version === version ? known.roles : new Map<number, readonly number[]>()
    const missing = [...new Set(wanted)].filter((role) => !roles.has(role))
    for (let from = 0; from < missing.length; from += BATCH) {
      const loaded = await loadRoles(db, id, missing.slice(from, from + BATCH))
      if (loaded.version !== version) return undefined
      for (const [role, permissions] of loaded.roles) roles.set(role, permissions)
    }
    if (missing.length > 0 && version >= (this.#applications.get(id)?.version ?? 0))
      this.#applications.set(id, { version, roles })
    return roles
  }
}

/** One statement, so that the roles and the version are of one moment. A role that holds nothing is told too. */
async function loadRoles(
  db: Db,
  applicationId: string,
  wanted: readonly number[],
): Promise<{ version: number | undefined; roles: Map<number, number[]> }> {
  const rows = await db
    .selectFrom('applications as a')
    .leftJoin('roles as r', (join) => join.onRef('r.application_id', '=', 'a.id').on('r.id', 'in', wanted))
    .leftJoin('role_permissions as p', 'p.role_id', 'r.id')
    .select(['a.tree_version', 'r.id', 'p.permission_id'])
    .where('a.id', '=', applicationId)
    .execute()
  const roles = new Map<number, number[]>(wanted.map((role) => [role, []]))
  for (const { id, permission_id: permission } of rows)
    if (id !== null && permission !== null) roles.get(id)?.push(permission)
  return { version: rows[0]?.tree_version, roles }
}
