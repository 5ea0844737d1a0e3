import { sql } from 'kysely'
import type { Database, Db, Tx } from '../db/database.ts'
import { afterPrefix, searchTerm } from '../domain/search-term.ts'

export type StoredCompany = {
  id: string
  name: string
  isActive: boolean
  /** Its admins may act as its people. */
  allowsImpersonation: boolean
  createdAt: number
  updatedAt: number
}

function selectCompanies(db: Db) {
  return db.selectFrom('companies').select(['id', 'name', 'active', 'allows_impersonation', 'created_at', 'updated_at'])
}

function asCompany(row: Awaited<ReturnType<ReturnType<typeof selectCompanies>['execute']>>[number]): StoredCompany {
  return {
    id: row.id,
    name: row.name,
    isActive: row.active === 1,
    allowsImpersonation: row.allows_impersonation === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export async function findCompany(db: Db, id: string): Promise<StoredCompany | undefined> {
  const row = await selectCompanies(db).where('id', '=', id).executeTakeFirst()
  return row && asCompany(row)
}

export async function lockCompany(tx: Tx, kind: Database['kind'], id: string): Promise<StoredCompany | undefined> {
  const query = selectCompanies(tx).where('id', '=', id)
  const row = await (kind === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
  return row && asCompany(row)
}

export async function isCompanyName(db: Db, name: string): Promise<boolean> {
  return (await db.selectFrom('companies').select('id').where('name', '=', name).executeTakeFirst()) !== undefined
}

/** A company's place in a list. */
export type CompanyPlace = { term: string; id: string }

/** Those whose name begins with a text, by name; '' finds all. */
export async function searchCompanies(
  db: Db,
  { q, after, limit }: { q: string; after?: CompanyPlace | undefined; limit: number },
): Promise<(StoredCompany & { term: string })[]> {
  const prefix = searchTerm(q)
  const end = afterPrefix(prefix)
  let query = selectCompanies(db).select('term').orderBy('term').orderBy('id').limit(limit)
  if (end !== undefined) query = query.where('term', '>=', prefix).where('term', '<', end)
  if (after) query = query.where(sql<boolean>`(term, id) > (${after.term}, ${after.id})`)
  return (await query.execute()).map((row) => ({ ...asCompany(row), term: row.term }))
}

export async function insertCompany(
  db: Db,
  company: { id: string; name: string; isActive: boolean; allowsImpersonation: boolean; now: number },
): Promise<void> {
  await db
    .insertInto('companies')
    .values({
      id: company.id,
      name: company.name,
      term: searchTerm(company.name),
      active: company.isActive ? 1 : 0,
      allows_impersonation: company.allowsImpersonation ? 1 : 0,
      created_at: company.now,
      updated_at: company.now,
    })
    .execute()
}

export async function updateCompany(
  db: Db,
  id: string,
  company: { name: string; isActive: boolean; allowsImpersonation: boolean; now: number },
): Promise<void> {
  await db
    .updateTable('companies')
    .set({
      name: company.name,
      term: searchTerm(company.name),
      active: company.isActive ? 1 : 0,
      allows_impersonation: company.allowsImpersonation ? 1 : 0,
      updated_at: company.now,
    })
    .where('id', '=', id)
    .execute()
}

export async function listCompanyNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('companies').select(['id', 'name']).where('id', 'in', ids).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}
