import { blankReasons } from '../access/grant-store.ts'
import { findSeat, listSeats } from '../access/seat-store.ts'
import { takeSeatAway } from '../access/seats.ts'
import { actInTransaction, type By } from '../audit/actor.ts'
import { audit, erasePersonal } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { setApplicationActive } from '../directory/application-store.ts'
import { endMembership, endMemberships, findMembership } from '../directory/membership-store.ts'
import { deleteUserTerms } from '../directory/user-search.ts'
import { eraseUser, lockOperators, lockUser, setPasswordHash, setUserActive } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'
import { emailHash } from './email-hash.ts'
import { endCredentials } from './ending.ts'
import { findStarterReference } from './impersonation-store.ts'
import { deleteAddressesOfUser } from './known-address-store.ts'
import { endLastToken } from './last-token-store.ts'
import { deleteThrottlesOfUser } from './throttle-store.ts'
import { deleteTokensOfUser, findToken, pseudonymiseSupporter, revokeTokenByHash } from './token-store.ts'

// What happens to a user, a member or an application, and what ends with it: each act draws one transaction.

/** Also of a user who is off already: whatever is asked for holds afterwards. False when the user was deleted meanwhile. @throws AppError `last_operator` */
export async function switchUser(ctx: Context, by: By, userId: string, isActive: boolean): Promise<boolean> {
  return actInTransaction(ctx, by, (tx) => switchUserIn(ctx, tx, by, userId, isActive))
}

/** The same, in a transaction that does more. */
export async function switchUserIn(ctx: Context, tx: Tx, by: By, userId: string, isActive: boolean): Promise<boolean> {
  const now = ctx.now()
  if (!isActive) {
    await requireAnotherOperator(ctx, tx, userId)
    await endCredentials(tx, { userId }, now)
  }
  if (!(await setUserActive(tx, userId, isActive, now))) return false
  await audit(ctx, tx, by, {
    act: isActive ? 'user.switched_on' : 'user.switched_off',
    target: { kind: 'user', id: userId },
    companyId: companyOf(by),
  })
  return true
}

export async function switchApplication(ctx: Context, by: By, applicationId: string, isActive: boolean): Promise<void> {
  const now = ctx.now()
  await actInTransaction(ctx, by, async (tx) => {
    if (!isActive) await endCredentials(tx, { applicationId }, now)
    await setApplicationActive(tx, applicationId, isActive, now)
    await audit(ctx, tx, by, {
      act: isActive ? 'application.switched_on' : 'application.switched_off',
      target: { kind: 'application', id: applicationId },
      applicationId,
    })
  })
}

/** Every session and one-time token in an application. */
export async function signOutApplication(ctx: Context, by: By, applicationId: string): Promise<void> {
  await actInTransaction(ctx, by, async (tx) => {
    await endCredentials(tx, { applicationId }, ctx.now())
    const target = { kind: 'application', id: applicationId }
    await audit(ctx, tx, by, { act: 'application.signed_out', target, applicationId })
  })
}

/** One session, by its id; of this user, where one is named. */
export async function endToken(
  ctx: Context,
  by: By,
  id: string,
  userId?: string,
): Promise<'revoked' | 'already' | 'unknown'> {
  return actInTransaction(ctx, by, async (tx) => {
    const token = await findToken(tx, id)
    if (!token || (userId !== undefined && token.userId !== userId)) return 'unknown'
    if (!(await revokeTokenByHash(tx, token.hash, ctx.now()))) return 'already'
    await endLastToken(tx, token.hash, ctx.now())
    const { applicationId, impersonationId } = token
    // Of a session that somebody was behind, both people are told.
    const behindId = impersonationId === null ? undefined : await findStarterReference(tx, impersonationId)
    await audit(
      ctx,
      tx,
      { ...by, behindId },
      {
        act: 'token.revoked',
        target: { kind: 'token', id },
        applicationId,
        data: { user: token.userId, ...(impersonationId === null ? {} : { impersonation: impersonationId }) },
      },
    )
    return 'revoked'
  })
}

/** Every session and one-time token of a user, in all applications. */
export async function signOutUser(ctx: Context, by: By, userId: string): Promise<void> {
  await actInTransaction(ctx, by, async (tx) => {
    await endCredentials(tx, { userId }, ctx.now())
    await audit(ctx, tx, by, { act: 'user.signed_out', target: { kind: 'user', id: userId } })
  })
}

/** Whoever knew the old password may have signed in with it: known addresses go too. False when the user was deleted meanwhile. */
export async function changePassword(ctx: Context, by: By, userId: string, hash: string): Promise<boolean> {
  return actInTransaction(ctx, by, (tx) => changePasswordIn(ctx, tx, by, userId, hash))
}

