import type { StoredUser } from '../directory/user-store.ts'
import type { Announced, RightsKey } from '../outbox/announced-store.ts'
import type { NewEvent } from '../outbox/event-store.ts'
import type { Told } from '../outbox/told-store.ts'
import type { Wanting } from '../outbox/wanting.ts'

/** What somebody may do now, in one company and application; `isWhole`: whatever else there is of this person is looked at too. */
export type Current = RightsKey & { permissions: readonly string[]; isWhole: boolean }

/** All that is known of some people. What is missing among `users` was deleted. */
export type Known = {
  wanting: ReadonlyMap<string, Wanting>
  users: ReadonlyMap<string, StoredUser>
  companies: ReadonlyMap<string, string>
  announced: ReadonlyMap<string, Announced>
  told: ReadonlyMap<string, Told>
  now: number
  /** Also what was told already. */
  isAgain: boolean
  /** By `keyOfTold`: people of whom there is more to be told in an application, after this. */
  unfinished: ReadonlySet<string>
}

/** What is to be stored: events, in their order, and what was said by them. */
export type Announcement = {
  events: NewEvent[]
  announced: Announced[]
  told: Told[]
  /** Users of whom nobody says anything any more. */
  gone: { userId: string; applicationId: string }[]
}

/** What is told of a person; the PIN only where the application may know it. */
type Person = { email: string; first_name: string; last_name: string; active: boolean; pin?: string | null }

/** How long events of a deletion still name the address, for those who were away: the one by which they find the person. */
const LAST_ADDRESS_MS = 7 * 86_400_000

export function keyOfRights({ applicationId, userId, companyId }: RightsKey): string {
  return `${applicationId} ${userId} ${companyId}`
}

export function keyOfTold({ applicationId, subjectId }: Pick<Told, 'applicationId' | 'subjectId'>): string {
  return `${applicationId} ${subjectId}`
}

export function nothingToTell(): Announcement {
  return { events: [], announced: [], told: [], gone: [] }
}

/** Grows, also over a restore of the house: it is a moment, or the next number. */
export function nextVersion(before: { version: number } | undefined, now: number): number {
  return Math.max((before?.version ?? 0) + 1, now)
}

/**
 * What is to be told of people whose rights may be others now: only differences. Of each one, in one application, first who it is, then
 * what that person may do, then that it is gone.
 */
export function announcePeople(all: readonly Current[], known: Known): Announcement {
  const told = nothingToTell()
  for (const rights of Map.groupBy(all, ({ applicationId, userId }) => `${applicationId} ${userId}`).values())
    announcePerson(rights, known, told)
  return told
}

function announcePerson(rights: readonly Current[], known: Known, into: Announcement): void {
  const [{ applicationId, userId } = { applicationId: '', userId: '' }] = rights
  const application = known.wanting.get(applicationId)
  if (!application) return
  const changes = rights.flatMap((each) => changeOf(each, known, application) ?? [])
  const user = known.users.get(userId)
  const before = known.told.get(keyOfTold({ applicationId, subjectId: userId }))
  if (user && concerns(rights, changes, known, before)) tellPerson(user, application, before, known.now, into)
  const person = user ?? (before && (JSON.parse(before.data) as Person)) // As `tellPerson` stored it.
  const about = { id: userId, email: person?.email ?? '' }
  const eraseAt = user ? undefined : known.now + LAST_ADDRESS_MS
  for (const { current, previous } of changes) {
    const version = nextVersion(previous, known.now)
    into.announced.push({ ...current, version })
    into.events.push({
      applicationId,
      type: 'permissions.updated',
      userId,
      companyId: current.companyId,
      version,
      eraseAt,
      data: {
        user: about,
        company: { id: current.companyId, name: known.companies.get(current.companyId) ?? '' },
        application: applicationId,
        permissions: current.permissions,
        ...difference(previous?.permissions ?? [], current.permissions),
        version,
      },
    })
  }
  if (user || !before || known.unfinished.has(keyOfTold({ applicationId, subjectId: userId }))) return
  const version = nextVersion(before, known.now)
  into.events.push({ applicationId, type: 'user.deleted', userId, version, eraseAt, data: { user: about, version } })
  into.gone.push({ userId, applicationId })
}

type Change = { current: Current; previous: Announced | undefined }

/** Undefined when the same was announced last. */
function changeOf(current: Current, known: Known, { isReady }: Wanting): Change | undefined {
  const previous = known.announced.get(keyOfRights(current))
  // What was not noted yet may be known there all the same: then also that nothing is left is told.
  if (!previous && current.permissions.length === 0) return isReady ? undefined : { current, previous }
  const isSame = previous?.permissions.join(' ') === current.permissions.join(' ')
  return isSame && !known.isAgain ? undefined : { current, previous }
}

/** Whether an application has to do with the person: not with one who could do nothing there, and can do nothing now. */
function concerns(
  rights: readonly Current[],
  changes: readonly Change[],
  known: Known,
  before: Told | undefined,
): boolean {
  if (changes.some(({ current }) => before !== undefined || current.permissions.length > 0)) return true
  return rights.some((each) => each.isWhole && (known.announced.get(keyOfRights(each))?.permissions.length ?? 0) > 0)
}

function tellPerson(
  user: StoredUser,
  { id: applicationId, exposesPin }: Wanting,
  before: Told | undefined,
  now: number,
  into: Announcement,
): void {
  const person = personOf(user, exposesPin)
  const data = JSON.stringify(person)
  if (before?.data === data) return
  const version = nextVersion(before, now)
  const { pin: _pin, ...shown } = person
  into.told.push({ subject: 'user', subjectId: user.id, applicationId, version, data })
  into.events.push({
    applicationId,
    type: before ? 'user.updated' : 'user.created',
    userId: user.id,
    version,
    data: { user: { id: user.id, ...shown }, version },
    changed: before && changedOf(JSON.parse(before.data) as Person, person), // As it was stored here.
  })
}

export function personOf(user: StoredUser, exposesPin: boolean): Person {
  const { email, firstName: first_name, lastName: last_name, isActive: active, pin } = user
  return { email, first_name, last_name, active, ...(exposesPin ? { pin } : {}) }
}

function changedOf(before: Person, after: Person): NewEvent['changed'] {
  const email = before.email === after.email ? {} : { email: before.email }
  const pin = (before.pin ?? null) === (after.pin ?? null) ? {} : ({ pin: true } as const)
  return { ...email, ...pin }
}

function difference(before: readonly string[], after: readonly string[]) {
  const [was, is] = [new Set(before), new Set(after)]
  return { added: after.filter((slug) => !was.has(slug)), removed: before.filter((slug) => !is.has(slug)) }
}
