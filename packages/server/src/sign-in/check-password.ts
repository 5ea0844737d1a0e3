import type { Context } from '../context.ts'
import { needsRehash } from '../credentials/password-hash.ts'
import type { Account } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'

export type Verified = { userId: string; hash: string; rehashed: string | undefined }

/** One refusal for no account, no password and a wrong one; the same work for each. @throws AppError `bad_credentials`, `busy` */
export async function checkPassword(ctx: Context, account: Account | undefined, password: string): Promise<Verified> {
  const stored = account?.password
  const isRight = await ctx.hasher.verify(password, stored)
  if (!account || !stored || !isRight) throw new AppError('bad_credentials')
  const rehashed = needsRehash(stored) ? await ctx.hasher.hash(password) : undefined
  return { userId: account.id, hash: stored.hash, rehashed }
}
