import assert from 'node:assert/strict'
import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'

type Row = { company_id: string; is_member: number; is_address: number; term: string; user_id: string }

/** What the database keeps of each company's people is what follows from users, memberships and terms. Tells how much there is. */
export async function assertPeopleTerms({ read }: Pick<Database, 'read'>): Promise<number> {
  const users = await read.selectFrom('users').select(['id', 'email', 'managed_by']).execute()
  const members = await read.selectFrom('memberships').selectAll().where('left_at', 'is', null).execute()
  const terms = await read.selectFrom('user_terms').selectAll().execute()
  const termsOf = Map.groupBy(terms, ({ user_id }) => user_id)
  const membersOf = Map.groupBy(members, ({ user_id }) => user_id)
  const wanted = users.flatMap(({ id, email, managed_by }) => {
    const companies = (membersOf.get(id) ?? []).map((each) => each.company_id)
    const isManagedOnly = managed_by !== null && !companies.includes(managed_by)
    return [...companies, ...(isManagedOnly ? [managed_by] : [])].flatMap((company_id) =>
      (termsOf.get(id) ?? []).map(({ term }) => ({
        company_id,
        is_member: companies.includes(company_id) ? 1 : 0,
        is_address: term === email ? 1 : 0,
        term,
        user_id: id,
      })),
    )
  })
  const { rows } = await sql<Row>`select company_id, is_member, is_address, term, user_id from people_terms`.execute(
    read,
  )
  const texts = (all: Row[]) => all.map((row) => JSON.stringify(row)).sort()
  assert.deepEqual(texts(rows), texts(wanted))
  return rows.length
}
