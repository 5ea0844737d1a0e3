import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { listCompanyNames } from '../directory/company-store.ts'
import { listUsersById } from '../directory/user-store.ts'
import {
  type Announced,
  countAnnounced,
  listAnnouncedIn,
  listAnnouncedOf,
  type RightsKey,
} from '../outbox/announced-store.ts'
import { type Due, WHOLE } from '../outbox/due-store.ts'
import { listTold } from '../outbox/told-store.ts'
import type { Wanting } from '../outbox/wanting.ts'
import {
  type Announcement,
  announcePeople,
  type Current,
  type Known,
  keyOfRights,
  keyOfTold,
  nothingToTell,
} from './announce-people.ts'
import { currentSets } from './announce-sets.ts'
import { listSeatsOf, listSeatsWithin, type SeatOfPerson } from './seat-store.ts'

/** What marks concern that are looked at at once. */
const ROWS = 1_000

/** What was found of some marks: `done` are worked off, `divided` concern too much at once. */
export type Looked = { announcement: Announcement; done: readonly Due[]; divided: readonly Due[] }

/** Marks of single people: what is to be told of them now. Of so many that it would be too much at once, some. */
export async function lookAtPeople(
  ctx: Context,
  db: Db,
  all: readonly Due[],
  wanting: ReadonlyMap<string, Wanting>,
  now: number,
): Promise<Looked> {
  const ids = [...wanting.keys()]
  for (let marks = all; ; marks = marks.slice(0, Math.ceil(marks.length / 2))) {
    const users = [...new Set(marks.map(userOf))]
    const seats = await listSeatsOf(db, users, ids, ROWS + 1)
    const announced = await listAnnouncedOf(db, users, ids, ROWS + 1)
    const isAll = seats.length <= ROWS && announced.length <= ROWS
    if (isAll) return { ...(await tellOf(ctx, db, { marks, seats, announced, wanting, now })), divided: [] }
    if (users.length === 1) return lookAtMuch(ctx, db, marks, wanting, now)
  }
}

/** Of somebody who may use very much: only what the marks name is looked at. */
async function lookAtMuch(
  ctx: Context,
  db: Db,
  marks: readonly Due[],
  wanting: ReadonlyMap<string, Wanting>,
  now: number,
): Promise<Looked> {
  const whole = marks.filter(({ companyId, applicationId }) => companyId === null || applicationId === null)
  const exact = marks.filter((mark) => !whole.includes(mark))
  if (exact.length === 0) return { announcement: nothingToTell(), done: [], divided: whole.slice(0, 1) }
  const [user = ''] = exact.map(userOf)
  const companies = [...new Set(exact.flatMap(({ companyId }) => companyId ?? []))]
  const ids = [...wanting.keys()]
  const seats = await listSeatsWithin(db, user, companies, ids)
  const announced = await listAnnouncedIn(db, { applicationIds: ids, companyIds: companies, userIds: [user] })
  const all = await countAnnounced(db, user)
  const here = Map.groupBy(
    announced.filter(({ permissions }) => permissions.length > 0),
    ({ applicationId }) => applicationId,
  )
  const left = ids.filter((id) => (all.get(id) ?? 0) > (here.get(id)?.length ?? 0))
  const unfinished = left.map((id) => keyOfTold({ applicationId: id, subjectId: user }))
  return { ...(await tellOf(ctx, db, { marks: exact, seats, announced, wanting, now, unfinished })), divided: [] }
}

type Found = {
  marks: readonly Due[]
  seats: readonly SeatOfPerson[]
  announced: readonly Announced[]
  wanting: ReadonlyMap<string, Wanting>
  now: number
  unfinished?: readonly string[]
}

