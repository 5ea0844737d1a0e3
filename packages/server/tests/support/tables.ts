import { sql } from 'kysely'
import type { TestServer } from './server.ts'

export type Rows = Record<string, unknown>[]

/** Everything that is stored, table by table, in an order that does not depend on the database. */
export async function allTables({ ctx }: { ctx: Pick<TestServer['ctx'], 'db'> }): Promise<Record<string, Rows>> {
  const tables: Record<string, Rows> = {}
  for (const { name } of await ctx.db.read.introspection.getTables()) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(ctx.db.read)
    tables[name] = rows.map((row) => ({ ...row })).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  return tables
}
