import { sql } from 'kysely'
import type { Db, Tx } from '../../src/db/database.ts'
import type { SealedKind } from '../../src/keys/sealed.ts'

/** A table of sealed values as a later part of the server may bring one: many rows, and a purpose for each. */
export const seals: SealedKind = {
  name: 'test secret',
  costs: 'Each is made anew where it is used.',
  async list(db, after, limit) {
    const { rows } = await sql<{ id: string; value: string }>`
      select id, value from seals where id > ${after} order by id limit ${sql.lit(limit)}`.execute(db)
    return rows.map(({ id, value }) => ({ row: id, purpose: `secret ${id}`, sealed: value }))
  },
  async replace(tx, old, sealed) {
    const { numAffectedRows } = await sql`update seals set value = ${sealed}
      where id = ${old.row} and value = ${old.sealed}`.execute(tx)
    return numAffectedRows === 1n
  },
  async forget(tx, lost) {
    await sql`delete from seals where id = ${lost.row}`.execute(tx)
  },
}

export async function makeSeals(tx: Tx, count: number, seal: (purpose: string, text: string) => string): Promise<void> {
  await sql`create table seals (id text primary key, value text not null)`.execute(tx)
  for (let number = 0; number < count; number++) {
    const id = String(number).padStart(5, '0')
    await sql`insert into seals (id, value) values (${id}, ${seal(`secret ${id}`, `text ${id}`)})`.execute(tx)
  }
}

/** How many are sealed with which key. */
export async function sealsByKey(db: Db): Promise<Record<string, number>> {
  const { rows } = await sql<{ value: string }>`select value from seals`.execute(db)
  const counts: Record<string, number> = {}
  for (const { value } of rows) counts[value.split('.')[0] ?? ''] = (counts[value.split('.')[0] ?? ''] ?? 0) + 1
  return counts
}
