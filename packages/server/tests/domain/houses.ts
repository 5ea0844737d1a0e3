// Generated houses, in the form of a house file: for the naive rule, for src/domain, and for a real server.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { readMoment } from '../../src/domain/day.ts'
import type { Facts, GrantFacts, GrantSource } from '../../src/domain/facts.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../../src/domain/interval.ts'
import { buildTree, ROOT, SUPERUSER, type Tree } from '../../src/domain/tree.ts'
import type { NaiveGrant, NaiveHouse, NaiveSeat } from './naive.ts'

export type HouseFile = {
  companies: FileCompany[]
  applications: FileApplication[]
  licenses: FileLicense[]
  users: FileUser[]
}
export type FileCompany = { id: string; name: string; active?: boolean }
export type FileApplication = {
  id: string
  name: string
  dialect: 'v1'
  active?: boolean
  permissions: FilePermission[]
  roles: FileRole[]
}
export type FilePermission = { slug: string; name: string; needs?: string; operator_only?: boolean }
export type FileRole = { key: string; name: string; company?: string; permissions: string[] }
export type FileLicense = {
  company: string
  application: string
  from: string
  until?: string | null
  grace_days?: number
  seats?: number | null
  suspended?: boolean
  permissions: 'all' | string[]
  roles?: string[]
}
export type FileUser = {
  id: string
  email: string
  first_name: string
  last_name: string
  password?: string
  password_hash?: string
  active?: boolean
  companies: FileMembership[]
}
export type FileMembership = {
  company: string
  role?: 'member' | 'admin'
  primary?: boolean
  active?: boolean
  grants: FileGrants[]
}
export type FileGrants = {
  application: string
  permissions: string[]
  roles?: string[]
  starts_at?: string | null
  ends_at?: string | null
  seat?: { starts_at?: string | null; ends_at?: string | null }
}

/** A house file, the time zone that its days are meant in, and the moment around which its dates lie. */
export type House = { file: HouseFile; zone: string; now: number }

