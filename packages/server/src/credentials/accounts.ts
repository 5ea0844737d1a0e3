import { findSeat, listSeats } from '../access/seat-store.ts'
import { takeSeatAway } from '../access/seats.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { setApplicationActive } from '../directory/application-store.ts'
import { endMembership, endMemberships, isMember } from '../directory/membership-store.ts'
import { eraseUser, lockOperators, setPasswordHash, setUserActive } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'
import { emailHash } from './email-hash.ts'
import { endCredentials } from './ending.ts'
import { deleteAddressesOfUser } from './known-address-store.ts'
import { deleteThrottlesOfUser } from './throttle-store.ts'
import { deleteTokensOfUser, pseudonymiseSupporter } from './token-store.ts'

// What happens to a user, a member or an application, and what ends with it: each act draws one transaction.

/** Also of a user who is off already: whatever is asked for holds afterwards. False when the user was deleted meanwhile. @throws AppError `last_operator` */
export async function switchUser(ctx: Context, userId: string, isActive: boolean): Promise<boolean> {
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    if (!isActive) {
      await requireAnotherOperator(ctx, tx, userId)
      await endCredentials(tx, { userId }, now)
    }
    return setUserActive(tx, userId, isActive, now)
  })
}

export async function switchApplication(ctx: Context, applicationId: string, isActive: boolean): Promise<void> {
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    if (!isActive) await endCredentials(tx, { applicationId }, now)
    await setApplicationActive(tx, applicationId, isActive, now)
  })
}

/** Whoever knew the old password may have signed in with it: known addresses go too. False when the user was deleted meanwhile. */
export async function changePassword(ctx: Context, userId: string, hash: string): Promise<boolean> {
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    await endCredentials(tx, { userId }, now)
    await deleteThrottlesOfUser(tx, userId)
    await deleteAddressesOfUser(tx, userId)
    return setPasswordHash(tx, userId, hash, now)
  })
}

/** Takes a member's seat away, and all grants under it. False when there was none. */
export async function endSeat(
  ctx: Context,
  key: { userId: string; companyId: string; applicationId: string },
): Promise<boolean> {
  const seat = { user_id: key.userId, company_id: key.companyId, application_id: key.applicationId }
  if (!(await findSeat(ctx.db.read, seat))) return false
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    // First, since it locks the user, as all acts here do.
    await endCredentials(tx, key, now)
    return takeSeatAway(tx, seat, now)
  })
}

/** Takes a member out of a company, with all seats there. Tells how many; undefined for no member. */
export async function removeMember(
  ctx: Context,
  of: { userId: string; companyId: string },
): Promise<{ seats: number } | undefined> {
  const now = ctx.now()
  if (!(await isMember(ctx.db.read, of.userId, of.companyId))) return undefined
  return ctx.db.transaction(async (tx) => {
    await endCredentials(tx, of, now)
    await endMembership(tx, of.userId, of.companyId)
    return { seats: await takeSeatsAway(tx, of, now) }
  })
}

export type Deleted = { seats: number; memberships: number; tokens: number }

/**
 * Deletes a person's data for good. What stays is an id that nobody gets again, on memberships, seats and grants that have ended, and a
 * keyed hash of the address, so that it is given to somebody else only when that is asked for twice. @throws AppError `last_operator`
 */
export async function deleteUser(ctx: Context, user: { id: string; email: string }): Promise<Deleted> {
  const { id: userId, email } = user
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    await requireAnotherOperator(ctx, tx, userId)
    await endCredentials(tx, { userId }, now)
    const seats = await takeSeatsAway(tx, { userId }, now)
    const memberships = await endMemberships(tx, userId)
    const tokens = await deleteTokensOfUser(tx, userId)
    await pseudonymiseSupporter(tx, email, `deleted user ${userId}`)
    await deleteThrottlesOfUser(tx, userId)
    await deleteAddressesOfUser(tx, userId)
    await eraseUser(tx, userId, emailHash(ctx.keys, email), now)
    return { seats, memberships, tokens }
  })
}

async function takeSeatsAway(tx: Tx, of: { userId: string; companyId?: string }, now: number): Promise<number> {
  const seats = await listSeats(tx, of.userId, of.companyId)
  for (const seat of seats) await takeSeatAway(tx, seat, now)
  return seats.length
}

/** Somebody must be able to run the house: of two operators who go at once one stays. */
async function requireAnotherOperator(ctx: Context, tx: Tx, userId: string): Promise<void> {
  const operators = await lockOperators(tx, ctx.db.kind)
  if (operators.includes(userId) && operators.length === 1)
    throw new AppError('last_operator', {
      detail: 'This is the only operator. Make somebody else one first; nothing was changed.',
    })
}
