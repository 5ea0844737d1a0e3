import type { LicenseEntry } from './house-schema.ts'
import { namedIds, permissionIds } from './seed-applications.ts'
import { differences, type Seeding, toSwitch } from './seeding.ts'

export async function seedLicenses(seeding: Seeding, entries: readonly LicenseEntry[]): Promise<void> {
  for (const [index, entry] of entries.entries()) await seedLicense(seeding, `/licenses/${index}`, entry)
}

async function seedLicense(seeding: Seeding, path: string, entry: LicenseEntry): Promise<void> {
  const { tx, now } = seeding
  const company = await seeding.company(`${path}/company`, entry.company)
  const application = await tx
    .selectFrom('applications')
    .select('id')
    .where('id', '=', entry.application)
    .executeTakeFirst()
  if (!application) seeding.fault(`${path}/application`, `no application "${entry.application}"`)
  if (!company || !application) return
  const pair = { company_id: company.id, application_id: application.id }
  if (!seeding.isFirst(path, 'license', `${pair.company_id} ${pair.application_id}`)) return

  const stored = await tx
    .selectFrom('licenses')
    .selectAll()
    .where('company_id', '=', pair.company_id)
    .where('application_id', '=', pair.application_id)
    .executeTakeFirst()
  const dates = seeding.interval(
    path,
    { starts_at: entry.from, ends_at: entry.until },
    ['from', 'until'],
    stored && { startsAt: stored.starts_at, endsAt: stored.ends_at },
  )
  if (!dates) return
  const given = {
    starts_at: dates.startsAt,
    ends_at: dates.endsAt,
    grace_days: entry.grace_days,
    seats: entry.seats,
    suspended: toSwitch(entry.suspended),
    includes_all: entry.permissions === undefined ? undefined : toSwitch(entry.permissions === 'all'),
    note: entry.note,
  }
  let changed = false
  if (stored) {
    const difference = differences(stored, given)
    changed = difference !== undefined
    if (difference) {
      await tx
        .updateTable('licenses')
        .set({ ...difference, updated_at: now })
        .where('company_id', '=', pair.company_id)
        .where('application_id', '=', pair.application_id)
        .execute()
    }
  } else {
    const row = {
      ...pair,
      starts_at: dates.startsAt,
      ends_at: dates.endsAt,
      grace_days: given.grace_days ?? 0,
      seats: given.seats ?? null,
      seats_held: 0,
      suspended: given.suspended ?? 0,
      includes_all: given.includes_all ?? 1,
      note: given.note ?? '',
      created_at: now,
      updated_at: now,
    } as const
    await tx.insertInto('licenses').values(row).execute()
    seeding.counts.licenses.added++
  }
  if (Array.isArray(entry.permissions)) {
    const wanted = namedIds(
      seeding,
      `${path}/permissions`,
      entry.permissions,
      await permissionIds(seeding, pair.application_id),
    )
    changed = (await setIncluded(seeding, pair, wanted)) || changed
  }
  if (entry.roles) changed = (await setLicenseRoles(seeding, path, pair, entry.roles)) || changed
  if (stored && changed) seeding.counts.licenses.changed++
}

type Pair = { company_id: string; application_id: string }

async function setIncluded({ tx }: Seeding, pair: Pair, wanted: readonly number[]): Promise<boolean> {
  const stored = await tx
    .selectFrom('license_permissions')
    .select('permission_id')
    .where('company_id', '=', pair.company_id)
    .where('application_id', '=', pair.application_id)
    .execute()
  if (
    isSameSet(
      stored.map((row) => row.permission_id),
      wanted,
    )
  )
    return false
  await tx
    .deleteFrom('license_permissions')
    .where('company_id', '=', pair.company_id)
    .where('application_id', '=', pair.application_id)
    .execute()
  for (const id of wanted)
    await tx
      .insertInto('license_permissions')
      .values({ ...pair, permission_id: id })
      .execute()
  return true
}

async function setLicenseRoles(seeding: Seeding, path: string, pair: Pair, keys: readonly string[]): Promise<boolean> {
  const { tx } = seeding
  const wanted = new Set<number>()
  for (const [index, key] of keys.entries()) {
    const role = await findApplicationRole(seeding, pair, key)
    if (role === undefined) seeding.fault(`${path}/roles/${index}`, `no role "${key}" of the application itself`)
    else wanted.add(role)
  }
  const stored = await tx
    .selectFrom('license_roles')
    .select('role_id')
    .where('company_id', '=', pair.company_id)
    .where('application_id', '=', pair.application_id)
    .execute()
  if (
    isSameSet(
      stored.map((row) => row.role_id),
      [...wanted],
    )
  )
    return false
  await tx
    .deleteFrom('license_roles')
    .where('company_id', '=', pair.company_id)
    .where('application_id', '=', pair.application_id)
    .execute()
  for (const id of wanted)
    await tx
      .insertInto('license_roles')
      .values({ ...pair, role_id: id })
      .execute()
  return true
}

/** What a license gives to every seat is the application's: a company's own role of that key does not change it. */
async function findApplicationRole({ tx }: Seeding, pair: Pair, key: string): Promise<number | undefined> {
  const row = await tx
    .selectFrom('roles')
    .select('id')
    .where('application_id', '=', pair.application_id)
    .where('key', '=', key)
    .where('deleted_at', 'is', null)
    .where('company_id', 'is', null)
    .executeTakeFirst()
  return row?.id
}

/** The company's own role of this key, else the application's. */
export async function findRole({ tx }: Seeding, pair: Pair, key: string): Promise<number | undefined> {
  const rows = await tx
    .selectFrom('roles')
    .select(['id', 'company_id'])
    .where('application_id', '=', pair.application_id)
    .where('key', '=', key)
    .where('deleted_at', 'is', null)
    .where((e) => e.or([e('company_id', 'is', null), e('company_id', '=', pair.company_id)]))
    .execute()
  return (rows.find((row) => row.company_id !== null) ?? rows[0])?.id
}

function isSameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each))
}
