import type { Context } from '../context.ts'
import { verifyAnyway } from '../credentials/hasher.ts'
import { hashPassword, needsRehash } from '../credentials/password-hash.ts'
import { keepTry, returnTry } from '../credentials/throttle.ts'
import type { Account } from '../directory/user-store.ts'
import { askUpstream, type Claim, mayAskUpstream } from './ask-upstream.ts'
import type { Entry } from './enter.ts'
import { WrongPassword } from './wrong-password.ts'

/** `account`: as it is by now, which may have come in just before. */
export type Verified = { account: Account; userId: string; hash: string; rehashed: string | undefined }

/**
 * One refusal for no account, no password and a wrong one; the same work for each. Who has no password here yet may be asked for where
 * the house moves from. @throws WrongPassword; PasswordMoved; AppError `busy`, `upstream_unavailable`, `no_access`
 */
export async function checkPassword(ctx: Context, { place, attempt }: Entry, claim: Claim): Promise<Verified> {
  const { account, password } = claim
  const stored = account?.password
  const asksUpstream = mayAskUpstream(ctx, claim)
  const hashing = place.run(async () => {
    const start = performance.now()
    // As much work as verifying; what is kept if the other server agrees, so that its word is followed by no wait for a turn.
    const kept = asksUpstream ? await hashPassword(password) : undefined
    const right = kept === undefined && (await verifyAnyway(password, stored))
    ctx.refusalFloor.saw(performance.now() - start)
    // In the same turn: another one might be refused, and the password was right.
    const anew = right && stored && needsRehash(stored) ? await hashPassword(password) : undefined
    return { isRight: right, rehashed: anew, since: start, kept }
  })
  const {
    isRight,
    rehashed,
    since,
    kept: hash,
  } = await hashing.catch(async (error: unknown) => {
    // No place after all, or no answer: that was no try.
    await returnTry(ctx, attempt)
    throw error
  })
  if (hash !== undefined) {
    const moved = await askUpstream(ctx, claim, { attempt, since, hash })
    return { account: moved, userId: moved.id, hash, rehashed: undefined }
  }
  if (!account || !stored || !isRight) {
    await keepTry(ctx, attempt)
    throw new WrongPassword(since)
  }
  return { account, userId: account.id, hash: stored.hash, rehashed }
}
