import type { Db } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'
import type { GrantSource } from '../domain/facts.ts'
import { END_OF_TIME, START_OF_TIME } from '../domain/interval.ts'
import { UUID } from '../domain/limits.ts'

// What `explain` reads beside what an answer reads: names, dates and givers, and what is missing as much as what is there.

export type NamedCompany = { id: string; name: string; active: boolean }

/** By id or by name; names need not be unique. */
export async function listCompaniesCalled(db: Db, nameOrId: string): Promise<NamedCompany[]> {
  const rows = await db
    .selectFrom('companies')
    .select(['id', 'name', 'active'])
    .where((e) =>
      e.or([e('name', '=', nameOrId), e('id', '=', UUID.test(nameOrId) ? nameOrId.toLowerCase() : nameOrId)]),
    )
    .orderBy('id')
    .execute()
  return rows.map((row) => ({ ...row, active: row.active === 1 }))
}

export async function countCompanies(db: Db): Promise<number> {
  const row = await db
    .selectFrom('companies')
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

/** The companies that a user is a member of, by name. */
export async function listCompaniesOf(db: Db, userId: string): Promise<NamedCompany[]> {
  const rows = await db
    .selectFrom('memberships as m')
    .innerJoin('companies as c', 'c.id', 'm.company_id')
    .select(['c.id', 'c.name', 'c.active'])
    .where('m.user_id', '=', userId)
    .where('m.left_at', 'is', null)
    .orderBy('c.name')
    .orderBy('c.id')
    .execute()
  return rows.map((row) => ({ ...row, active: row.active === 1 }))
}

export async function listLicensedApplications(db: Db, companyId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('licenses')
    .select('application_id')
    .where('company_id', '=', companyId)
    .orderBy('application_id')
    .execute()
  return rows.map((row) => row.application_id)
}

export async function listMembershipsOf(db: Db, companyId: string, userIds: readonly string[]) {
  return db
    .selectFrom('memberships')
    .select(['user_id', 'active', 'role', 'joined_at'])
    .where('company_id', '=', companyId)
    .where('user_id', 'in', userIds)
    .where('left_at', 'is', null)
    .execute()
}

export async function listSeatsOf(db: Db, { companyId, applicationId }: Place, userIds: readonly string[]) {
  return db
    .selectFrom('seats')
    .select(['user_id', 'starts_at', 'ends_at'])
    .where('company_id', '=', companyId)
    .where('application_id', '=', applicationId)
    .where('user_id', 'in', userIds)
    .execute()
}

/** One company, one application, which are there; all else may be missing. */
export type Place = { companyId: string; applicationId: string }

export async function findLicense(db: Db, { companyId, applicationId }: Place) {
  return db
    .selectFrom('licenses')
    .select(['starts_at', 'ends_at', 'grace_days', 'suspended', 'includes_all', 'seats', 'seats_held'])
    .where('company_id', '=', companyId)
    .where('application_id', '=', applicationId)
    .executeTakeFirst()
}

export async function listNamedPermissions(db: Db, { companyId, applicationId }: Place): Promise<number[]> {
  const rows = await db
    .selectFrom('license_permissions')
    .select('permission_id')
    .where('company_id', '=', companyId)
    .where('application_id', '=', applicationId)
    .execute()
  return rows.map((row) => row.permission_id)
}

/** A role as it is named to people. */
export type NamedRole = { key: string; name: string }

export type StoredGrant = {
  permission: number
  through: GrantSource
  role: NamedRole | null
  startsAt: number
  endsAt: number
  /** Who gave it, in words; empty for what a license gives to every seat. */
  givenBy: string
  givenAt: number
  reason: string
  /** When it was taken away; null while it stands. */
  revokedAt: number | null
}

/** Who is told: a company is told the names of its own people and keys only. */
export type Sees = 'house' | 'company'

/** By user: each permission that a grant gives, once per grant, those taken away too. */
export async function listGrantsOf(
  db: Db,
  place: Place,
  userIds: readonly string[],
  sees: Sees,
): Promise<Map<string, StoredGrant[]>> {
  const rows = await db
    .selectFrom('grants as g')
    .leftJoin('roles as r', 'r.id', 'g.role_id')
    .select(['g.user_id', 'g.permission_id', 'g.role_id', 'r.key', 'r.name', 'g.starts_at', 'g.ends_at'])
    .select(['g.granted_by', 'g.granted_at', 'g.reason', 'g.revoked_at'])
    .where('g.user_id', 'in', userIds)
    .where('g.application_id', '=', place.applicationId)
    .where('g.company_id', '=', place.companyId)
    .orderBy('g.granted_at')
    .orderBy('g.id')
    .execute()
  const givers = await nameGivers(
    db,
    rows.map((row) => row.granted_by),
    sees === 'company' ? place.companyId : undefined,
  )
  const ofRoles = await listPermissionsOfRoles(
    db,
    rows.flatMap((row) => row.role_id ?? []),
  )
  const grants = new Map<string, StoredGrant[]>(userIds.map((id) => [id, []]))
  for (const row of rows) {
    // A role that is empty gives nothing.
    const permissions = row.role_id === null ? [row.permission_id ?? 0] : (ofRoles.get(row.role_id) ?? [])
    const common = {
      through: row.role_id === null ? { kind: 'direct' } : { kind: 'role', role: row.role_id },
      role: row.key === null || row.name === null ? null : { key: row.key, name: row.name },
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      givenBy: givers.get(row.granted_by) ?? row.granted_by,
      givenAt: row.granted_at,
      reason: row.reason,
      revokedAt: row.revoked_at === STANDS ? null : row.revoked_at,
    } satisfies Omit<StoredGrant, 'permission'>
    for (const permission of permissions) grants.get(row.user_id)?.push({ permission, ...common })
  }
  return grants
}

async function listPermissionsOfRoles(db: Db, roleIds: readonly number[]): Promise<Map<number, number[]>> {
  const permissions = new Map<number, number[]>(roleIds.map((id) => [id, []]))
  if (permissions.size === 0) return permissions
  const rows = await db
    .selectFrom('role_permissions')
    .select(['role_id', 'permission_id'])
    .where('role_id', 'in', [...permissions.keys()])
    .execute()
  for (const row of rows) permissions.get(row.role_id)?.push(row.permission_id)
  return permissions
}

const SOMEBODY_ELSE = 'an operator of the house'

/** Who `key:<id>` and `user:<id>` are, in words; what is in words already is left as it is. Of a company: those who are not its own by no name. */
async function nameGivers(
  db: Db,
  references: readonly string[],
  companyId: string | undefined,
): Promise<Map<string, string>> {
  const idsOf = (kind: string) =>
    [...new Set(references)].filter((each) => each.startsWith(`${kind}:`)).map((each) => each.slice(kind.length + 1))
  const names = new Map<string, string>()
  const [keys, users] = [idsOf('key'), idsOf('user')]
  if (keys.length > 0) {
    const rows = await db.selectFrom('api_keys').select(['id', 'name', 'company_id']).where('id', 'in', keys).execute()
    for (const { id, name, company_id: of } of rows)
      names.set(`key:${id}`, companyId === undefined || of === companyId ? `the API key "${name}"` : SOMEBODY_ELSE)
  }
  if (users.length > 0) {
    const own = companyId === undefined ? undefined : new Set(await listOwn(db, companyId, users))
    const rows = await db
      .selectFrom('users')
      .select(['id', 'email'])
      .where('id', 'in', users)
      .where('deleted_at', 'is', null)
      .execute()
    for (const { id, email } of rows) names.set(`user:${id}`, !own || own.has(id) ? email : SOMEBODY_ELSE)
  }
  return names
}

/** Who is or was a member. */
async function listOwn(db: Db, companyId: string, userIds: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('memberships')
    .select('user_id')
    .where('company_id', '=', companyId)
    .where('user_id', 'in', userIds)
    .execute()
  return rows.map((row) => row.user_id)
}

/** What the license gives to every seat, in the form of grants that always hold. */
export async function listLicenseRoleGrants(db: Db, { companyId, applicationId }: Place): Promise<StoredGrant[]> {
  const rows = await db
    .selectFrom('license_roles as k')
    .innerJoin('roles as r', 'r.id', 'k.role_id')
    .innerJoin('role_permissions as p', 'p.role_id', 'k.role_id')
    .select(['p.permission_id', 'k.role_id', 'r.key', 'r.name'])
    .where('k.company_id', '=', companyId)
    .where('k.application_id', '=', applicationId)
    .orderBy('r.name')
    .execute()
  return rows.map((row) => ({
    permission: row.permission_id,
    through: { kind: 'license_role', role: row.role_id },
    role: { key: row.key, name: row.name },
    startsAt: START_OF_TIME,
    endsAt: END_OF_TIME,
    givenBy: '',
    givenAt: 0,
    reason: '',
    revokedAt: null,
  }))
}

/** Every role that could be given there, with what it holds: the application's own and the company's. */
export async function listRolesOffered(
  db: Db,
  { companyId, applicationId }: Place,
): Promise<(NamedRole & { permission: number })[]> {
  return db
    .selectFrom('roles as r')
    .innerJoin('role_permissions as p', 'p.role_id', 'r.id')
    .select(['r.key', 'r.name', 'p.permission_id as permission'])
    .where('r.application_id', '=', applicationId)
    .where('r.deleted_at', 'is', null)
    .where((e) => e.or([e('r.company_id', 'is', null), e('r.company_id', '=', companyId)]))
    .orderBy('r.name')
    .execute()
}
