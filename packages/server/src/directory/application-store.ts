import type { Insertable, Selectable, Updateable } from 'kysely'
import type { Database, Db, Tx } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'
import type { Dialect } from '../domain/dialect.ts'
import type { Permission } from '../domain/manifest.ts'

export type StoredApplication = {
  id: string
  name: string
  isActive: boolean
  dialect: Dialect
  secretHash: string | null
  tokenDays: number | null
  tokenIdleDays: number | null
  /** Where it may call from; null: from anywhere. */
  sourceNetworks: readonly string[] | null
}

export async function findApplication(db: Db, id: string): Promise<StoredApplication | undefined> {
  const row = await db
    .selectFrom('applications')
    .select(['id', 'name', 'active', 'dialect', 'secret_hash', 'token_days', 'token_idle_days', 'source_networks'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row && readApplication(row)
}

type ApplicationRow = Pick<
  Selectable<Tables['applications']>,
  'id' | 'name' | 'active' | 'dialect' | 'secret_hash' | 'token_days' | 'token_idle_days' | 'source_networks'
>

export function readApplication(row: ApplicationRow): StoredApplication {
  return {
    id: row.id,
    name: row.name,
    isActive: row.active === 1,
    dialect: row.dialect,
    secretHash: row.secret_hash,
    tokenDays: row.token_days,
    tokenIdleDays: row.token_idle_days,
    sourceNetworks: row.source_networks?.split(' ') ?? null,
  }
}

export async function setApplicationActive(db: Db, id: string, isActive: boolean, now: number): Promise<void> {
  await db
    .updateTable('applications')
    .set({ active: isActive ? 1 : 0, updated_at: now })
    .where('id', '=', id)
    .execute()
}

export async function setApplicationSecret(
  db: Db,
  id: string,
  secretHash: string | null,
  now: number,
): Promise<boolean> {
  const changed = await db
    .updateTable('applications')
    .set({ secret_hash: secretHash, updated_at: now })
    .where('id', '=', id)
    .executeTakeFirst()
  return changed.numUpdatedRows === 1n
}

export type ListedApplication = {
  id: string
  name: string
  isActive: boolean
  hasSecret: boolean
  permissions: number
  companies: number
}

/** By id, with how many permissions each has and how many companies have a license for it. */
export async function listApplications(db: Db): Promise<ListedApplication[]> {
  const rows = await db
    .selectFrom('applications as a')
    .select(['a.id', 'a.name', 'a.active', 'a.secret_hash'])
    .select((e) => [
      e
        .selectFrom('permissions as p')
        .select((p) => p.fn.countAll<number>().as('count'))
        .whereRef('p.application_id', '=', 'a.id')
        .where('p.removed_at', 'is', null)
        .as('permissions'),
      e
        .selectFrom('licenses as l')
        .select((l) => l.fn.countAll<number>().as('count'))
        .whereRef('l.application_id', '=', 'a.id')
        .as('companies'),
    ])
    .orderBy('a.id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    isActive: row.active === 1,
    hasSecret: row.secret_hash !== null,
    permissions: row.permissions ?? 0,
    companies: row.companies ?? 0,
  }))
}

export type StoredPermission = {
  id: number
  applicationId: string
  slug: string
  needs: number | null
  isOperatorOnly: boolean
  isDeprecated: boolean
}

/** Of one application, or of all. */
export async function listPermissions(db: Db, applicationId?: string): Promise<StoredPermission[]> {
  let query = db
    .selectFrom('permissions')
    .select(['id', 'application_id', 'slug', 'needs', 'operator_only', 'deprecated_at'])
    .where('removed_at', 'is', null)
  if (applicationId !== undefined) query = query.where('application_id', '=', applicationId)
  const rows = await query.orderBy('id').execute()
  return rows.map((row) => ({
    id: row.id,
    applicationId: row.application_id,
    slug: row.slug,
    needs: row.needs,
    isOperatorOnly: row.operator_only === 1,
    isDeprecated: row.deprecated_at !== null,
  }))
}

