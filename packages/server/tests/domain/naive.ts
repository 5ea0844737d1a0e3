// The rule a second time, from the words of the design alone: sets of slugs grown until they stop growing, calendar days
// compared as they are written. It shares no code with src/domain, is slow, and is meant to be obviously right.

/** A day (`2026-12-31`, in the house's time zone), a moment with an offset, or null: open. */
export type NaiveDate = string | null

export type NaiveHouse = {
  zone: string
  applications: NaiveApplication[]
  companies: { id: string; name: string; active: boolean }[]
  users: { email: string; active: boolean }[]
  memberships: { email: string; companyId: string; active: boolean }[]
  licenses: NaiveLicense[]
  seats: NaiveSeat[]
  grants: NaiveGrant[]
}

export type NaiveApplication = {
  id: string
  active: boolean
  /** `use_app` may be missing: it is always there. */
  permissions: { slug: string; needs: string | null }[]
  /** Of the application itself, or of one company. */
  roles: { key: string; companyId: string | null; permissions: string[] }[]
}

export type NaiveLicense = {
  companyId: string
  applicationId: string
  from: NaiveDate
  until: NaiveDate
  graceDays: number
  suspended: boolean
  includes: 'all' | string[]
  /** Keys of the application's own roles, which every seat gets. */
  roles: string[]
}

export type NaiveSeat = { email: string; companyId: string; applicationId: string; start: NaiveDate; end: NaiveDate }

export type NaiveGrant = NaiveSeat & { item: { permission: string } | { role: string }; revoked: boolean }

export type NaiveAnswer = { companyName: string; companyId: string; permissions: string[] }[]

/** What an application is told about one user: by company name, then id; companies without `use_app` are left out. */
export function naiveAnswer(house: NaiveHouse, userEmail: string, applicationId: string, now: number): NaiveAnswer {
  return house.companies
    .map(({ id, name }) => ({
      companyName: name,
      companyId: id,
      permissions: [...naivePermissions(house, userEmail, id, applicationId, now)].sort(codePoints),
    }))
    .filter((company) => company.permissions.includes('use_app'))
    .sort((a, b) => codePoints(a.companyName, b.companyName) || codePoints(a.companyId, b.companyId))
}

function naivePermissions(
  house: NaiveHouse,
  email: string,
  companyId: string,
  applicationId: string,
  now: number,
): Set<string> {
  const nothing = new Set<string>()
  const here = (row: { companyId: string; applicationId: string }) =>
    row.companyId === companyId && row.applicationId === applicationId
  const onNow = (row: { start: NaiveDate; end: NaiveDate }) =>
    hasBegun(row.start, house.zone, now) && !isOver(row.end, 0, house.zone, now)

  // 1. Application, user, company and membership are active.
  const application = house.applications.find((one) => one.id === applicationId && one.active)
  const user = house.users.find((one) => one.email === email && one.active)
  const company = house.companies.find((one) => one.id === companyId && one.active)
  const membership = house.memberships.find((one) => one.email === email && one.companyId === companyId && one.active)
  if (!application || !user || !company || !membership) return nothing

  // 2. The license is in force or in its grace days, and not suspended.
  const license = house.licenses.find(here)
  if (!license || license.suspended) return nothing
  if (!hasBegun(license.from, house.zone, now) || isOver(license.until, license.graceDays, house.zone, now))
    return nothing

  // 3. The member holds a seat in force.
  if (!house.seats.some((seat) => here(seat) && seat.email === email && onNow(seat))) return nothing

  // 4. What is granted, with all that it needs.
  const given = new Set(['use_app'])
  for (const key of license.roles) {
    for (const slug of rolePermissions(application, key, null)) given.add(slug)
  }
  for (const grant of house.grants) {
    if (!here(grant) || grant.email !== email || grant.revoked || !onNow(grant)) continue
    const slugs =
      'role' in grant.item ? rolePermissions(application, grant.item.role, companyId) : [grant.item.permission]
    for (const slug of slugs) given.add(slug)
  }

  // 5. Of these, what the license includes, with all that it needs.
  const sold = new Set(
    license.includes === 'all'
      ? application.permissions.map(({ slug }) => slug).filter((slug) => slug !== 'is_superuser')
      : license.includes,
  ).add('use_app')
  const included = withNeeds(application, sold)
  return new Set([...withNeeds(application, given)].filter((slug) => included.has(slug)))
}

/** A company's own role goes before the application's role of the same key. */
function rolePermissions(application: NaiveApplication, key: string, companyId: string | null): string[] {
  const own = application.roles.filter((role) => role.key === key && companyId !== null && role.companyId === companyId)
  const general = application.roles.filter((role) => role.key === key && role.companyId === null)
  return [...own, ...general][0]?.permissions ?? []
}

function withNeeds(application: NaiveApplication, slugs: Set<string>): Set<string> {
  const needed = application.permissions.flatMap(({ slug, needs }) => (slugs.has(slug) && needs ? [needs] : []))
  const grown = new Set([...slugs, ...needed])
  return grown.size === slugs.size ? slugs : withNeeds(application, grown)
}

function hasBegun(date: NaiveDate, zone: string, now: number): boolean {
  if (date === null) return true
  return isDay(date) ? date <= today(zone, now) : Date.parse(date) <= now
}

/** A day is the last one included; a moment is the first one that is not. */
function isOver(date: NaiveDate, graceDays: number, zone: string, now: number): boolean {
  if (date === null) return false
  return isDay(date) ? daysAfter(date, graceDays) < today(zone, now) : daysInMs(graceDays) + Date.parse(date) <= now
}

function isDay(date: string): boolean {
  return date.length === '2026-12-31'.length
}

const calendars = new Map<string, Intl.DateTimeFormat>()

/** The day on the house's wall calendar, written so that days compare as texts. */
function today(zone: string, now: number): string {
  // Swedes write dates as ISO 8601 does.
  const calendar = calendars.get(zone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone: zone })
  calendars.set(zone, calendar)
  return calendar.format(now)
}

function daysAfter(day: string, days: number): string {
  return days === 0 ? day : new Date(Date.parse(day) + daysInMs(days)).toISOString().slice(0, 10)
}

function daysInMs(days: number): number {
  return days * 24 * 60 * 60 * 1000
}

function codePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const at = left.findIndex((character, index) => character !== right[index])
  if (at < 0) return left.length - right.length
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1)
}
