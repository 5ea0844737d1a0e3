import type { Insertable } from 'kysely'
import type { Database, Db, Tx } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'
import { END_OF_TIME } from '../domain/interval.ts'
import { isScope, type Power, type Scope } from '../domain/power.ts'

export type StoredKey = {
  id: string
  name: string
  power: Power
  /** The person that it stands for. */
  user: { id: string; email: string } | null
  scopes: readonly Scope[]
  createdBy: string
  createdAt: number
  /** Null: it does not expire. */
  expiresAt: number | null
  /** Null: it was not used yet. */
  lastUsedAt: number | null
  revokedAt: number | null
}

/** What decides whether a key works at this moment. */
export type KeyStanding = {
  key: StoredKey
  user: { isActive: boolean; isOperator: boolean; isSupport: boolean } | null
  /** Of the company that it is bound to, and what the person is there. */
  company: { isActive: boolean; role: 'member' | 'admin' | null } | null
  application: { isActive: boolean } | null
}

export async function insertKey(db: Db, row: Insertable<Tables['api_keys']>): Promise<void> {
  await db.insertInto('api_keys').values(row).execute()
}

function selectKeys(db: Db) {
  return db
    .selectFrom('api_keys as k')
    .leftJoin('users as u', 'u.id', 'k.user_id')
    .selectAll('k')
    .select(['u.email as user_email'])
}

type KeyRow = Awaited<ReturnType<ReturnType<typeof selectKeys>['execute']>>[number]

function asKey(row: KeyRow): StoredKey {
  return {
    id: row.id,
    name: row.name,
    power: asPower(row),
    user: row.user_id === null ? null : { id: row.user_id, email: row.user_email ?? '' },
    scopes: row.scopes.split(' ').filter(isScope),
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at === END_OF_TIME ? null : row.expires_at,
    lastUsedAt: row.last_used_at === 0 ? null : row.last_used_at,
    revokedAt: row.revoked_at,
  }
}

function asPower(row: Pick<KeyRow, 'power' | 'company_id' | 'application_id'>): Power {
  if (row.power === 'company') return { kind: 'company', companyId: row.company_id ?? '' }
  if (row.power === 'application') return { kind: 'application', applicationId: row.application_id ?? '' }
  return { kind: row.power }
}

export async function findKey(db: Db, id: string): Promise<StoredKey | undefined> {
  const row = await selectKeys(db).where('k.id', '=', id).executeTakeFirst()
  return row && asKey(row)
}

/** Of all, or of one company; by id, which is by their age, after `after`. */
export async function listKeys(
  db: Db,
  filter: { companyId?: string | undefined; after?: string | undefined; limit: number },
): Promise<StoredKey[]> {
  let query = selectKeys(db).orderBy('k.id').limit(filter.limit)
  if (filter.companyId !== undefined) query = query.where('k.company_id', '=', filter.companyId)
  if (filter.after !== undefined) query = query.where('k.id', '>', filter.after)
  return (await query.execute()).map(asKey)
}

/** By the key's hash or its id. In a transaction on PostgreSQL all that it hangs on stays as it is until the end. */
export async function findStanding(
  db: Db | Tx,
  kind: Database['kind'],
  by: { hash: string } | { id: string },
  options: { holds: boolean },
): Promise<KeyStanding | undefined> {
  const query = selectKeys(db).where((e) => ('hash' in by ? e('k.hash', '=', by.hash) : e('k.id', '=', by.id)))
  const holds = options.holds && kind === 'postgres'
  const row = await (holds ? query.forShare('k') : query).executeTakeFirst()
  if (!row) return undefined
  const key = asKey(row)
  return {
    key,
    user: key.user && (await readUser(db, key.user.id, holds)),
    company: key.power.kind === 'company' ? await readCompany(db, key.power.companyId, key.user?.id, holds) : null,
    application: key.power.kind === 'application' ? await readApplication(db, key.power.applicationId, holds) : null,
  }
}

async function readUser(db: Db, id: string, holds: boolean): Promise<KeyStanding['user']> {
  const query = db.selectFrom('users').select(['active', 'operator', 'support']).where('id', '=', id)
  const row = await (holds ? query.forShare() : query).executeTakeFirstOrThrow()
  return { isActive: row.active === 1, isOperator: row.operator === 1, isSupport: row.support === 1 }
}

async function readCompany(
  db: Db,
  companyId: string,
  userId: string | undefined,
  holds: boolean,
): Promise<KeyStanding['company']> {
  const query = db.selectFrom('companies').select('active').where('id', '=', companyId)
  const company = await (holds ? query.forShare() : query).executeTakeFirstOrThrow()
  const isActive = company.active === 1
  if (userId === undefined) return { isActive, role: 'admin' }
  const members = db
    .selectFrom('memberships')
    .select('role')
    .where('user_id', '=', userId)
    .where('company_id', '=', companyId)
    .where('active', '=', 1)
  const member = await (holds ? members.forShare() : members).executeTakeFirst()
  return { isActive, role: member?.role ?? null }
}

async function readApplication(db: Db, id: string, holds: boolean): Promise<KeyStanding['application']> {
  const query = db.selectFrom('applications').select('active').where('id', '=', id)
  const row = await (holds ? query.forShare() : query).executeTakeFirstOrThrow()
  return { isActive: row.active === 1 }
}

/** False when it was revoked already. */
export async function revokeKey(db: Db, id: string, now: number): Promise<boolean> {
  const revoked = await db
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return revoked.numUpdatedRows === 1n
}

/** Those that stand for a user, for all or for one company. */
export async function revokeKeysOfUser(
  db: Db,
  of: { userId: string; companyId?: string | undefined },
  now: number,
): Promise<void> {
  let query = db
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('user_id', '=', of.userId)
    .where('revoked_at', 'is', null)
  if (of.companyId !== undefined) query = query.where('company_id', '=', of.companyId)
  await query.execute()
}

/** Every key of the house that still stands. Tells how many. */
export async function revokeAllKeys(db: Db, now: number): Promise<number> {
  const revoked = await db
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return Number(revoked.numUpdatedRows)
}

/** Never back in time: another node may have stored a later use. */
export async function noteKeyUse(db: Db, id: string, at: number): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ last_used_at: at })
    .where('id', '=', id)
    .where('last_used_at', '<', at)
    .execute()
}