/** An application as the house manages one. */
export type ManagedApplication = {
  id: string
  name: string
  isActive: boolean
  dialect: Dialect
  exposesPin: boolean
  hasSecret: boolean
  tokenDays: number | null
  tokenIdleDays: number | null
  sourceNetworks: readonly string[] | null
  djangoUrl: string | null
  impersonationUrl: string | null
  /** A Django site that finds the user of an event by the token that it stored last. */
  isDjangoBefore62: boolean
  createdAt: number
  updatedAt: number
}

function selectManaged(db: Db) {
  return db
    .selectFrom('applications')
    .select([
      'id',
      'name',
      'active',
      'dialect',
      'exposes_pin',
      'secret_hash',
      'token_days',
      'token_idle_days',
      'source_networks',
      'django_url',
      'impersonation_url',
      'django_by_token',
      'created_at',
      'updated_at',
    ])
}

function asManaged(row: Awaited<ReturnType<ReturnType<typeof selectManaged>['execute']>>[number]): ManagedApplication {
  return {
    id: row.id,
    name: row.name,
    isActive: row.active === 1,
    dialect: row.dialect,
    exposesPin: row.exposes_pin === 1,
    hasSecret: row.secret_hash !== null,
    tokenDays: row.token_days,
    tokenIdleDays: row.token_idle_days,
    sourceNetworks: row.source_networks?.split(' ') ?? null,
    djangoUrl: row.django_url,
    impersonationUrl: row.impersonation_url,
    isDjangoBefore62: row.django_by_token === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export async function findManagedApplication(db: Db, id: string): Promise<ManagedApplication | undefined> {
  const row = await selectManaged(db).where('id', '=', id).executeTakeFirst()
  return row && asManaged(row)
}

/** Nobody else changes it until the transaction ends. */
export async function lockApplication(
  tx: Tx,
  kind: Database['kind'],
  id: string,
): Promise<ManagedApplication | undefined> {
  const query = selectManaged(tx).where('id', '=', id)
  const row = await (kind === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
  return row && asManaged(row)
}

/** By id, those after `after`. */
export async function listManagedApplications(
  db: Db,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<ManagedApplication[]> {
  let query = selectManaged(db).orderBy('id').limit(limit)
  if (after !== undefined) query = query.where('id', '>', after)
  return (await query.execute()).map(asManaged)
}

/** False when the id is taken. */
export async function insertApplication(db: Db, row: Insertable<Tables['applications']>): Promise<boolean> {
  const inserted = await db
    .insertInto('applications')
    .values(row)
    .onConflict((c) => c.column('id').doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

export async function updateApplication(
  db: Db,
  id: string,
  changes: Updateable<Tables['applications']>,
): Promise<void> {
  await db.updateTable('applications').set(changes).where('id', '=', id).execute()
}

export async function insertPermission(
  db: Db,
  permission: { applicationId: string; slug: string; name: string },
): Promise<void> {
  await db
    .insertInto('permissions')
    .values({
      application_id: permission.applicationId,
      slug: permission.slug,
      name: permission.name,
      description: '',
      needs: null,
      operator_only: 0,
      deprecated_at: null,
      removed_at: null,
    })
    .execute()
}

/** As a manifest has them. */
export type ManifestPermission = Permission & { id: number }

export async function listManifestPermissions(db: Db, applicationId: string): Promise<ManifestPermission[]> {
  const rows = await db
    .selectFrom('permissions as p')
    .leftJoin('permissions as n', 'n.id', 'p.needs')
    .select(['p.id', 'p.slug', 'p.name', 'p.description', 'n.slug as needs', 'p.operator_only', 'p.deprecated_at'])
    .where('p.application_id', '=', applicationId)
    .where('p.removed_at', 'is', null)
    .orderBy('p.id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    slug: row.slug,
    name: row.name,
    description: row.description,
    needs: row.needs,
    isOperatorOnly: row.operator_only === 1,
    isDeprecated: row.deprecated_at !== null,
  }))
}
