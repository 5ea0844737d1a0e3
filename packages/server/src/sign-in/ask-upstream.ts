import type { Context } from '../context.ts'
import { PasswordMoved } from '../credentials/issue-token.ts'
import { forgiveTry, keepTry, returnTry, type Try } from '../credentials/throttle.ts'
import { type Account, findAccount } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { isHashable } from '../domain/password-policy.ts'
import { AppError } from '../errors.ts'
import { type Askable, findAskable, moveUser } from '../upstream/move-user.ts'
import { noteDay } from '../upstream/notes.ts'
import type { Told } from '../upstream/upstream.ts'
import { WrongPassword } from './wrong-password.ts'

export type Claim = { account: Account | undefined; username: string; password: string; applicationId: string }

/** By what the sign-in knows anyway: a name that is no account here, or one without a password that may have one. */
export function mayAskUpstream(ctx: Context, { account, username, password }: Claim): boolean {
  if (!ctx.upstream || !isHashable(password)) return false
  if (account) return account.password === undefined && account.isActive && !account.isOperator
  return canonicalEmail(username) !== undefined
}

type Asking = { attempt: Try; since: number; hash: string }

/**
 * Asks the server that this one takes over from, and keeps whom it lets in. Holds no place at the hashing and no transaction meanwhile.
 * Its "no" is a wrong password; whatever else it is, is no try.
 * @throws WrongPassword, PasswordMoved; AppError `upstream_unavailable`, `busy`, `no_access`
 */
export async function askUpstream(ctx: Context, claim: Claim, { attempt, since, hash }: Asking): Promise<Account> {
  const email = canonicalEmail(claim.username) ?? ''
  const { kind, told } = await ask(ctx, email, claim).catch(async (error: unknown) => {
    await returnTry(ctx, attempt)
    throw error
  })
  if (kind === 'moved') {
    await returnTry(ctx, attempt)
    throw new PasswordMoved()
  }
  if (told === 'refused') {
    ctx.refusalFloor.saw(performance.now() - since)
    await keepTry(ctx, attempt)
    throw new WrongPassword(since)
  }
  try {
    await moveUser(ctx, { email, applicationId: claim.applicationId, hash, told })
  } catch (error) {
    // The password was right: that is no try to be counted.
    if (error instanceof PasswordMoved) await returnTry(ctx, attempt)
    else if (error instanceof AppError && attempt.taken.length > 0)
      await ctx.db.transaction((tx) => forgiveTry(ctx, tx, attempt))
    throw error
  }
  const moved = await findAccount(ctx.db.read, email)
  if (!moved) throw new PasswordMoved()
  return moved
}

async function ask(ctx: Context, email: string, claim: Claim): Promise<{ kind: Askable['kind']; told: Told }> {
  const { kind } = await findAskable(ctx, ctx.db.read, email)
  // Nobody of the old server's reads like a wrong password.
  if (!ctx.upstream || kind === 'moved' || kind === 'closed') return { kind, told: 'refused' }
  const told = await ctx.upstream.ask(claim.applicationId, email, claim.password)
  if (told === 'refused') noteDay(ctx, 'upstream_refused', claim.applicationId)
  return { kind, told }
}
