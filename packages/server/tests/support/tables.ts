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
  for (const { name } of (await NAMES[ctx.db.kind].execute(ctx.db.read)).rows) {
    if (!withSeals && WORKED_OFF.includes(name)) continue
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(ctx.db.read)
    const leaves = withSeals || name !== 'audit_entries' ? [] : SEALED_LATER
    tables[name] = rows
      .map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !leaves.includes(column))))
      .map((row) => ({ row, text: JSON.stringify(row) }))
      .sort((a, b) => (a.text < b.text ? -1 : 1))
      .map(({ row }) => row)
  }
  return tables
}

/** Kysely's own list has all columns too, for which a database takes longer than for the rows of a small house. */
const NAMES = {
  sqlite: sql<{
    name: string
  }>`select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`,
  postgres: sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public' order by tablename`,
}
