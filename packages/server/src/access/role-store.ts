import type { Database, Db, Tx } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'

export type StoredRole = {
  id: number
  applicationId: string
  /** Null: the application's own. */
  companyId: string | null
  key: string
  name: string
  /** Slugs, sorted. */
  permissions: readonly string[]
}

type RoleOwner = { applicationId: string; companyId: string | null }

async function withPermissions(
  db: Db,
  rows: readonly { id: number; application_id: string; company_id: string | null; key: string; name: string }[],
): Promise<StoredRole[]> {
  if (rows.length === 0) return []
  const held = await db
    .selectFrom('role_permissions as r')
    .innerJoin('permissions as p', 'p.id', 'r.permission_id')
    .select(['r.role_id', 'p.slug'])
    .where(
      'r.role_id',
      'in',
      rows.map((row) => row.id),
    )
    .execute()
  const byRole = Map.groupBy(held, (row) => row.role_id)
  return rows.map((row) => ({
    id: row.id,
    applicationId: row.application_id,
    companyId: row.company_id,
    key: row.key,
    name: row.name,
    permissions: (byRole.get(row.id) ?? []).map((each) => each.slug).sort(),
  }))
}

const COLUMNS = ['id', 'application_id', 'company_id', 'key', 'name'] as const

/** The application's own, and those of a company where one is named; by key. */
export async function listRoles(db: Db, { applicationId, companyId }: RoleOwner): Promise<StoredRole[]> {
  const rows = await db
    .selectFrom('roles')
    .select(COLUMNS)
    .where('application_id', '=', applicationId)
    .where('deleted_at', 'is', null)
    .where((e) => e.or([e('company_id', 'is', null), e('company_id', '=', companyId ?? '')]))
    .orderBy('key')
    .orderBy('id')
    .execute()
  return withPermissions(db, rows)
}

/** A company's own, of all applications. */
export async function listRolesOfCompany(db: Db, companyId: string): Promise<StoredRole[]> {
  const rows = await db
    .selectFrom('roles')
    .select(COLUMNS)
    .where('company_id', '=', companyId)
    .where('deleted_at', 'is', null)
    .orderBy('application_id')
    .orderBy('key')
    .execute()
  return withPermissions(db, rows)
}

export async function findRole(db: Db, owner: RoleOwner, key: string): Promise<StoredRole | undefined> {
  const rows = await db
    .selectFrom('roles')
    .select(COLUMNS)
    .where('application_id', '=', owner.applicationId)
    .where('company_id', owner.companyId === null ? 'is' : '=', owner.companyId)
    .where('key', '=', key)
    .where('deleted_at', 'is', null)
    .execute()
  return (await withPermissions(db, rows))[0]
}

export async function insertRole(db: Db, role: RoleOwner & { key: string; name: string }): Promise<number> {
  const row = {
    application_id: role.applicationId,
    company_id: role.companyId,
    key: role.key,
    name: role.name,
    deleted_at: null,
  }
  const { id } = await db.insertInto('roles').values(row).returning('id').executeTakeFirstOrThrow()
  return id
}

export async function renameRole(db: Db, id: number, name: string): Promise<void> {
  await db.updateTable('roles').set({ name }).where('id', '=', id).execute()
}

export async function replaceRolePermissions(db: Db, id: number, permissions: readonly number[]): Promise<void> {
  await db.deleteFrom('role_permissions').where('role_id', '=', id).execute()
  const rows = permissions.map((permission) => ({ role_id: id, permission_id: permission }))
  if (rows.length > 0) await db.insertInto('role_permissions').values(rows).execute()
}

/** How many seats have it by a grant that stands, and how many licenses give it to every seat. */
export async function countRoleUses(db: Db, id: number): Promise<{ grants: number; licenses: number }> {
  const standing = await db
    .selectFrom('grants')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('item', '=', -id)
    .where('revoked_at', '=', STANDS)
    .executeTakeFirstOrThrow()
  const licenses = await db
    .selectFrom('license_roles')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('role_id', '=', id)
    .executeTakeFirstOrThrow()
  return { grants: Number(standing.count), licenses: Number(licenses.count) }
}

/** The row stays, for the grants of then; nothing is given by it any more, and its key is free. */
export async function deleteRole(db: Db, id: number, now: number): Promise<void> {
  await db.updateTable('roles').set({ deleted_at: now }).where('id', '=', id).execute()
}

/** What was computed from the application's tree and roles so far is not used any more. Locks the application. */
export async function raiseTreeVersion(tx: Tx, applicationId: string, now: number): Promise<void> {
  await tx
    .updateTable('applications')
    .set((e) => ({ tree_version: e('tree_version', '+', 1), updated_at: now }))
    .where('id', '=', applicationId)
    .execute()
}

/** Roles and the tree stay as they are until the transaction ends. */
export async function holdTree(tx: Tx, kind: Database['kind'], applicationId: string): Promise<void> {
  if (kind === 'postgres')
    await tx.selectFrom('applications').select('id').where('id', '=', applicationId).forShare().execute()
}
