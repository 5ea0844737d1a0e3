import type { Database, Db, Tx } from '../db/database.ts'
import type { Interval } from '../domain/interval.ts'

export type LicenseKey = { companyId: string; applicationId: string }

export type StoredLicense = LicenseKey &
  Interval & {
    companyName: string
    graceDays: number
    seats: number | null
    seatsHeld: number
    isSuspended: boolean
    /** "All" but `is_superuser`, or these slugs with what they need. */
    includes: 'all' | readonly string[]
    /** Keys of the application's roles that every seat gets. */
    roles: readonly string[]
    note: string
    createdAt: number
    updatedAt: number
  }

function selectLicenses(db: Db) {
  return db
    .selectFrom('licenses as l')
    .innerJoin('companies as c', 'c.id', 'l.company_id')
    .selectAll('l')
    .select('c.name')
}

type Row = Awaited<ReturnType<ReturnType<typeof selectLicenses>['execute']>>[number]

async function withSets(db: Db, rows: readonly Row[]): Promise<StoredLicense[]> {
  const licenses: StoredLicense[] = []
  const roles = await listRoleKeys(db, rows)
  for (const row of rows) {
    const key = { companyId: row.company_id, applicationId: row.application_id }
    licenses.push({
      ...key,
      companyName: row.name,
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      graceDays: row.grace_days,
      seats: row.seats,
      seatsHeld: row.seats_held,
      isSuspended: row.suspended === 1,
      includes: row.includes_all === 1 ? 'all' : await listIncludedSlugs(db, key),
      roles: roles.get(JSON.stringify(key)) ?? [],
      note: row.note,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    })
  }
  return licenses
}

async function listIncludedSlugs(db: Db, { companyId, applicationId }: LicenseKey): Promise<string[]> {
  const rows = await db
    .selectFrom('license_permissions as i')
    .innerJoin('permissions as p', 'p.id', 'i.permission_id')
    .select('p.slug')
    .where('i.company_id', '=', companyId)
    .where('i.application_id', '=', applicationId)
    .execute()
  return rows.map((row) => row.slug).sort()
}

/** Of all of these at once: of one company, or for one application. */
async function listRoleKeys(db: Db, licenses: readonly Row[]): Promise<Map<string, string[]>> {
  const keys = new Map<string, string[]>()
  if (licenses.length === 0) return keys
  const rows = await db
    .selectFrom('license_roles as k')
    .innerJoin('roles as r', 'r.id', 'k.role_id')
    .select(['k.company_id', 'k.application_id', 'r.key'])
    .where('k.company_id', 'in', [...new Set(licenses.map((row) => row.company_id))])
    .where('k.application_id', 'in', [...new Set(licenses.map((row) => row.application_id))])
    .execute()
  for (const row of rows) {
    const license = JSON.stringify({ companyId: row.company_id, applicationId: row.application_id })
    keys.set(license, [...(keys.get(license) ?? []), row.key].sort())
  }
  return keys
}

export async function findLicense(db: Db, key: LicenseKey): Promise<StoredLicense | undefined> {
  const rows = await selectLicenses(db)
    .where('l.company_id', '=', key.companyId)
    .where('l.application_id', '=', key.applicationId)
    .execute()
  return (await withSets(db, rows))[0]
}

/** Nobody else changes it, or takes a seat of it, until the transaction ends. */
export async function lockLicense(tx: Tx, kind: Database['kind'], key: LicenseKey): Promise<StoredLicense | undefined> {
  if (kind === 'postgres')
    await tx
      .selectFrom('licenses')
      .select('seats')
      .where('company_id', '=', key.companyId)
      .where('application_id', '=', key.applicationId)
      .forUpdate()
      .execute()
  return findLicense(tx, key)
}

/** Of a company, by the application's id. */
export async function listLicensesOf(db: Db, companyId: string): Promise<StoredLicense[]> {
  const rows = await selectLicenses(db).where('l.company_id', '=', companyId).orderBy('l.application_id').execute()
  return withSets(db, rows)
}

/** For an application, by the company's id, after `after`. */
export async function listLicensesFor(
  db: Db,
  { applicationId, after, limit }: { applicationId: string; after?: string | undefined; limit: number },
): Promise<StoredLicense[]> {
  let query = selectLicenses(db).where('l.application_id', '=', applicationId).orderBy('l.company_id').limit(limit)
  if (after !== undefined) query = query.where('l.company_id', '>', after)
  return withSets(db, await query.execute())
}

export type LicenseTerms = Interval & {
  graceDays: number
  seats: number | null
  isSuspended: boolean
  includesAll: boolean
  note: string
}

function asColumns(terms: LicenseTerms, now: number) {
  return {
    starts_at: terms.startsAt,
    ends_at: terms.endsAt,
    grace_days: terms.graceDays,
    seats: terms.seats,
    suspended: terms.isSuspended ? 1 : 0,
    includes_all: terms.includesAll ? 1 : 0,
    note: terms.note,
    updated_at: now,
  } as const
}

/** False when there is one already. */
export async function insertLicense(db: Db, key: LicenseKey, terms: LicenseTerms, now: number): Promise<boolean> {
  const inserted = await db
    .insertInto('licenses')
    .values({
      company_id: key.companyId,
      application_id: key.applicationId,
      ...asColumns(terms, now),
      seats_held: 0,
      created_at: now,
    })
    .onConflict((c) => c.columns(['company_id', 'application_id']).doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

export async function updateLicense(db: Db, key: LicenseKey, terms: LicenseTerms, now: number): Promise<void> {
  await db
    .updateTable('licenses')
    .set(asColumns(terms, now))
    .where('company_id', '=', key.companyId)
    .where('application_id', '=', key.applicationId)
    .execute()
}

/** The permissions that a license names; of one that includes all, none. */
export async function replaceIncluded(db: Db, key: LicenseKey, ids: readonly number[]): Promise<void> {
  await db
    .deleteFrom('license_permissions')
    .where('company_id', '=', key.companyId)
    .where('application_id', '=', key.applicationId)
    .execute()
  const rows = ids.map((id) => ({ company_id: key.companyId, application_id: key.applicationId, permission_id: id }))
  if (rows.length > 0) await db.insertInto('license_permissions').values(rows).execute()
}

export async function replaceLicenseRoles(db: Db, key: LicenseKey, ids: readonly number[]): Promise<void> {
  await db
    .deleteFrom('license_roles')
    .where('company_id', '=', key.companyId)
    .where('application_id', '=', key.applicationId)
    .execute()
  const rows = ids.map((id) => ({ company_id: key.companyId, application_id: key.applicationId, role_id: id }))
  if (rows.length > 0) await db.insertInto('license_roles').values(rows).execute()
}
