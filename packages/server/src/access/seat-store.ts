import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Interval } from '../domain/interval.ts'

/** Takes one of the license's seats. False when all are held. */
export async function takeSeat(db: Db, companyId: string, applicationId: string): Promise<boolean> {
  const taken = await db
    .updateTable('licenses')
    .set((e) => ({ seats_held: e('seats_held', '+', 1) }))
    .where('company_id', '=', companyId)
    .where('application_id', '=', applicationId)
    .where((e) => e.or([e('seats', 'is', null), e('seats_held', '<', e.ref('seats'))]))
    .executeTakeFirst()
  return taken.numUpdatedRows === 1n
}

/** Whose seat: a member's in a company, for an application. */
export type SeatOf = { userId: string; companyId: string; applicationId: string }

export type SeatKey = { company_id: string; application_id: string; user_id: string }

export function seatKey({ userId, companyId, applicationId }: SeatOf): SeatKey {
  return { user_id: userId, company_id: companyId, application_id: applicationId }
}

export type Seat = Interval & { number: number }

export async function findSeat(db: Db, key: SeatKey): Promise<Seat | undefined> {
  const row = await db
    .selectFrom('seats')
    .select(['number', 'starts_at', 'ends_at'])
    .where('user_id', '=', key.user_id)
    .where('application_id', '=', key.application_id)
    .where('company_id', '=', key.company_id)
    .executeTakeFirst()
  return row && { number: row.number, startsAt: row.starts_at, endsAt: row.ends_at }
}

/** Tells the seat's number. */
export async function insertSeat(db: Db, key: SeatKey, interval: Interval, now: number): Promise<number> {
  const row = { ...key, starts_at: interval.startsAt, ends_at: interval.endsAt, given_at: now }
  const { number } = await db.insertInto('seats').values(row).returning('number').executeTakeFirstOrThrow()
  return number
}

export async function setSeatInterval(db: Db, key: SeatKey, interval: Interval): Promise<void> {
  await db
    .updateTable('seats')
    .set({ starts_at: interval.startsAt, ends_at: interval.endsAt })
    .where('user_id', '=', key.user_id)
    .where('application_id', '=', key.application_id)
    .where('company_id', '=', key.company_id)
    .execute()
}

/** False when there is none. */
export async function deleteSeat(db: Db, key: SeatKey): Promise<boolean> {
  const deleted = await db
    .deleteFrom('seats')
    .where('user_id', '=', key.user_id)
    .where('application_id', '=', key.application_id)
    .where('company_id', '=', key.company_id)
    .executeTakeFirst()
  return deleted.numDeletedRows === 1n
}

/** Of the license: somebody else may take it. */
export async function giveBackSeat(db: Db, companyId: string, applicationId: string): Promise<void> {
  await db
    .updateTable('licenses')
    .set((e) => ({ seats_held: e('seats_held', '-', 1) }))
    .where('company_id', '=', companyId)
    .where('application_id', '=', applicationId)
    .execute()
}

/** A user's seats, in one company or in all; in one order, in which their licenses are locked. */
export async function listSeats(db: Db, userId: string, companyId?: string): Promise<SeatKey[]> {
  let query = db.selectFrom('seats').select(['company_id', 'application_id', 'user_id']).where('user_id', '=', userId)
  if (companyId !== undefined) query = query.where('company_id', '=', companyId)
  return query.orderBy('company_id').orderBy('application_id').execute()
}

export type HeldSeat = Interval & {
  userId: string
  companyId: string
  applicationId: string
  givenAt: number
}

export type SeatPlace = { applicationId: string; userId: string }

/** A company's, by application and user; of one application or of all. */
export async function listHeldSeats(
  db: Db,
  of: { companyId: string; applicationId?: string | undefined; userId?: string | undefined },
  { after, limit }: { after?: SeatPlace | undefined; limit: number },
): Promise<HeldSeat[]> {
  let query = db
    .selectFrom('seats')
    .select(['user_id', 'company_id', 'application_id', 'starts_at', 'ends_at', 'given_at'])
    .where('company_id', '=', of.companyId)
    .orderBy('application_id')
    .orderBy('user_id')
    .limit(limit)
  if (of.applicationId !== undefined) query = query.where('application_id', '=', of.applicationId)
  if (of.userId !== undefined) query = query.where('user_id', '=', of.userId)
  if (after) query = query.where(sql<boolean>`(application_id, user_id) > (${after.applicationId}, ${after.userId})`)
  const rows = await query.execute()
  return rows.map((row) => ({
    userId: row.user_id,
    companyId: row.company_id,
    applicationId: row.application_id,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    givenAt: row.given_at,
  }))
}

/** A seat, with whose it is. */
export type SeatOfPerson = SeatOf & { number: number }

function selectSeats(db: Db) {
  return db.selectFrom('seats').select(['number', 'user_id', 'application_id', 'company_id'])
}

function asSeatsOfPeople(rows: readonly (SeatKey & { number: number })[]): SeatOfPerson[] {
  return rows.map((row) => ({
    number: row.number,
    userId: row.user_id,
    applicationId: row.application_id,
    companyId: row.company_id,
  }))
}

/** Of these people, in these applications, some of all. */
export async function listSeatsOf(
  db: Db,
  userIds: readonly string[],
  applicationIds: readonly string[],
  limit: number,
): Promise<SeatOfPerson[]> {
  const query = selectSeats(db).where('user_id', 'in', userIds).where('application_id', 'in', applicationIds)
  return asSeatsOfPeople(await query.limit(limit).execute())
}

/** Of one person, in these companies and applications. */
export async function listSeatsWithin(
  db: Db,
  userId: string,
  companyIds: readonly string[],
  applicationIds: readonly string[],
): Promise<SeatOfPerson[]> {
  const query = selectSeats(db)
    .where('user_id', '=', userId)
    .where('company_id', 'in', companyIds)
    .where('application_id', 'in', applicationIds)
  return asSeatsOfPeople(await query.execute())
}

/** In these companies, for one application, by person: of several all, of one after a person and up to a limit. */
export async function listSeatsIn(
  db: Db,
  applicationId: string,
  companyIds: readonly string[],
  { after, limit }: { after: string; limit?: number | undefined },
): Promise<SeatOfPerson[]> {
  const query = selectSeats(db).where('application_id', '=', applicationId).where('company_id', 'in', companyIds)
  const rows = await (limit === undefined
    ? query
    : query.where('user_id', '>', after).orderBy('user_id').limit(limit)
  ).execute()
  return asSeatsOfPeople(rows)
}
