import type { Context } from '../context.ts'
import { verifyAnyway } from '../credentials/hasher.ts'
import { hashPassword, needsRehash } from '../credentials/password-hash.ts'
import { keepTry, returnTry } from '../credentials/throttle.ts'
import type { Account } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'
import type { Entry } from './enter.ts'

export type Verified = { userId: string; hash: string; rehashed: string | undefined }

/** A refusal that is answered later, so that its time tells nothing; `hashingSince` of `performance.now()`. */
export class WrongPassword extends AppError {
  readonly hashingSince: number

  constructor(hashingSince: number) {
    super('bad_credentials')
    this.hashingSince = hashingSince
  }
}

/** One refusal for no account, no password and a wrong one; the same work for each. @throws WrongPassword; AppError `busy` */
export async function checkPassword(
  ctx: Context,
  { place, attempt }: Entry,
  account: Account | undefined,
  password: string,
): Promise<Verified> {
  const stored = account?.password
  const hashing = place.run(async () => {
    const start = performance.now()
    const right = await verifyAnyway(password, stored)
    ctx.refusalFloor.saw(performance.now() - start)
    // In the same turn: another one might be refused, and the password was right.
    const anew = right && stored && needsRehash(stored) ? await hashPassword(password) : undefined
    return { isRight: right, rehashed: anew, since: start }
  })
  const { isRight, rehashed, since } = await hashing.catch(async (error: unknown) => {
    // No place after all, or no answer: that was no try.
    await returnTry(ctx, attempt)
    throw error
  })
  if (!account || !stored || !isRight) {
    await keepTry(ctx, attempt)
    throw new WrongPassword(since)
  }
  return { userId: account.id, hash: stored.hash, rehashed }
}
