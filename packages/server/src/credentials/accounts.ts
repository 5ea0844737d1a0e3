import { listSeats } from '../access/seat-store.ts'
import { takeSeatAway } from '../access/seats.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { setApplicationActive } from '../directory/application-store.ts'
import { endMembership, endMemberships } from '../directory/membership-store.ts'
import { eraseUser, setPasswordHash, setUserActive } from '../directory/user-store.ts'
import { emailHash } from './email-hash.ts'
import { endCredentials } from './ending.ts'
import { deleteAddressesOfUser } from './known-address-store.ts'
import { deleteThrottlesOfUser } from './throttle-store.ts'
import { deleteTokensOfUser, pseudonymiseSupporter } from './token-store.ts'

// What happens to a user, a member or an application, and what ends with it: each act draws one transaction.

/** Also of a user who is off already: whatever is asked for holds afterwards. */
export async function switchUser(ctx: Context, userId: string, isActive: boolean): Promise<void> {
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    if (!isActive) await endCredentials(tx, { userId }, now)
    await setUserActive(tx, userId, isActive, now)
  })
}

export async function switchApplication(ctx: Context, applicationId: string, isActive: boolean): Promise<void> {
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    if (!isActive) await endCredentials(tx, { applicationId }, now)
    await setApplicationActive(tx, applicationId, isActive, now)
  })
}

export async function changePassword(ctx: Context, userId: string, hash: string): Promise<void> {
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    await endCredentials(tx, { userId }, now)
    await setPasswordHash(tx, userId, hash, now)
    await deleteThrottlesOfUser(tx, userId)
  })
}

/** A member's seat and all grants under it. False when there was none. */
export async function takeSeat(
  ctx: Context,
  key: { userId: string; companyId: string; applicationId: string },
): Promise<boolean> {
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    const { userId: user_id, companyId: company_id, applicationId: application_id } = key
    if (!(await takeSeatAway(tx, { user_id, company_id, application_id }, now))) return false
    await endCredentials(tx, key, now)
    return true
  })
}

/** Takes a member out of a company, with all seats there. Tells how many; undefined for no member. */
export async function removeMember(
  ctx: Context,
  of: { userId: string; companyId: string },
): Promise<{ seats: number } | undefined> {
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    if (!(await endMembership(tx, of.userId, of.companyId))) return undefined
    await endCredentials(tx, of, now)
    return { seats: await takeSeatsAway(tx, of, now) }
  })
}

export type Deleted = { seats: number; memberships: number; tokens: number }

/**
 * Deletes a person's data for good. What stays is an id that nobody gets again, on memberships, seats and grants that have ended, and a
 * keyed hash of the address, so that it is given to somebody else only when that is asked for twice.
 */
export async function deleteUser(ctx: Context, user: { id: string; email: string }): Promise<Deleted> {
  const { id: userId, email } = user
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
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
