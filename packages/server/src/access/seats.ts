import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { findMembership } from '../directory/membership-store.ts'
import { lockUser } from '../directory/user-store.ts'
import type { Interval } from '../domain/interval.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { endGrants, forgetEndedGrants, restoreGrants } from './grant-store.ts'
import { findLicense } from './license-store.ts'
import {
  deleteSeat,
  findSeat,
  giveBackSeat,
  insertSeat,
  type Seat,
  type SeatKey,
  setSeatInterval,
  takeSeat,
} from './seat-store.ts'

/** Whose seat: a member's in a company, for an application. */
export type SeatOf = { userId: string; companyId: string; applicationId: string }

/** Takes a member's seat away: all grants under it end with it, and stay as ended. False when there was none. */
export async function takeSeatAway(tx: Tx, key: SeatKey, now: number): Promise<boolean> {
  // First, since grants are found by their seat.
  await endGrants(tx, key, now)
  if (!(await deleteSeat(tx, key))) return false
  await giveBackSeat(tx, key.company_id, key.application_id)
  return true
}

/**
 * Gives a member the use of an application, or changes for how long. `restores` gives back the grants that ended with the seat of before.
 * @throws AppError `not_found`, `no_license`, `seats_full`, `not_allowed`
 */
export async function giveSeat(
  ctx: Context,
  by: By,
  of: SeatOf,
  wanted: { interval: (before: Interval | undefined) => Interval; restores: boolean },
): Promise<{ seat: Seat; isNew: boolean; restored: number }> {
  requireGift(by, of.companyId)
  return actInTransaction(ctx, by, (tx) => giveSeatIn(ctx, tx, by, of, wanted))
}

/** The same, in a transaction that does more. */
export async function giveSeatIn(
  ctx: Context,
  tx: Tx,
  by: By,
  of: SeatOf,
  wanted: { interval: (before: Interval | undefined) => Interval; restores: boolean },
): Promise<{ seat: Seat; isNew: boolean; restored: number }> {
  const { userId, companyId, applicationId } = of
  const key = { user_id: userId, company_id: companyId, application_id: applicationId }
  const about = { target: { kind: 'user', id: userId }, companyId, applicationId }
  // Against a deletion, and against another who gives the same.
  await lockUser(tx, ctx.db.kind, userId)
  const member = await findMembership(tx, userId, companyId)
  if (!member?.isActive) throw new AppError('not_found', { detail: 'There is no such member of this company.' })
  const before = await findSeat(tx, key)
  const interval = wanted.interval(before)
  const told = { starts_at: interval.startsAt, ends_at: interval.endsAt }
  if (before) {
    if (before.startsAt === interval.startsAt && before.endsAt === interval.endsAt)
      return { seat: before, isNew: false, restored: 0 }
    await setSeatInterval(tx, key, interval)
    await audit(ctx, tx, by, {
      act: 'seat.changed',
      ...about,
      data: { before: { starts_at: before.startsAt, ends_at: before.endsAt }, after: told },
    })
    return { seat: { ...before, ...interval }, isNew: false, restored: 0 }
  }
  if (!(await takeSeat(tx, companyId, applicationId))) throw await whyNoSeat(tx, of)
  const number = await insertSeat(tx, key, interval, ctx.now())
  const restored = wanted.restores ? await restoreGrants(tx, key, number) : 0
  await forgetEndedGrants(tx, key)
  await audit(ctx, tx, by, { act: 'seat.given', ...about, data: { after: told, restored_grants: restored } })
  return { seat: { number, ...interval }, isNew: true, restored }
}

async function whyNoSeat(tx: Tx, { companyId, applicationId }: SeatOf): Promise<AppError> {
  const license = await findLicense(tx, { companyId, applicationId })
  if (!license) return new AppError('no_license', { detail: `The company has no license for "${applicationId}".` })
  return new AppError('seats_full', {
    detail: `All ${license.seats} seats of the license are held (${license.seatsHeld}). Take one away, or have the license raised.`,
  })
}

function requireGift(by: By, companyId: string): void {
  const refusal = giftRefusal(by.actor, { kind: 'seat', companyId })
  if (refusal) throw giftRefused(refusal)
}
