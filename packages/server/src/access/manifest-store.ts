import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'
import { listManifestPermissions } from '../directory/application-store.ts'
import type { StoredManifest } from '../domain/manifest.ts'
import { SUPERUSER } from '../domain/tree.ts'
import { Pauses } from './pauses.ts'
import { listRoles } from './role-store.ts'

// What a plan reads. What it stores is in manifest-changes.ts.

export type LoadedManifest = StoredManifest & { version: number }

/** An application's tree and its own roles, with the version that they are of. */
export async function loadManifest(db: Db, applicationId: string): Promise<LoadedManifest> {
  for (;;) {
    const version = await findTreeVersion(db, applicationId)
    const permissions = (await listManifestPermissions(db, applicationId)).map((permission) => ({
      ...permission,
      isOperatorOnly: permission.isOperatorOnly || permission.slug === SUPERUSER,
    }))
    const roles = await listRoles(db, { applicationId, companyId: null })
    // Several statements: of one moment, unless it was changed between them.
    if ((await findTreeVersion(db, applicationId)) === version) return { version, permissions, roles }
  }
}

export async function findTreeVersion(db: Db, applicationId: string): Promise<number> {
  const row = await db
    .selectFrom('applications')
    .select('tree_version')
    .where('id', '=', applicationId)
    .executeTakeFirst()
  return row?.tree_version ?? 0
}

/** Of one statement: the databases limit how many values it may have. */
const BATCH = 1_000

/** What a statement finds for some at a time; others get their turn between. */
export async function inBatches<T, R>(
  all: readonly T[],
  find: (some: readonly T[]) => Promise<readonly R[]>,
  size = BATCH,
): Promise<R[]> {
  const found: R[] = []
  const pauses = new Pauses()
  for (let from = 0; from < all.length; from += size) {
    await pauses.pause()
    for (const each of await find(all.slice(from, from + size))) found.push(each)
  }
  return found
}

export type HoldingRole = { id: number; key: string; companyId: string | null; permission: number }

/** A permission may be in a role of every company. */
const HELD_AT_ONCE = 20

/** Roles that hold one of these permissions: the application's own and companies'. */
export async function listRolesHolding(db: Db, permissions: readonly number[]): Promise<HoldingRole[]> {
  return inBatches(
    permissions,
    async (some) => {
      const rows = await db
        .selectFrom('role_permissions as p')
        .innerJoin('roles as r', 'r.id', 'p.role_id')
        .select(['r.id', 'r.key', 'r.company_id', 'p.permission_id'])
        .where('p.permission_id', 'in', some)
        .where('r.deleted_at', 'is', null)
        .orderBy('r.key')
        .orderBy('r.id')
        .execute()
      return rows.map((row) => ({ id: row.id, key: row.key, companyId: row.company_id, permission: row.permission_id }))
    },
    HELD_AT_ONCE,
  )
}

/** Grants that stand, of items: a permission, or a role as a negative number. By grants_item, which SQLite takes only where the 0 is written out. */
function selectStanding(db: Db, items: readonly number[], after = 0) {
  return db
    .selectFrom('grants')
    .where('item', 'in', items)
    .where('revoked_at', '=', sql.lit(STANDS))
    .where('seat', '>', after)
}

/** Numbers of the seats that have one of these, those after a number. */
export async function listSeatsOf(
  db: Db,
  items: readonly number[],
  { after = 0, limit }: { after?: number; limit?: number } = {},
): Promise<number[]> {
  const query = selectStanding(db, items, after).select('seat')
  const rows = await (limit === undefined ? query : query.orderBy('seat').limit(limit)).execute()
  return rows.flatMap((row) => row.seat ?? [])
}

export async function countGrantsOf(db: Db, items: readonly number[], after = 0): Promise<number> {
  const { count } = await selectStanding(db, items, after)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Companies whose license gives one of these roles to every seat. */
export async function listCompaniesGiving(db: Db, applicationId: string, roles: readonly number[]): Promise<string[]> {
  const rows = await inBatches(roles, (some) =>
    db
      .selectFrom('licenses as l')
      .innerJoin('license_roles as k', (join) =>
        join.onRef('k.company_id', '=', 'l.company_id').onRef('k.application_id', '=', 'l.application_id'),
      )
      .select('l.company_id')
      .distinct()
      .where('l.application_id', '=', applicationId)
      .where('k.role_id', 'in', some)
      .orderBy('l.company_id')
      .execute(),
  )
  return [...new Set(rows.map((row) => row.company_id))]
}

export async function countLicensesGiving(db: Db, applicationId: string, role: number): Promise<number> {
  return (await listCompaniesGiving(db, applicationId, [role])).length
}

/** Numbers of the seats that a company's members hold, those of users after one. */
export async function listSeatsOfCompany(
  db: Db,
  of: { companyId: string; applicationId: string },
  after: string,
  limit: number,
): Promise<{ number: number; userId: string }[]> {
  const rows = await db
    .selectFrom('seats')
    .select(['number', 'user_id'])
    .where('company_id', '=', of.companyId)
    .where('application_id', '=', of.applicationId)
    .where('user_id', '>', after)
    .orderBy('user_id')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ number: row.number, userId: row.user_id }))
}

export async function countSeatsOfCompany(
  db: Db,
  { companyId, applicationId }: { companyId: string; applicationId: string },
): Promise<number> {
  const row = await db
    .selectFrom('licenses')
    .select('seats_held')
    .where('company_id', '=', companyId)
    .where('application_id', '=', applicationId)
    .executeTakeFirst()
  return row?.seats_held ?? 0
}

/** As the licenses count them. */
export async function countSeats(db: Db, applicationId: string): Promise<number> {
  const { count } = await db
    .selectFrom('licenses')
    .select((e) => e.fn.sum<number | null>('seats_held').as('count'))
    .where('application_id', '=', applicationId)
    .executeTakeFirstOrThrow()
  return Number(count ?? 0)
}

export type NamedLicense = { companyId: string; permissions: number[] }

/** Licenses with a list of their own, by company, those after one, and what each names. */
export async function listNamedLicenses(
  db: Db,
  applicationId: string,
  after: string,
  limit: number,
): Promise<NamedLicense[]> {
  const licenses = await db
    .selectFrom('licenses')
    .select('company_id')
    .where('application_id', '=', applicationId)
    .where('includes_all', '=', 0)
    .where('company_id', '>', after)
    .orderBy('company_id')
    .limit(limit)
    .execute()
  if (licenses.length === 0) return []
  const companies = licenses.map((row) => row.company_id)
  const rows = await db
    .selectFrom('license_permissions')
    .select(['company_id', 'permission_id'])
    .where('company_id', 'in', companies)
    .where('application_id', '=', applicationId)
    .execute()
  const byCompany = Map.groupBy(rows, (row) => row.company_id)
  return companies.map((companyId) => ({
    companyId,
    permissions: (byCompany.get(companyId) ?? []).map((row) => row.permission_id),
  }))
}

export async function listCompanyNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await inBatches(ids, (some) =>
    db.selectFrom('companies').select(['id', 'name']).where('id', 'in', some).execute(),
  )
  return new Map(rows.map((row) => [row.id, row.name]))
}

export type PersonName = { email: string; firstName: string; lastName: string }

export async function listPersonNames(db: Db, ids: readonly string[]): Promise<Map<string, PersonName>> {
  const rows = await inBatches(ids, (some) =>
    db.selectFrom('users').select(['id', 'email', 'first_name', 'last_name']).where('id', 'in', some).execute(),
  )
  return new Map(rows.map((row) => [row.id, { email: row.email, firstName: row.first_name, lastName: row.last_name }]))
}