/** The same, in a transaction that does more. */
export async function changePasswordIn(ctx: Context, tx: Tx, by: By, userId: string, hash: string): Promise<boolean> {
  const now = ctx.now()
  await endCredentials(tx, { userId }, now)
  await deleteThrottlesOfUser(tx, userId)
  await deleteAddressesOfUser(tx, userId)
  if (!(await setPasswordHash(tx, userId, hash, now))) return false
  await audit(ctx, tx, by, {
    act: 'user.password_changed',
    target: { kind: 'user', id: userId },
    companyId: companyOf(by),
  })
  return true
}

/** Of a company's admin: what is done then is in that company's list too. */
export function companyOf({ actor: { power } }: By): string | undefined {
  return power.kind === 'company' ? power.companyId : undefined
}

/** Takes a member's seat away, and all grants under it. False when there was none. */
export async function endSeat(
  ctx: Context,
  by: By,
  key: { userId: string; companyId: string; applicationId: string },
): Promise<boolean> {
  const seat = { user_id: key.userId, company_id: key.companyId, application_id: key.applicationId }
  if (!(await findSeat(ctx.db.read, seat))) return false
  const now = ctx.now()
  return actInTransaction(ctx, by, async (tx) => {
    // First, since it locks the user, as all acts here do.
    await endCredentials(tx, key, now)
    if (!(await takeSeatAway(tx, seat, now))) return false
    const { companyId, applicationId } = key
    await audit(ctx, tx, by, { act: 'seat.taken', target: { kind: 'user', id: key.userId }, companyId, applicationId })
    return true
  })
}

/** Takes a member out of a company, with all seats there. Tells how many; undefined for no member. */
export async function removeMember(
  ctx: Context,
  by: By,
  of: { userId: string; companyId: string },
): Promise<{ seats: number } | undefined> {
  const now = ctx.now()
  return actInTransaction(ctx, by, async (tx) => {
    await lockUser(tx, ctx.db.kind, of.userId)
    if (!(await findMembership(tx, of.userId, of.companyId))) return undefined
    await endCredentials(tx, of, now)
    await endMembership(tx, of.userId, of.companyId, now)
    const seats = await takeSeatsAway(tx, of, now)
    const { userId, companyId } = of
    await audit(ctx, tx, by, {
      act: 'member.removed',
      target: { kind: 'user', id: userId },
      companyId,
      data: { seats },
    })
    return { seats }
  })
}

export type Deleted = { seats: number; memberships: number; tokens: number }

/**
 * Deletes a person's data for good. What stays is an id that nobody gets again, on memberships, seats and grants that have ended, and a
 * keyed hash of the address, so that it is given to somebody else only when that is asked for twice. @throws AppError `last_operator`
 */
export async function deleteUser(ctx: Context, by: By, user: { id: string; email: string }): Promise<Deleted> {
  const { id: userId, email } = user
  const now = ctx.now()
  return actInTransaction(ctx, by, async (tx) => {
    await requireAnotherOperator(ctx, tx, userId)
    await endCredentials(tx, { userId }, now)
    const seats = await takeSeatsAway(tx, { userId }, now)
    const memberships = await endMemberships(tx, userId, now)
    const tokens = await deleteTokensOfUser(tx, userId)
    await pseudonymiseSupporter(tx, user, `deleted user ${userId}`)
    await deleteThrottlesOfUser(tx, userId)
    await deleteAddressesOfUser(tx, userId)
    await blankReasons(tx, userId)
    await deleteUserTerms(tx, userId)
    await erasePersonal(tx, userId)
    await eraseUser(tx, userId, emailHash(ctx.keys, email), now)
    const deleted = { seats, memberships, tokens }
    await audit(ctx, tx, by, { act: 'user.deleted', target: { kind: 'user', id: userId }, data: deleted })
    return deleted
  })
}

async function takeSeatsAway(tx: Tx, of: { userId: string; companyId?: string }, now: number): Promise<number> {
  const seats = await listSeats(tx, of.userId, of.companyId)
  for (const seat of seats) await takeSeatAway(tx, seat, now)
  return seats.length
}

/** Somebody must be able to run the house: of two operators who go at once one stays. */
export async function requireAnotherOperator(ctx: Context, tx: Tx, userId: string): Promise<void> {
  // Nobody else's going costs the house an operator: the others are not locked for it.
  if (!(await lockUser(tx, ctx.db.kind, userId))?.isOperator) return
  const operators = await lockOperators(tx, ctx.db.kind)
  if (operators.includes(userId) && operators.length === 1)
    throw new AppError('last_operator', {
      detail: 'This is the only operator. Make somebody else one first; nothing was changed.',
    })
}