export type HouseOptions = {
  /** Goes into ids, emails and names, so that houses of different tags fit into one server. `[a-z0-9]+`. */
  tag?: string
  /** The only time zone; without it several, each far from its changes of the clock. */
  zone?: string
  /** The only moment; without it moments at and next to the start of 15 June 2026. */
  now?: number
  /** For every user, so that one can sign in. A hash made once spares the hashing. */
  credentials?: { password: string } | { password_hash: string }
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MIDNIGHTS: Readonly<Record<string, string>> = {
  UTC: '2026-06-15T00:00:00Z',
  'Europe/Brussels': '2026-06-15T00:00:00+02:00',
  'Asia/Kathmandu': '2026-06-15T00:00:00+05:45',
}
const ZONES = ['UTC', 'UTC', 'Europe/Brussels', 'Asia/Kathmandu']
const NOW_OFFSETS = [0, 0, -1, 1, 12 * HOUR + 34_567, DAY - 1]

// Beginnings of slugs that sort differently by code point, by locale and by length, and look like the two special ones.
const SLUGS = ['use_app.', 'list_', 'Create_', 'a:', '_', '0', 'is_superuser-', 'z', 'Z', 'use_']
const COMPANY_NAMES = ['ACME', 'acme', 'Zebra', 'Éclair', '10 Downing', '9 Elms', '＊Star', '🏠 House', 'Acme & Sons']

// What is drawn. Indexes are taken modulo what there is, so that every draw is a house and shrinks without gaps.
type Draw = {
  zone: number
  nowOffset: number
  companies: { name: number; active: number; byId: boolean }[]
  applications: DrawnApplication[]
  licenses: DrawnLicense[]
  users: { active: number; memberships: DrawnMembership[] }[]
}
type DrawnApplication = {
  active: number
  writesRoot: boolean
  hasSuperuser: boolean
  reversed: boolean
  permissions: { name: number; needs: number; operatorOnly: number }[]
  roles: { key: number; company: number; permissions: number[] }[]
}
type DrawnDate = { kind: number; at: number }
type DrawnLicense = {
  missing: number
  from: DrawnDate
  until: DrawnDate
  grace: number
  suspended: number
  includes: number[] | null
  roles: number[]
}
type DrawnMembership = {
  missing: number
  active: number
  admin: boolean
  applications: { seatOnLast: boolean; seat: DrawnDate[]; entries: DrawnEntry[] }[]
}
type DrawnEntry = { permissions: number[]; roles: number[]; start: DrawnDate; end: DrawnDate }

/** 0 of 0 to 24 is "so it is not": most things are as they should be, so that the later steps of the rule are reached. */
const seldom = fc.nat(24)
const index = fc.nat(99)
const date: fc.Arbitrary<DrawnDate> = fc.record({ kind: fc.nat(3), at: fc.nat(19) })
const indexes = (most: number) => fc.array(index, { maxLength: most })

const draw: fc.Arbitrary<Draw> = fc.record({
  zone: fc.nat(ZONES.length - 1),
  nowOffset: fc.nat(NOW_OFFSETS.length - 1),
  companies: fc.array(fc.record({ name: index, active: seldom, byId: fc.boolean() }), { minLength: 1, maxLength: 3 }),
  applications: fc.array(
    fc.record({
      active: seldom,
      writesRoot: fc.boolean(),
      hasSuperuser: fc.boolean(),
      reversed: fc.boolean(),
      permissions: fc.array(fc.record({ name: index, needs: index, operatorOnly: seldom }), { maxLength: 7 }),
      roles: fc.array(fc.record({ key: fc.nat(1), company: fc.nat(5), permissions: indexes(3) }), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  licenses: fc.array(
    fc.record({
      missing: seldom,
      from: date,
      until: date,
      grace: fc.nat(5),
      suspended: seldom,
      includes: fc.option(indexes(5)),
      roles: indexes(2),
    }),
    { minLength: 6, maxLength: 6 },
  ),
  users: fc.array(
    fc.record({
      active: seldom,
      memberships: fc.array(
        fc.record({
          missing: seldom,
          active: seldom,
          admin: fc.boolean(),
          applications: fc.array(
            fc.record({
              seatOnLast: fc.boolean(),
              seat: fc.array(date, { minLength: 2, maxLength: 2 }),
              entries: fc.array(fc.record({ permissions: indexes(3), roles: indexes(1), start: date, end: date }), {
                maxLength: 2,
              }),
            }),
            { minLength: 2, maxLength: 2 },
          ),
        }),
        { minLength: 3, maxLength: 3 },
      ),
    }),
    { minLength: 1, maxLength: 2 },
  ),
})

/** Houses that any server takes: valid in every line, and full of what is about to start, has just ended, or is off. */
export function arbitraryHouse(options: HouseOptions = {}): fc.Arbitrary<House> {
  return draw.map((drawn) => houseOf(drawn, options))
}

function houseOf(drawn: Draw, options: HouseOptions): House {
  const tag = options.tag ?? 'h'
  const zone = options.zone ?? ZONES[drawn.zone] ?? 'UTC'
  const midnight = Date.parse(MIDNIGHTS[zone] ?? '2026-06-15T00:00:00Z')
  const now = options.now ?? midnight + (NOW_OFFSETS[drawn.nowOffset] ?? 0)
  const dates = datesAround(now, zone)
  const suffix = options.tag === undefined ? '' : ` ${tag}`

  const companies = drawn.companies.map(({ name, active }, at) => ({
    id: uuid(`${tag} company ${at}`),
    // The names differ by their number where two drew the same; the order of the names is not that of the numbers.
    name: `${COMPANY_NAMES[name % COMPANY_NAMES.length]}${isFirst(drawn.companies, at) ? '' : ` ${at}`}${suffix}`,
    ...(active === 0 ? { active: false } : {}),
  }))
  const companyRef = (at: number) => (drawn.companies[at]?.byId ? companies[at]?.id : companies[at]?.name) ?? ''
  const applications = drawn.applications.map((application, at) =>
    applicationOf(application, `app.${tag}-${at}`, companies.length, companyRef),
  )

  const licenses: FileLicense[] = []
  for (const [company] of companies.entries()) {
    for (const [at, application] of applications.entries()) {
      const license = drawn.licenses[(company * 2 + at) % drawn.licenses.length]
      if (license && license.missing !== 0) licenses.push(licenseOf(license, companyRef(company), application, dates))
    }
  }
  const hasLicense = (company: number, application: string) =>
    licenses.some((license) => license.company === companyRef(company) && license.application === application)

  const users = drawn.users.map(({ active, memberships }, at): FileUser => {
    const companiesOf = companies.flatMap((_, company) => {
      const membership = memberships[company]
      if (!membership || membership.missing === 0) return []
      const grants = applications.flatMap((application, which) =>
        hasLicense(company, application.id) ? grantsOf(membership, which, application, company, companyRef, dates) : [],
      )
      return [
        {
          company: companyRef(company),
          ...(membership.admin ? { role: 'admin' as const } : {}),
          ...(membership.active === 0 ? { active: false } : {}),
          grants,
        },
      ]
    })
    return {
      id: uuid(`${tag} user ${at}`),
      email: `user${at}@${tag}.test`,
      first_name: `First${at}`,
      last_name: `Last${at}`,
      ...options.credentials,
      ...(active === 0 ? { active: false } : {}),
      companies: companiesOf.map((membership, nth) => (nth === 0 ? { ...membership, primary: true } : membership)),
    }
  })
  return { file: { companies, applications, licenses, users }, zone, now }
}

function isFirst(companies: Draw['companies'], at: number): boolean {
  const nameOf = (company: Draw['companies'][number] | undefined) => (company?.name ?? 0) % COMPANY_NAMES.length
  return companies.findIndex((company) => nameOf(company) === nameOf(companies[at])) === at
}

function applicationOf(
  drawn: DrawnApplication,
  id: string,
  companyCount: number,
  companyRef: (at: number) => string,
): FileApplication {
  const slugs = drawn.permissions.map(({ name }, at) => `${SLUGS[name % SLUGS.length]}${at}`)
  const permissions = drawn.permissions.map(({ needs, operatorOnly }, at): FilePermission => {
    // Only earlier ones, so that there is no circle; two more choices for the root, left out and written.
    const needed = [undefined, ROOT, ...slugs.slice(0, at), ...slugs.slice(0, at)][needs % (2 + 2 * at)]
    const slug = slugs[at] ?? ''
    return {
      slug,
      name: `Name of ${slug}`,
      ...(needed === undefined ? {} : { needs: needed }),
      ...(operatorOnly === 0 ? { operator_only: true } : {}),
    }
  })
  if (drawn.writesRoot) permissions.push({ slug: ROOT, name: 'Use it' })
  if (drawn.hasSuperuser) permissions.push({ slug: SUPERUSER, name: 'May do everything' })
  const grantable = permissions.map(({ slug }) => slug).filter((slug) => slug !== ROOT)
  const roles: FileRole[] = []
  for (const { key, company, permissions: given } of drawn.roles) {
    const owner = company < companyCount ? companyRef(company) : undefined
    if (roles.some((role) => role.key === `role${key}` && role.company === owner)) continue
    const slugsOf = pick(grantable, given)
    const name = `Role ${key}`
    roles.push({ key: `role${key}`, name, permissions: slugsOf, ...(owner === undefined ? {} : { company: owner }) })
  }
  if (drawn.reversed) permissions.reverse()
  return {
    id,
    name: `Application ${id}`,
    dialect: 'v1',
    ...(drawn.active === 0 ? { active: false } : {}),
    permissions,
    roles,
  }
}

function grantable(application: FileApplication): string[] {
  return application.permissions.map(({ slug }) => slug).filter((slug) => slug !== ROOT)
}

function licenseOf(drawn: DrawnLicense, company: string, application: FileApplication, dates: Dates): FileLicense {
  const own = application.roles.filter((role) => role.company === undefined).map(({ key }) => key)
  const roles = pick(own, drawn.roles)
  const from = dates.start(drawn.from) ?? '2020-01-01'
  const until = dates.end(drawn.until, from)
  return {
    company,
    application: application.id,
    from,
    ...(until === undefined ? {} : { until }),
    ...(drawn.grace > 2 ? { grace_days: [1, 2, 14][drawn.grace - 3] ?? 0 } : {}),
    ...(drawn.grace === 0 ? { seats: 50 } : {}),
    ...(drawn.suspended === 0 ? { suspended: true } : {}),
    permissions: drawn.includes === null ? 'all' : pick(grantable(application), drawn.includes),
    ...(roles.length > 0 ? { roles } : {}),
  }
}

function grantsOf(
  membership: DrawnMembership,
  which: number,
  application: FileApplication,
  company: number,
  companyRef: (at: number) => string,
  dates: Dates,
): FileGrants[] {
  const drawn = membership.applications[which]
  if (!drawn) return []
  const keys = application.roles
    .filter((role) => role.company === undefined || role.company === companyRef(company))
    .map(({ key }) => key)
  return drawn.entries.map((entry, at): FileGrants => {
    const roles = pick(keys, entry.roles)
    const interval = intervalOf(entry.start, entry.end, dates)
    // A seat is one for all entries of the application: it is said in one of them, the first or the last.
    const saysSeat = at === (drawn.seatOnLast ? drawn.entries.length - 1 : 0)
    const seat = saysSeat ? intervalOf(drawn.seat[0], drawn.seat[1], dates) : {}
    return {
      application: application.id,
      permissions: pick(grantable(application), entry.permissions),
      ...(roles.length > 0 ? { roles } : {}),
      ...interval,
      ...(Object.keys(seat).length > 0 ? { seat } : {}),
    }
  })
}

function intervalOf(
  from: DrawnDate | undefined,
  to: DrawnDate | undefined,
  dates: Dates,
): { starts_at?: string | null; ends_at?: string | null } {
  const start = dates.start(from)
  const end = dates.end(to, start)
  return {
    ...(start === undefined ? {} : { starts_at: start }),
    ...(end === undefined ? {} : { ends_at: end }),
  }
}

function pick<Item>(from: readonly Item[], at: readonly number[]): Item[] {
  if (from.length === 0) return []
  return [...new Set(at.map((each) => each % from.length))].flatMap((each) => from.slice(each, each + 1))
}

type Dates = {
  start(drawn: DrawnDate | undefined): string | undefined
  /** Always after the start, as the database wants it. */
  end(drawn: DrawnDate | undefined, start: string | undefined): string | undefined
}

const datesCache = new Map<string, Dates>()

/** Starts mostly before `now` and ends mostly after it, many of them exactly at it or a millisecond away. */
function datesAround(now: number, zone: string): Dates {
  const cached = datesCache.get(`${now} ${zone}`)
  if (cached) return cached
  const day = (offset: number) => new Date(now + offset * DAY).toLocaleDateString('sv-SE', { timeZone: zone })
  const moment = (offset: number) => new Date(now + offset).toISOString()
  const elsewhere = (offset: number) => new Date(now + offset + 2 * HOUR).toISOString().replace('Z', '+02:00')
  const starts = [
    ...[-30, -7, -1, 0, 0].map(day),
    ...[-40 * DAY, -DAY, -HOUR, -1, 0, 0].map(moment),
    ...[-DAY, 0].map(elsewhere),
    ...[1, 20].map(day),
    ...[1, HOUR, 3 * DAY].map(moment),
    ...[0, 1].map(elsewhere),
  ]
  const ends = [
    ...[30, 7, 1, 0, 0].map(day),
    ...[40 * DAY, DAY, HOUR, 1, 0, 0].map(moment),
    ...[DAY, 0].map(elsewhere),
    ...[-1, -2, -20].map(day),
    ...[-1, -HOUR, -DAY].map(moment),
    ...[1].map(elsewhere),
  ]
  const choose = (texts: string[], drawn: DrawnDate | undefined) =>
    drawn === undefined || drawn.kind < 2 ? undefined : texts[drawn.at % texts.length]
  const dates: Dates = {
    start: (drawn) => choose(starts, drawn),
    end: (drawn, start) => {
      const end = choose(ends, drawn)
      return end !== undefined && (start === undefined || read(start, zone, 'start') < read(end, zone, 'end'))
        ? end
        : undefined
    },
  }
  datesCache.set(`${now} ${zone}`, dates)
  return dates
}

const readCache = new Map<string, number>()

function read(text: string, zone: string, as: 'start' | 'end'): number {
  const key = `${text} ${zone} ${as}`
  let at = readCache.get(key)
  if (at === undefined) {
    at = readMoment(text, zone, as)
    if (at === undefined) throw new Error(`the generator wrote a date that is none: ${text}`)
    readCache.set(key, at)
  }
  return at
}

const uuids = new Map<string, string>()

function uuid(of: string): string {
  let id = uuids.get(of)
  if (id === undefined) {
    const hex = createHash('sha256').update(of).digest('hex')
    id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
    uuids.set(of, id)
  }
  return id
}

/** One of a house's grants that was taken away again; a house file cannot say that. */
export type Revocation = { email: string; companyId: string; applicationId: string; item: string }

export function revocationKey({ email, companyId, applicationId, item }: Revocation): string {
  return [email, companyId, applicationId, item].join(' ')
}

/** The same house for the naive rule. `revoked` names grants by `revocationKey`, the item being a slug or a role's key. */
export function naiveOf({ file, zone }: House, revoked: ReadonlySet<string> = new Set()): NaiveHouse {
  const idOf = companyIds(file)
  const seats: NaiveSeat[] = []
  const grants: NaiveGrant[] = []
  for (const { email, companies } of file.users) {
    for (const { company, grants: entries } of companies) {
      for (const application of new Set(entries.map((entry) => entry.application))) {
        const said = entries.find((entry) => entry.application === application && entry.seat)?.seat
        const where = { email, companyId: idOf(company), applicationId: application }
        seats.push({ ...where, start: said?.starts_at ?? null, end: said?.ends_at ?? null })
      }
      for (const entry of entries) {
        const where = { email, companyId: idOf(company), applicationId: entry.application }
        const interval = { start: entry.starts_at ?? null, end: entry.ends_at ?? null }
        const isRevoked = (item: string) => revoked.has(revocationKey({ ...where, item }))
        for (const permission of entry.permissions) {
          grants.push({ ...where, ...interval, item: { permission }, revoked: isRevoked(permission) })
        }
        for (const role of entry.roles ?? []) {
          grants.push({ ...where, ...interval, item: { role }, revoked: isRevoked(role) })
        }
      }
    }
  }
  return {
    zone,
    companies: file.companies.map(({ id, name, active = true }) => ({ id, name, active })),
    applications: file.applications.map(({ id, active = true, permissions, roles }) => ({
      id,
      active,
      permissions: permissions.map(({ slug, needs }) => ({ slug, needs: needs ?? null })),
      roles: roles.map(({ key, company, permissions: given }) => ({
        key,
        companyId: company === undefined ? null : idOf(company),
        permissions: given,
      })),
    })),
    licenses: file.licenses.map((license) => ({
      companyId: idOf(license.company),
      applicationId: license.application,
      from: license.from,
      until: license.until ?? null,
      graceDays: license.grace_days ?? 0,
      suspended: license.suspended ?? false,
      includes: license.permissions,
      roles: license.roles ?? [],
    })),
    users: file.users.map(({ email, active = true }) => ({ email, active })),
    memberships: file.users.flatMap(({ email, companies }) =>
      companies.map(({ company, active = true }) => ({ email, companyId: idOf(company), active })),
    ),
    seats,
    grants,
  }
}

/** The application's tree as the server would build it, and the id of each slug. */
export function treeOf(application: FileApplication): { tree: Tree; idOf: (slug: string) => number } {
  const isWritten = application.permissions.some(({ slug }) => slug === ROOT)
  const all = isWritten ? application.permissions : [...application.permissions, { slug: ROOT, name: 'Use it' }]
  const ids = new Map(all.map(({ slug }, at) => [slug, 100 + at]))
  const idOf = (slug: string) => {
    const id = ids.get(slug)
    if (id === undefined) throw new Error(`no permission "${slug}"`)
    return id
  }
  const nodes = all.map(({ slug, needs, operator_only = false }: FilePermission) => ({
    id: idOf(slug),
    slug,
    needs: needs === undefined ? null : idOf(needs),
    operatorOnly: operator_only,
  }))
  return { tree: buildTree(nodes), idOf }
}

/** What the database would tell about one user, one company and one application of the house. Revoked grants are no rows. */
export function factsOf(
  { file, zone }: House,
  application: FileApplication,
  idOf: (slug: string) => number,
  user: FileUser,
  company: FileCompany,
  revoked: ReadonlySet<string> = new Set(),
): Facts {
  const isHere = (named: string) => named === company.id || named === company.name
  const interval = (from: string | null | undefined, to: string | null | undefined): Interval => ({
    startsAt: from ? read(from, zone, 'start') : START_OF_TIME,
    endsAt: to ? read(to, zone, 'end') : END_OF_TIME,
  })
  const license = file.licenses.find((one) => one.application === application.id && isHere(one.company))
  const membership = user.companies.find((one) => isHere(one.company))
  const entries = membership?.grants.filter((entry) => entry.application === application.id) ?? []
  const said = entries.find((entry) => entry.seat)?.seat
  const isRevoked = (item: string) =>
    revoked.has(revocationKey({ email: user.email, companyId: company.id, applicationId: application.id, item }))

  const ownRole = (key: string) => application.roles.findIndex((one) => one.key === key && isHere(one.company ?? ''))
  const generalRole = (key: string) =>
    application.roles.findIndex((one) => one.key === key && one.company === undefined)
  const roleGrants = (role: number, kind: 'role' | 'license_role', during: Interval): GrantFacts[] =>
    (application.roles[role]?.permissions ?? []).map((slug) => grant(slug, { kind, role }, during))
  const grant = (slug: string, through: GrantSource, during: Interval): GrantFacts => ({
    permission: idOf(slug),
    through,
    ...during,
  })
  const always = interval(null, null)
  const grants = [
    ...(license?.roles ?? []).flatMap((key) => roleGrants(generalRole(key), 'license_role', always)),
    ...entries.flatMap((entry) => {
      const during = interval(entry.starts_at, entry.ends_at)
      const keys = (entry.roles ?? []).filter((key) => !isRevoked(key))
      return [
        ...entry.permissions.filter((slug) => !isRevoked(slug)).map((slug) => grant(slug, { kind: 'direct' }, during)),
        ...keys.flatMap((key) => roleGrants(ownRole(key) >= 0 ? ownRole(key) : generalRole(key), 'role', during)),
      ]
    }),
  ]
  return {
    application: { active: application.active ?? true },
    user: { active: user.active ?? true },
    company: { active: company.active ?? true },
    membership: membership ? { active: membership.active ?? true } : null,
    license: license
      ? {
          ...interval(license.from, license.until),
          graceDays: license.grace_days ?? 0,
          suspended: license.suspended ?? false,
          includes: license.permissions === 'all' ? 'all' : { named: license.permissions.map(idOf) },
        }
      : null,
    seat: entries.length > 0 ? interval(said?.starts_at, said?.ends_at) : null,
    grants,
  }
}

function companyIds(file: HouseFile): (named: string) => string {
  return (named) => file.companies.find((company) => company.id === named || company.name === named)?.id ?? named
}
