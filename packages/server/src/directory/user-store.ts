import type { Insertable, Selectable, Updateable } from 'kysely'
import type { Database, Db, Tx } from '../db/database.ts'
import { insertsMany } from '../db/insert-many.ts'
import type { Tables } from '../db/tables.ts'

export type Account = {
  id: string
  email: string
  isActive: boolean
  isOperator: boolean
  password: { hash: string; isForeign: boolean } | undefined
}

/** By canonical address. */
export async function findAccount(db: Db, email: string): Promise<Account | undefined> {
  const row = await db
    .selectFrom('users')
    .select(['id', 'email', 'active', 'operator', 'password_hash', 'password_foreign'])
    .where('email', '=', email)
    .executeTakeFirst()
  return row && readAccount(row)
}

type AccountRow = Pick<
  Selectable<Tables['users']>,
  'id' | 'email' | 'active' | 'operator' | 'password_hash' | 'password_foreign'
>

export function readAccount(row: AccountRow): Account {
  return {
    id: row.id,
    email: row.email,
    isActive: row.active === 1,
    isOperator: row.operator === 1,
    password:
      row.password_hash === null ? undefined : { hash: row.password_hash, isForeign: row.password_foreign === 1 },
  }
}

/** False for a user who was deleted. */
export async function setUserActive(db: Db, id: string, isActive: boolean, now: number): Promise<boolean> {
  const changed = await db
    .updateTable('users')
    .set({ active: isActive ? 1 : 0, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return changed.numUpdatedRows === 1n
}

/** Stores our own hash of a password. False for a user who was deleted. */
export async function setPasswordHash(db: Db, id: string, hash: string, now: number): Promise<boolean> {
  const changed = await db
    .updateTable('users')
    .set({ password_hash: hash, password_foreign: 0, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return changed.numUpdatedRows === 1n
}

/** Leaves the row with nothing of the person in it. */
export async function eraseUser(db: Db, id: string, emailHash: string, now: number): Promise<void> {
  await db
    .updateTable('users')
    .set({
      // No address: nobody is found by it.
      email: `deleted:${id}`,
      first_name: '',
      last_name: '',
      pin: null,
      password_hash: null,
      password_foreign: 0,
      active: 0,
      operator: 0,
      support: 0,
      managed_by: null,
      moved_at: null,
      moved_by: null,
      updated_at: now,
      deleted_at: now,
      deleted_email_hash: emailHash,
    })
    .where('id', '=', id)
    .execute()
}

/** When a user with this address was deleted last. */
export async function findDeletedEmail(db: Db, emailHash: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('users')
    .select('deleted_at')
    .where('deleted_email_hash', '=', emailHash)
    .orderBy('deleted_at', 'desc')
    .executeTakeFirst()
  return row?.deleted_at ?? undefined
}

/** Ids of the active operators, who stay so until the end of the transaction. */
export async function lockOperators(tx: Tx, kind: Database['kind']): Promise<string[]> {
  const query = tx.selectFrom('users').select('id').where('operator', '=', 1).where('active', '=', 1).orderBy('id')
  const rows = await (kind === 'postgres' ? query.forUpdate() : query).execute()
  return rows.map(({ id }) => id)
}

export type ListedUser = {
  id: string
  email: string
  firstName: string
  lastName: string
  isActive: boolean
  isOperator: boolean
  hasPassword: boolean
  companies: number
}

/** By address, those after `after` when it is given. */
export async function listUsers(db: Db, page: { after?: string; limit: number }): Promise<ListedUser[]> {
  let query = selectUsers(db).orderBy('email').limit(page.limit)
  if (page.after !== undefined) query = query.where('email', '>', page.after)
  return (await query.execute()).map(asListed)
}

/** By canonical address. */
export async function findListedUser(db: Db, email: string): Promise<ListedUser | undefined> {
  const row = await selectUsers(db).where('email', '=', email).executeTakeFirst()
  return row && asListed(row)
}

function selectUsers(db: Db) {
  return db
    .selectFrom('users as u')
    .where('u.deleted_at', 'is', null)
    .select(['u.id', 'u.email', 'u.first_name', 'u.last_name', 'u.active', 'u.operator'])
    .select((e) => [
      e('u.password_hash', 'is not', null).as('has_password'),
      e
        .selectFrom('memberships as m')
        .select((m) => m.fn.countAll<number>().as('count'))
        .whereRef('m.user_id', '=', 'u.id')
        .where('m.active', '=', 1)
        .as('companies'),
    ])
}

function asListed(row: Awaited<ReturnType<ReturnType<typeof selectUsers>['execute']>>[number]): ListedUser {
  return {
    id: row.id,
    email: row.email,
    firstName: row.first_name,
    lastName: row.last_name,
    isActive: row.active === 1,
    isOperator: row.operator === 1,
    hasPassword: Boolean(row.has_password), // SQLite says 1 where PostgreSQL says true.
    companies: row.companies ?? 0,
  }
}

export async function countUsers(db: Db): Promise<number> {
  const row = await db
    .selectFrom('users')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  return row.count
}

/** Users whose password is still an imported string, not our own hash. */
export async function countForeignPasswords(db: Db): Promise<number> {
  const row = await db
    .selectFrom('users')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('password_foreign', '=', 1)
    .where('password_hash', 'is not', null)
    .executeTakeFirstOrThrow()
  return row.count
}

/** A user as the house manages one. */
export type StoredUser = {
  id: string
  email: string
  firstName: string
  lastName: string
  pin: string | null
  isActive: boolean
  isOperator: boolean
  isSupport: boolean
  /** The company that may change the user's own data. */
  managedBy: string | null
  hasPassword: boolean
  createdAt: number
  updatedAt: number
}

function selectStored(db: Db) {
  return db
    .selectFrom('users')
    .select([
      'id',
      'email',
      'first_name',
      'last_name',
      'pin',
      'active',
      'operator',
      'support',
      'managed_by',
      'created_at',
      'updated_at',
    ])
    .select((e) => e('password_hash', 'is not', null).as('has_password'))
    .where('deleted_at', 'is', null)
}

function asStored(row: Awaited<ReturnType<ReturnType<typeof selectStored>['execute']>>[number]): StoredUser {
  return {
    id: row.id,
    email: row.email,
    firstName: row.first_name,
    lastName: row.last_name,
    pin: row.pin,
    isActive: row.active === 1,
    isOperator: row.operator === 1,
    isSupport: row.support === 1,
    managedBy: row.managed_by,
    hasPassword: Boolean(row.has_password), // SQLite says 1 where PostgreSQL says true.
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export async function findUser(db: Db, id: string): Promise<StoredUser | undefined> {
  const row = await selectStored(db).where('id', '=', id).executeTakeFirst()
  return row && asStored(row)
}

/** By canonical address. */
export async function findUserByEmail(db: Db, email: string): Promise<StoredUser | undefined> {
  const row = await selectStored(db).where('email', '=', email).executeTakeFirst()
  return row && asStored(row)
}

/** As `findUser`; nobody else changes the user until the transaction ends. */
export async function lockUser(tx: Tx, kind: Database['kind'], id: string): Promise<StoredUser | undefined> {
  const query = selectStored(tx).where('id', '=', id)
  const row = await (kind === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
  return row && asStored(row)
}

/** Those of the ids that are there, in the order of the ids. */
export async function listUsersById(db: Db, ids: readonly string[]): Promise<StoredUser[]> {
  if (ids.length === 0) return []
  const rows = await selectStored(db).where('id', 'in', ids).execute()
  const byId = new Map(rows.map((row) => [row.id, asStored(row)]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/** What was the id of a user, deleted or not. */
export async function isUserId(db: Db, id: string): Promise<boolean> {
  return (await db.selectFrom('users').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
}

export async function insertUser(db: Db, row: Insertable<Tables['users']>): Promise<void> {
  await db.insertInto('users').values(row).execute()
}

const insertAllUsers = insertsMany((db, rows: readonly Insertable<Tables['users']>[]) =>
  db
    .insertInto('users')
    .values(rows)
    .onConflict((c) => c.doNothing())
    .returning('id'),
)

/** Many at once; tells which were stored. One whose address or id is taken meanwhile is not. */
export async function insertUsers(
  db: Db,
  rows: readonly Required<Insertable<Tables['users']>>[],
): Promise<Set<string>> {
  return new Set((await insertAllUsers(db, rows)).map(({ id }) => id))
}

/** Those of the canonical addresses that somebody has. */
export async function listEmails(db: Db, emails: readonly string[]): Promise<Set<string>> {
  if (emails.length === 0) return new Set()
  const rows = await db.selectFrom('users').select('email').where('email', 'in', emails).execute()
  return new Set(rows.map(({ email }) => email))
}

/** Those of the ids that are or were a user's. */
export async function listUserIds(db: Db, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db.selectFrom('users').select('id').where('id', 'in', ids).execute()
  return new Set(rows.map(({ id }) => id))
}

/** Those of the hashes that are of a deleted user's address. */
export async function listDeletedEmails(db: Db, hashes: readonly string[]): Promise<Set<string>> {
  if (hashes.length === 0) return new Set()
  const rows = await db
    .selectFrom('users')
    .select('deleted_email_hash')
    .where('deleted_email_hash', 'in', hashes)
    .execute()
  return new Set(rows.flatMap(({ deleted_email_hash: hash }) => hash ?? []))
}

export async function updateUser(db: Db, id: string, changes: Updateable<Tables['users']>): Promise<void> {
  await db.updateTable('users').set(changes).where('id', '=', id).execute()
}
