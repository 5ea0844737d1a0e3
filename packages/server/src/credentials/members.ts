import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import {
  findMembership,
  insertMembership,
  listMemberships,
  type Membership,
  updateMembership,
} from '../directory/membership-store.ts'
import { lockUser } from '../directory/user-store.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { endCredentials, endStanding } from './ending.ts'

export type Member = { userId: string; companyId: string }

type WantedMember = { role: 'member' | 'admin'; isPrimary?: boolean | undefined; despiteManager?: boolean | undefined }

/** Makes a user a member of a company, also one who was taken out of it. @throws AppError `not_found`, `already_there`, `managed_elsewhere`, `not_allowed` */
export async function addMember(
  ctx: Context,
  by: By,
  { userId, companyId }: Member,
  wanted: WantedMember,
): Promise<Membership> {
  return actInTransaction(ctx, by, (tx) => addMemberIn(ctx, tx, by, { userId, companyId }, wanted))
}

/** The same, in a transaction that does more. */
export async function addMemberIn(
  ctx: Context,
  tx: Tx,
  by: By,
  { userId, companyId }: Member,
  wanted: WantedMember,
): Promise<Membership> {
  requireGift(by, companyId)
  requirePrimary(by, wanted.isPrimary)
  const user = await lockUser(tx, ctx.db.kind, userId)
  // Whoever is somebody else's reads like nobody.
  const isTheirs = by.actor.power.kind === 'operator' || user?.managedBy === companyId
  if (!user || !isTheirs) throw new AppError('not_found', { detail: 'There is no such user.' })
  if (await findMembership(tx, userId, companyId))
    throw new AppError('already_there', { detail: 'This user is a member of the company already.' })
  if (user.managedBy !== null && user.managedBy !== companyId && !wanted.despiteManager)
    throw new AppError('managed_elsewhere', {
      detail:
        'Another company manages this account, and may know its password: whoever signs in with it could act for this company too. Say "despite_manager": true to add it all the same, or take the account over by "managed_by" and set a password first.',
    })
  // Somebody's first company is the one that the profile names.
  const isPrimary = wanted.isPrimary ?? (await listMemberships(tx, userId)).length === 0
  await insertMembership(tx, { userId, companyId, role: wanted.role, isPrimary, joinedAt: ctx.now() })
  await audit(ctx, tx, by, {
    act: 'member.added',
    target: { kind: 'user', id: userId },
    companyId,
    data: { role: wanted.role, primary: isPrimary },
  })
  return requireMember(await findMembership(tx, userId, companyId))
}

/** Changes the fields that are given. Switched off, a member keeps the seats. @throws AppError `not_found`, `not_allowed` */
export async function changeMember(
  ctx: Context,
  by: By,
  { userId, companyId }: Member,
  changes: { role?: 'member' | 'admin' | undefined; isPrimary?: boolean | undefined; isActive?: boolean | undefined },
): Promise<Membership> {
  requireGift(by, companyId)
  requirePrimary(by, changes.isPrimary)
  return actInTransaction(ctx, by, async (tx) => {
    await lockUser(tx, ctx.db.kind, userId)
    const stored = requireMember(await findMembership(tx, userId, companyId))
    const { role = stored.role, isPrimary = stored.isPrimary, isActive = stored.isActive } = changes
    if (role === stored.role && isPrimary === stored.isPrimary && isActive === stored.isActive) return stored
    // First, since it locks the user: what was begun for the company ends with the membership.
    if (stored.isActive && !isActive) await endCredentials(tx, { userId, companyId }, ctx.now())
    if (stored.role === 'admin' && role !== 'admin') await endStanding(tx, { userId, companyId }, ctx.now())
    await updateMembership(tx, { userId, companyId }, { role, is_primary: isPrimary ? 1 : 0, active: isActive ? 1 : 0 })
    await audit(ctx, tx, by, {
      act: 'member.changed',
      target: { kind: 'user', id: userId },
      companyId,
      data: {
        before: { role: stored.role, primary: stored.isPrimary, active: stored.isActive },
        after: { role, primary: isPrimary, active: isActive },
      },
    })
    return requireMember(await findMembership(tx, userId, companyId))
  })
}

function requireGift(by: By, companyId: string): void {
  const refusal = giftRefusal(by.actor, { kind: 'membership', companyId })
  if (refusal) throw giftRefused(refusal)
}

/** It is the user's, and takes the mark off another company. */
function requirePrimary(by: By, isPrimary: boolean | undefined): void {
  if (isPrimary !== undefined && by.actor.power.kind !== 'operator')
    throw new AppError('not_allowed', { detail: 'Which company is the primary one is for operators to say.' })
}

function requireMember(member: Membership | undefined): Membership {
  if (member) return member
  throw new AppError('not_found', { detail: 'There is no such member of this company.' })
}
