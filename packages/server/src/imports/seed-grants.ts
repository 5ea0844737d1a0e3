import { v7 as uuid } from 'uuid'
import { forgetEndedGrants } from '../access/grant-store.ts'
import { findSeat, insertSeat, type SeatKey, setSeatInterval, takeSeat } from '../access/seat-store.ts'
import { STANDS, type Tables } from '../db/tables.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../domain/interval.ts'
import { ROOT } from '../domain/tree.ts'
import type { GrantEntry } from './house-schema.ts'
import { namedIds, permissionIds } from './seed-applications.ts'
import { findRole } from './seed-licenses.ts'
import type { Seeding } from './seeding.ts'

type Holder = { userId: string; company: { id: string; name: string } }

/** Who a grant of a house file comes from. */
const HOUSE_FILE = 'the house file'

export async function seedGrants(
  seeding: Seeding,
  path: string,
  holder: Holder,
  entries: readonly GrantEntry[],
): Promise<void> {
  for (const [index, entry] of entries.entries()) await seedGrant(seeding, `${path}/grants/${index}`, holder, entry)
}

async function seedGrant(
  seeding: Seeding,
  path: string,
  { userId, company }: Holder,
  entry: GrantEntry,
): Promise<void> {
  const { tx } = seeding
  const license = await tx
    .selectFrom('licenses')
    .select('seats')
    .where('company_id', '=', company.id)
    .where('application_id', '=', entry.application)
    .executeTakeFirst()
  if (!license) {
    const application = await tx
      .selectFrom('applications')
      .select('id')
      .where('id', '=', entry.application)
      .executeTakeFirst()
    const why = application
      ? `"${company.name}" has no license for "${entry.application}"`
      : `no application "${entry.application}"`
    return seeding.fault(`${path}/application`, why)
  }
  const key = { company_id: company.id, application_id: entry.application, user_id: userId }
  const seat = await seedSeat(seeding, path, key, entry, license.seats)
  const interval = seeding.interval(path, entry, ['starts_at', 'ends_at'])
  if (!interval) return
  const known = await permissionIds(seeding, entry.application)
  const ids = namedIds(seeding, `${path}/permissions`, entry.permissions ?? [], known)
  const root = known.get(ROOT)
  // The seat gives the root: nobody is granted it.
  for (const id of ids)
    if (id !== root) await grant(seeding, { ...key, seat }, ofPermission(id), interval, entry.reason)
  for (const [index, roleKey] of (entry.roles ?? []).entries()) {
    const role = await findRole(seeding, key, roleKey)
    if (role === undefined) seeding.fault(`${path}/roles/${index}`, `no role "${roleKey}" in this application`)
    else await grant(seeding, { ...key, seat }, ofRole(role), interval, entry.reason)
  }
}

/** The seat's number; undefined, with a fault, when there is none. */
async function seedSeat(
  seeding: Seeding,
  path: string,
  key: SeatKey,
  entry: GrantEntry,
  seats: number | null,
): Promise<number | undefined> {
  const { tx, now } = seeding
  const stored = await findSeat(tx, key)
  const always = { startsAt: START_OF_TIME, endsAt: END_OF_TIME }
  const wanted = entry.seat
    ? seeding.interval(`${path}/seat`, entry.seat, ['starts_at', 'ends_at'], stored)
    : (stored ?? always)
  if (!wanted) return stored?.number
  if (stored) {
    if (stored.startsAt === wanted.startsAt && stored.endsAt === wanted.endsAt) return stored.number
    await setSeatInterval(tx, key, wanted)
    seeding.counts.seats.changed++
    return stored.number
  }
  if (!(await takeSeat(tx, key.company_id, key.application_id))) {
    return seeding.fault(path, `all ${seats} seats of this license are held`)
  }
  seeding.counts.seats.added++
  await forgetEndedGrants(tx, key)
  return insertSeat(tx, key, wanted, now)
}

type Item = Pick<Tables['grants'], 'permission_id' | 'role_id' | 'item'>

const ofPermission = (id: number): Item => ({ permission_id: id, role_id: null, item: id })
const ofRole = (id: number): Item => ({ permission_id: null, role_id: id, item: -id })

/** A grant is the same when its item and interval are. Without a seat, which is a fault already, nothing is granted. */
async function grant(
  seeding: Seeding,
  { seat, ...key }: SeatKey & { seat: number | undefined },
  what: Item,
  interval: Interval,
  reason: string | undefined,
): Promise<void> {
  if (seat === undefined) return
  const { tx, now } = seeding
  const stored = await tx
    .selectFrom('grants')
    .select(['id', 'reason'])
    .where('seat', '=', seat)
    .where('item', '=', what.item)
    .where('starts_at', '=', interval.startsAt)
    .where('ends_at', '=', interval.endsAt)
    .where('revoked_at', '=', STANDS)
    .executeTakeFirst()
  if (!stored) {
    const row = {
      id: uuid(),
      ...key,
      seat,
      ...what,
      starts_at: interval.startsAt,
      ends_at: interval.endsAt,
      reason: reason ?? '',
      granted_by: HOUSE_FILE,
      granted_at: now,
      revoked_at: STANDS,
    }
    await tx.insertInto('grants').values(row).execute()
    seeding.counts.grants.added++
  } else if (reason !== undefined && reason !== stored.reason) {
    await tx.updateTable('grants').set({ reason }).where('id', '=', stored.id).execute()
    seeding.counts.grants.changed++
  }
}
