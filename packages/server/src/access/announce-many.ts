import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { type Announced, listAnnouncedIn, type RightsKey } from '../outbox/announced-store.ts'
import { type Due, listLargeDue, listSmallDue } from '../outbox/due-store.ts'
import { listTold, type Told } from '../outbox/told-store.ts'
import { AGAIN, NOTES, type Wanting } from '../outbox/wanting.ts'
import { currentRights, loadKnown, tellPeople } from './announce-due.ts'
import { announceLicenses, type LicenseToTell, listLicensesToTell } from './announce-licenses.ts'
import { type Announcement, keyOfTold, nothingToTell, personOf } from './announce-people.ts'
import { listSeatsIn } from './seat-store.ts'

/** People that are looked at at once, and companies. */
const PEOPLE = 200
const COMPANIES = 100
/** Marks of others that an application may be noted beside. */
const BESIDE = 2_000

/** What became of a mark that concerns many: it goes on at a place, it is done, it becomes several, or it waits. */
export type LookedAtMany = {
  mark: Due
  outcome: 'goes_on' | 'done' | 'divides' | 'waits'
  place: string | null
  announcement: Announcement
  /** Only noted, where it was not: nobody is told. */
  notes: boolean
}

/** Where a mark is: in which company, and behind which person of it. */
type Place = { company: string; user?: string }

/** The next part of one of the marks that concern many; they take turns. Undefined when there are none. */
export async function lookAtMany(
  ctx: Context,
  db: Db,
  marks: readonly Due[],
  wanting: ReadonlyMap<string, Wanting>,
  now: number,
): Promise<LookedAtMany | undefined> {
  // What holds is noted when nobody is to be told of it.
  const mark = marks.find(({ place }) => !isNoting(place)) ?? marks[0]
  if (!mark) return undefined
  const looked = { mark, place: null, announcement: nothingToTell(), notes: isNoting(mark.place) }
  if (mark.applicationId === null) return { ...looked, outcome: 'divides' }
  const application = wanting.get(mark.applicationId)
  if (!application || (looked.notes && application.isReady)) return { ...looked, outcome: 'done' }
  const at = readPlace(mark.place)
  const licenses = await nextLicenses(db, mark, at)
  const [first] = licenses
  if (!first) return { ...looked, outcome: 'done' }
  const companyIds = licenses.map(({ companyId }) => companyId)
  const seats = await listSeatsIn(db, mark.applicationId, companyIds, {
    after: at.user ?? '',
    limit: licenses.length === 1 ? PEOPLE : undefined,
  })
  const keys = seats.map((each) => ({ ...each, seat: each.number, isWhole: false }))
  const announced = await listAnnouncedIn(db, {
    applicationIds: [mark.applicationId],
    companyIds,
    userIds: [...new Set(seats.map(({ userId }) => userId))],
  })
  // Companies are told of at their beginning.
  const begun = at.user === undefined ? licenses : []
  const found = { wanting, now, isAgain: modeOf(mark.place) === AGAIN }
  const announcement = looked.notes
    ? await note(ctx, db, keys, announced, begun, found)
    : await tell(ctx, db, keys, announced, begun, found)
  if (!announcement) return { ...looked, outcome: 'waits', place: mark.place }
  const last = licenses.at(-1) ?? first
  const isWhole = licenses.length > 1 || seats.length < PEOPLE
  const isDone = isWhole && mark.companyId !== null
  const next: Place = isWhole
    ? { company: last.companyId }
    : { company: last.companyId, user: seats.at(-1)?.userId ?? '' }
  return {
    ...looked,
    announcement,
    outcome: isDone ? 'done' : 'goes_on',
    place: modeOf(mark.place) + JSON.stringify(next),
  }
}

function isNoting(place: string | null): boolean {
  return modeOf(place) === NOTES
}

/** What stands before a place, and stays there. */
function modeOf(place: string | null): string {
  return [NOTES, AGAIN].find((mode) => place?.startsWith(mode)) ?? ''
}

function readPlace(place: string | null): Place {
  const text = (place ?? '').slice(modeOf(place).length)
  return text === '' ? { company: '' } : (JSON.parse(text) as Place) // As it was written here.
}

/** Those to be looked at next: one whose people are many, or several that have few together. */
async function nextLicenses(db: Db, { applicationId, companyId }: Due, at: Place): Promise<LicenseToTell[]> {
  const id = applicationId ?? ''
  if (companyId !== null) return listLicensesToTell(db, id, { companyId })
  if (at.user !== undefined) return listLicensesToTell(db, id, { companyId: at.company })
  const licenses = await listLicensesToTell(db, id, { after: at.company, limit: COMPANIES })
  let people = 0
  const end = licenses.findIndex(({ seatsHeld }) => {
    people += seatsHeld
    return people > PEOPLE
  })
  return end < 0 ? licenses : licenses.slice(0, Math.max(1, end))
}

type Key = RightsKey & { seat: number | undefined; isWhole: boolean }
type Found = { wanting: ReadonlyMap<string, Wanting>; now: number; isAgain: boolean }

async function tell(
  ctx: Context,
  db: Db,
  keys: readonly Key[],
  announced: readonly Announced[],
  licenses: readonly LicenseToTell[],
  found: Found,
): Promise<Announcement> {
  const into = await tellLicenses(db, licenses, found.now)
  const people = await tellPeople(ctx, db, keys, announced, found)
  return {
    events: [...into.events, ...people.events],
    told: [...into.told, ...people.told],
    announced: people.announced,
    gone: people.gone,
  }
}

async function tellLicenses(db: Db, licenses: readonly LicenseToTell[], now: number): Promise<Announcement> {
  const into = nothingToTell()
  const ids = licenses.map(({ companyId }) => companyId)
  const applications = [...new Set(licenses.map(({ applicationId }) => applicationId))]
  const byKey = (all: readonly Told[]) => new Map(all.map((each) => [keyOfTold(each), each]))
  const before = {
    companies: byKey(await listTold(db, 'company', ids, applications)),
    licenses: byKey(await listTold(db, 'license', ids, applications)),
  }
  announceLicenses(licenses, before, now, into)
  return into
}

/**
 * What holds, of those of whom nothing is marked. A mark that was stored after these were read would find it announced already: such
 * people are left out, and told in full by their marks. Undefined when too much is marked just now.
 */
async function note(
  ctx: Context,
  db: Db,
  keys: readonly Key[],
  announced: readonly Announced[],
  licenses: readonly LicenseToTell[],
  { wanting, now }: Found,
): Promise<Announcement | undefined> {
  const rights = await currentRights(ctx, db, keys, now)
  const known = await loadKnown(db, rights, announced, wanting, now)
  const told = await tellLicenses(db, licenses, now)
  // After all that was read.
  const marks = await listSmallDue(db, BESIDE + 1)
  const others = (await listLargeDue(db, COMPANIES)).filter(({ place }) => !isNoting(place))
  if (marks.length > BESIDE || others.length > 0) return undefined
  const marked = new Set(marks.map(({ userId }) => userId))
  const noted = rights.filter(({ userId, permissions }) => permissions.length > 0 && !marked.has(userId))
  const people = new Map<string, Told>()
  for (const { applicationId, userId } of noted) {
    const user = known.users.get(userId)
    const data = user && JSON.stringify(personOf(user, wanting.get(applicationId)?.exposesPin ?? false))
    if (data) people.set(userId, { subject: 'user', subjectId: userId, applicationId, version: now, data })
  }
  return {
    events: [],
    gone: [],
    announced: noted.map((each) => ({ ...each, version: now })),
    told: [...told.told, ...people.values()],
  }
}
