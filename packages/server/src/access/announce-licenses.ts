import type { Db } from '../db/database.ts'
import { END_OF_TIME, START_OF_TIME } from '../domain/interval.ts'
import { licenseState } from '../domain/license-state.ts'
import type { Told } from '../outbox/told-store.ts'
import { type Announcement, keyOfTold, nextVersion } from './announce-people.ts'

/** A license with its company, as applications are told of it. */
export type LicenseToTell = {
  applicationId: string
  companyId: string
  companyName: string
  isActive: boolean
  startsAt: number
  endsAt: number
  graceDays: number
  seats: number | null
  seatsHeld: number
  isSuspended: boolean
}

/** An application's licenses, by company, after one. */
export async function listLicensesToTell(
  db: Db,
  applicationId: string,
  of: { companyId: string } | { after: string; limit: number },
): Promise<LicenseToTell[]> {
  const query = db
    .selectFrom('licenses as l')
    .innerJoin('companies as c', 'c.id', 'l.company_id')
    .select(['l.company_id', 'c.name', 'c.active', 'l.starts_at', 'l.ends_at', 'l.grace_days'])
    .select(['l.seats', 'l.seats_held', 'l.suspended'])
    .where('l.application_id', '=', applicationId)
  const rows = await ('companyId' in of
    ? query.where('l.company_id', '=', of.companyId)
    : query.where('l.company_id', '>', of.after).orderBy('l.company_id').limit(of.limit)
  ).execute()
  return rows.map((row) => ({
    applicationId,
    companyId: row.company_id,
    companyName: row.name,
    isActive: row.active === 1,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    graceDays: row.grace_days,
    seats: row.seats,
    seatsHeld: row.seats_held,
    isSuspended: row.suspended === 1,
  }))
}

type ToldBefore = { companies: ReadonlyMap<string, Told>; licenses: ReadonlyMap<string, Told> }

/** Tells of companies and their licenses what is another than what was told; of a company that is new there, both. */
export function announceLicenses(
  all: readonly LicenseToTell[],
  { companies, licenses }: ToldBefore,
  now: number,
  into: Announcement,
): void {
  for (const license of all) {
    const key = keyOfTold({ applicationId: license.applicationId, subjectId: license.companyId })
    tell('company', license, companies.get(key), now, into)
    tell('license', license, licenses.get(key), now, into)
  }
}

function tell(
  subject: 'company' | 'license',
  license: LicenseToTell,
  before: Told | undefined,
  now: number,
  into: Announcement,
): void {
  const { applicationId, companyId } = license
  const about = subject === 'company' ? companyOf(license) : termsOf(license, now)
  const data = JSON.stringify(about)
  if (before?.data === data) return
  const version = nextVersion(before, now)
  into.told.push({ subject, subjectId: companyId, applicationId, version, data })
  const { id, name } = companyOf(license)
  into.events.push({
    applicationId,
    type: `${subject}.updated`,
    companyId,
    version,
    data:
      subject === 'company'
        ? { company: about, version }
        : { company: { id, name }, application: applicationId, license: about, version },
  })
}

function companyOf({ companyId: id, companyName: name, isActive: active }: LicenseToTell) {
  return { id, name, active }
}

function termsOf(license: LicenseToTell, now: number) {
  return {
    state: licenseState(license, now),
    suspended: license.isSuspended,
    from: license.startsAt === START_OF_TIME ? null : new Date(license.startsAt).toISOString(),
    until: license.endsAt >= END_OF_TIME ? null : new Date(license.endsAt).toISOString(),
    grace_days: license.graceDays,
    seats: license.seats,
  }
}
