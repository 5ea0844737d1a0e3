import type { Db } from '../db/database.ts'
import { buildTree, type Tree } from '../domain/tree.ts'

/** Trees by application, each with the version that it was made of. A caller names the version that its own facts carry. */
export class TreeCache {
  readonly #trees = new Map<string, { version: number; tree: Tree }>()

  /** The tree of that very version; undefined when the house has moved on since the caller looked. */
  async find(db: Db, applicationId: string, version: number): Promise<Tree | undefined> {
    const known = this.#trees.get(applicationId)
    if (known?.version === version) return known.tree
    const loaded = await loadTree(db, applicationId)
    if (loaded && loaded.version >= (known?.version ?? 0)) this.#trees.set(applicationId, loaded)
    return loaded?.version === version ? loaded.tree : undefined
  }
}

/** One statement, so that the tree and its version are of one moment. */
async function loadTree(db: Db, applicationId: string): Promise<{ version: number; tree: Tree } | undefined> {
  const rows = await db
    .selectFrom('applications as a')
    .innerJoin('permissions as p', 'p.application_id', 'a.id')
    .select(['a.tree_version', 'p.id', 'p.slug', 'p.needs', 'p.operator_only'])
    .where('a.id', '=', applicationId)
    .where('p.removed_at', 'is', null)
    .execute()
  const version = rows[0]?.tree_version
  if (version === undefined) return undefined
  const nodes = rows.map((row) => ({
    id: row.id,
    slug: row.slug,
    needs: row.needs,
    operatorOnly: row.operator_only === 1,
  }))
  return { version, tree: buildTree(nodes) }
}
