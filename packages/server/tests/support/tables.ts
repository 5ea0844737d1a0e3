import { sql } from 'kysely'
import type { TestServer } from './server.ts'

export type Rows = Record<string, unknown>[]

/** What a job stores by itself, seconds after an act: where the act stands in the chain. */
const SEALED_LATER = ['seq', 'mac', 'key_id']

/** What jobs work off by themselves: whether it is there yet or no more is no difference that an act makes. */
const WORKED_OFF = ['due']

/** Everything that is stored, table by table, in an order that does not depend on the database. */
export async function allTables(
  { ctx }: { ctx: Pick<TestServer['ctx'], 'db'> },
  { withSeals = false } = {},
): Promise<Record<string, Rows>> {
  const tables: Record<string, Rows> = {}
  for (const { name } of await ctx.db.read.introspection.getTables()) {
    if (!withSeals && WORKED_OFF.includes(name)) continue
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(ctx.db.read)
    const leaves = withSeals || name !== 'audit_entries' ? [] : SEALED_LATER
    tables[name] = rows
      .map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !leaves.includes(column))))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  return tables
}