async function tellOf(
  ctx: Context,
  db: Db,
  found: Found,
): Promise<{ announcement: Announcement; done: readonly Due[] }> {
  const { marks, seats, announced, wanting } = found
  const byUser = Map.groupBy(marks, userOf)
  const marksOf = (key: RightsKey) => (byUser.get(key.userId) ?? []).filter((mark) => isWithin(key, mark))
  const keys = new Map<string, RightsKey & { seat: number | undefined }>()
  // Also of what is there no more, and was not noted as announced yet.
  for (const { userId, companyId, applicationId } of marks)
    if (userId && companyId && applicationId && wanting.get(applicationId)?.isReady === false)
      keys.set(keyOfRights({ userId, companyId, applicationId }), { userId, companyId, applicationId, seat: undefined })
  for (const each of announced) keys.set(keyOfRights(each), { ...each, seat: undefined })
  for (const each of seats) keys.set(keyOfRights(each), { ...each, seat: each.number })
  const touched = [...keys.values()].filter((key) => marksOf(key).length > 0)
  const isWhole = (key: RightsKey) => marksOf(key).some(({ companyId, place }) => companyId === null || place === WHOLE)
  const currents = touched.map((key) => ({ ...key, isWhole: isWhole(key) }))
  const here = new Set(touched.map(keyOfRights))
  const left = announced.filter((each) => each.permissions.length > 0 && !here.has(keyOfRights(each)))
  const unfinished = new Set([
    ...(found.unfinished ?? []),
    ...left.map(({ applicationId, userId }) => keyOfTold({ applicationId, subjectId: userId })),
  ])
  const looking = { wanting, now: found.now, unfinished }
  return { announcement: await tellPeople(ctx, db, currents, announced, looking), done: marks }
}

type Looking = {
  wanting: ReadonlyMap<string, Wanting>
  now: number
  isAgain?: boolean
  unfinished?: ReadonlySet<string>
}

/** What is to be told of these, whose sets are looked up here. */
export async function tellPeople(
  ctx: Context,
  db: Db,
  keys: readonly (RightsKey & { seat: number | undefined; isWhole: boolean })[],
  announced: readonly Announced[],
  { wanting, now, isAgain = false, unfinished = new Set() }: Looking,
): Promise<Announcement> {
  const all = await currentRights(ctx, db, keys, now)
  const known = await loadKnown(db, all, announced, wanting, now)
  return announcePeople(all, { ...known, isAgain, unfinished })
}

export async function currentRights(
  ctx: Context,
  db: Db,
  keys: readonly (RightsKey & { seat: number | undefined; isWhole: boolean })[],
  now: number,
): Promise<Current[]> {
  const seats = keys.flatMap(({ seat, applicationId }) => (seat === undefined ? [] : [{ number: seat, applicationId }]))
  const sets = await currentSets(ctx, db, seats, now)
  return keys.map(({ applicationId, userId, companyId, seat, isWhole }) => {
    const permissions = seat === undefined ? [] : (sets.get(seat) ?? [])
    return { applicationId, userId, companyId, isWhole, permissions }
  })
}

export async function loadKnown(
  db: Db,
  keys: readonly RightsKey[],
  announced: readonly Announced[],
  wanting: ReadonlyMap<string, Wanting>,
  now: number,
): Promise<Omit<Known, 'isAgain' | 'unfinished'>> {
  const users = [...new Set(keys.map(({ userId }) => userId))]
  const companies = [...new Set(keys.map(({ companyId }) => companyId))]
  const told = await listTold(db, 'user', users, [...new Set(keys.map(({ applicationId }) => applicationId))])
  return {
    wanting,
    now,
    users: new Map((await listUsersById(db, users)).map((user) => [user.id, user])),
    companies: await listCompanyNames(db, companies),
    announced: new Map(announced.map((each) => [keyOfRights(each), each])),
    told: new Map(told.map((each) => [keyOfTold(each), each])),
  }
}

function isWithin(key: RightsKey, mark: Due): boolean {
  return (
    (mark.companyId === null || mark.companyId === key.companyId) &&
    (mark.applicationId === null || mark.applicationId === key.applicationId)
  )
}

function userOf({ userId }: Due): string {
  return userId ?? ''
}
