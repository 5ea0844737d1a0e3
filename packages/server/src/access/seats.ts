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
import { givenPermissions } from './given-permissions.ts'
import { endGrants, forgetEndedGrants, listEndedGrants, restoreGrant } from './grant-store.ts'
import { loadOffer } from './grants.ts'
import { findLicense } from './license-store.ts'
import {
  deleteSeat,
  findSeat,
  giveBackSeat,
  insertSeat,
  type Seat,
  type SeatKey,
  type SeatOf,
  seatKey,
  setSeatInterval,
  takeSeat,
} from './seat-store.ts'

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
  const key = seatKey(of)
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
    requireGift(by, companyId)
    await setSeatInterval(tx, key, interval)
    await audit(ctx, tx, by, {
      act: 'seat.changed',
      ...about,
      data: { before: { starts_at: before.startsAt, ends_at: before.endsAt }, after: told },
    })
    return { seat: { ...before, ...interval }, isNew: false, restored: 0 }
  }
  requireGift(by, companyId)
  if (!(await takeSeat(tx, companyId, applicationId))) throw await whyNoSeat(tx, of)
  const number = await insertSeat(tx, key, interval, ctx.now())
  const restored = wanted.restores ? await restore(ctx, tx, by, of, number) : []
  await forgetEndedGrants(tx, key)
  await audit(ctx, tx, by, { act: 'seat.given', ...about, data: { after: told, restored_grants: restored } })
  return { seat: { number, ...interval }, isNew: true, restored: restored.length }
}

/** What ended with the seat of before and may be given by this one, each once. Of what was removed meanwhile nothing comes back. */
async function restore(ctx: Context, tx: Tx, by: By, of: SeatOf, seat: number): Promise<string[]> {
  const offer = await loadOffer(ctx, tx, of)
  const restored = new Map<string, string>()
  for (const grant of await listEndedGrants(tx, of)) {
    const role = grant.role && offer.roles.find(({ id }) => id === grant.role?.id)
    if (grant.role ? !role : !offer.tree.idBySlug.has(grant.permission ?? '')) continue
    const permissions = givenPermissions(offer.tree, offer.license, role?.permissions ?? [grant.permission ?? ''])
    if (giftRefusal(by.actor, { kind: 'permissions', companyId: of.companyId, permissions })) continue
    const what = JSON.stringify([grant.role?.id ?? grant.permission, grant.startsAt, grant.endsAt])
    if (restored.has(what)) continue
    await restoreGrant(tx, of.companyId, grant.id, seat)
    restored.set(what, grant.id)
  }
  return [...restored.values()]
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
