import { effectiveIn } from '../access/rights.ts'
import { bySystem } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { emailHash } from '../credentials/email-hash.ts'
import { PasswordMoved } from '../credentials/issue-token.ts'
import { createUserIn, writeChanges } from '../credentials/users.ts'
import type { Db, Tx } from '../db/database.ts'
import { listMemberships } from '../directory/membership-store.ts'
import { findDeletedEmail, findUserByEmail, lockUser, type StoredUser } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { AppError } from '../errors.ts'
import { type LeftOut, MAX_TOLD, moveRights, noteLeftOut } from './move-rights.ts'
import type { Told } from './upstream.ts'
import { setMoved } from './upstream-store.ts'

const SWITCH_OVER = bySystem('the switch-over')

/** Whether the old server may be asked of a name, as it stands at this moment. */
export type Askable =
  | { kind: 'unknown' }
  | { kind: 'known'; userId: string }
  /** A password is there by now. */
  | { kind: 'moved' }
  /** Nobody whom another server has a say in. */
  | { kind: 'closed' }

/** Who is switched off here, was deleted, or runs the house, is never the old server's to let in. */
export async function findAskable(ctx: Context, db: Db, email: string): Promise<Askable> {
  const user = await findUserByEmail(db, email)
  if (!user) {
    const deletedAt = await findDeletedEmail(db, emailHash(ctx.keys, email))
    return deletedAt === undefined ? { kind: 'unknown' } : { kind: 'closed' }
  }
  if (user.hasPassword) return { kind: 'moved' }
  return user.isActive && !user.isOperator && !user.isSupport ? { kind: 'known', userId: user.id } : { kind: 'closed' }
}

type Move = {
  /** Canonical. */
  email: string
  applicationId: string
  /** Ours, of the password that was just found right. */
  hash: string
  told: Exclude<Told, 'refused'>
}

/**
 * Keeps who the old server let in, with what it lets them do in this application: all of it or nothing. What was set up here stands.
 * A move by which nobody would come in is not kept. @throws PasswordMoved when another sign-in was first, or the user is another's
 * matter by now; AppError `no_access`
 */
export async function moveUser(ctx: Context, move: Move): Promise<{ userId: string }> {
  let leftOut: LeftOut[] = []
  try {
    return await ctx.db.transaction(async (tx) => {
      const { user, isNew } = await lockOrMake(ctx, tx, move)
      const rights = await moveRights(ctx, tx, SWITCH_OVER, { user, isNew, ...move })
      leftOut = rights.leftOut
      if (!(await hasAccess(ctx, tx, user, move.applicationId))) throw noAccess()
      const { hash, applicationId } = move
      if (!(await setMoved(tx, user.id, { hash, applicationId, now: ctx.now() }))) throw new PasswordMoved()
      await audit(ctx, tx, SWITCH_OVER, {
        act: 'user.moved',
        target: { kind: 'user', id: user.id },
        applicationId,
        data: {
          created: isNew,
          companies: rights.companies.slice(0, MAX_TOLD),
          companies_in_all: rights.companies.length,
          left_out: leftOut.slice(0, MAX_TOLD).map(({ why, what }) => ({ why, what })),
          left_out_in_all: leftOut.length,
          other_email_told: canonicalEmail(move.told.profile.email) !== move.email,
        },
      })
      return { userId: user.id }
    })
  } catch (error) {
    // Somebody took the address between our look and our storing.
    if (error instanceof AppError && ['email_taken', 'email_of_deleted'].includes(error.code)) throw new PasswordMoved()
    throw error
  } finally {
    // Also of a move that was not kept: that is why.
    noteLeftOut(ctx, move.applicationId, leftOut)
  }
}

/** The profile fills what is empty here; the address is the one that was typed, whatever is told. */
async function lockOrMake(ctx: Context, tx: Tx, { email, told }: Move): Promise<{ user: StoredUser; isNew: boolean }> {
  const { firstName, lastName, pin } = told.profile
  const askable = await findAskable(ctx, tx, email)
  if (askable.kind === 'unknown') {
    const user = await createUserIn(ctx, tx, SWITCH_OVER, { email, firstName, lastName, pin }, null)
    return { user, isNew: true }
  }
  const stored = askable.kind === 'known' ? await lockUser(tx, ctx.db.kind, askable.userId) : undefined
  if (!stored || stored.hasPassword || !stored.isActive || stored.isOperator || stored.isSupport)
    throw new PasswordMoved()
  await writeChanges(ctx, tx, SWITCH_OVER, stored, {
    firstName: stored.firstName || firstName,
    lastName: stored.lastName || lastName,
    pin: stored.pin ?? pin,
  })
  return { user: stored, isNew: false }
}

/** Of what the transaction has done so far, and of what was there. */
async function hasAccess(ctx: Context, tx: Tx, { id: userId }: StoredUser, applicationId: string): Promise<boolean> {
  for (const { companyId } of await listMemberships(tx, userId))
    if ((await effectiveIn(ctx, tx, { userId, companyId, applicationId })).length > 0) return true
  return false
}

function noAccess(): AppError {
  return new AppError('no_access', {
    detail: 'There is no company for which you may use this application. Ask whoever manages it.',
  })
}
