import type { Answer } from '../access/answer.ts'
import type { AnswerFacts } from '../access/facts.ts'
import type { Context } from '../context.ts'
import { type ApplicationClaim, checkApplication, requireApplicationId } from '../credentials/applications.ts'
import type { Arrival } from '../credentials/arrival.ts'
import { type IssuedToken, issueToken, PasswordMoved } from '../credentials/issue-token.ts'
import { forgiveTry, rememberAddress, type Try } from '../credentials/throttle.ts'
import type { Account } from '../directory/user-store.ts'
import { checkAccess } from './check-access.ts'
import { checkAccount } from './check-account.ts'
import { checkAddress } from './check-address.ts'
import { checkInput, usernameIn } from './check-input.ts'
import { checkPassword, type Verified } from './check-password.ts'
import { type Came, enter } from './enter.ts'
import { WrongPassword } from './wrong-password.ts'

const MAX_TRIES = 3

export type SignInClaim = ApplicationClaim & { userAddress: string | undefined }

export type SignedIn = IssuedToken & { facts: AnswerFacts; answer: Answer }

/**
 * Signs a user in to the application that asks. Nothing but "wrong" is told before the password was right.
 * @throws AppError `unknown_application`, `application_source_refused`, `application_secret_required`, `invalid_input`,
 * `too_many_attempts`, `bad_credentials`, `account_disabled`, `no_access`, `busy`, `upstream_unavailable`
 */
export async function signIn(ctx: Context, claim: SignInClaim, body: unknown): Promise<SignedIn> {
  const since = performance.now()
  // Before the database is asked anything: in a rush most are told to come back.
  using early = claim.applicationId === undefined ? undefined : ctx.hasher.enterKnown(claim.applicationId, since)
  const id = requireApplicationId(claim)
  let arrival = await ctx.findArrival(ctx, id, usernameIn(body))
  const application = checkApplication(arrival.application, claim)
  const { username, password } = checkInput(body)
  const address = checkAddress(application, claim.userAddress)
  for (let tries = 1; ; tries++) {
    try {
      const came = { since, early: tries === 1 ? early : undefined }
      return await signInOnce(ctx, id, { username, password, address }, arrival, came)
    } catch (error) {
      if (error instanceof WrongPassword) await ctx.refusalFloor.since(error.hashingSince)
      // Two first sign-ins with an imported password are both right: the one that comes second looks at the new string.
      if (!(error instanceof PasswordMoved) || tries === MAX_TRIES) throw error
      arrival = await ctx.findArrival(ctx, id, username)
    }
  }
}

type Wish = { username: string; password: string; address: string | undefined }

async function signInOnce(
  ctx: Context,
  applicationId: string,
  { username, password, address }: Wish,
  { account, counted }: Arrival,
  came: Came,
): Promise<SignedIn> {
  const claimant = { userId: account?.id, address }
  using entry = await enter(ctx, applicationId, { claimant, counted }, came)
  const verified = await checkPassword(ctx, entry, { account, username, password, applicationId })
  const { facts, answer } = await checkRights(ctx, entry.attempt, verified.account, applicationId)
  const issued =
    (await issueOnly(ctx, entry.attempt, applicationId, verified, address)) ??
    (await ctx.db.transaction(async (tx) => {
      // First, since it locks the user: whatever else ends something does so too.
      const token = await issueToken(ctx, tx, { userId: verified.userId, applicationId, verified })
      await forgiveTry(ctx, tx, entry.attempt)
      await rememberAddress(tx, claimant, ctx.now())
      return token
    }))
  return { ...issued, facts, answer }
}

/** Where there is a token to store and nothing else. */
async function issueOnly(
  ctx: Context,
  { taken }: Try,
  applicationId: string,
  { userId, hash, rehashed }: Verified,
  address: string | undefined,
): Promise<IssuedToken | undefined> {
  if (taken.length > 0 || rehashed !== undefined || address !== undefined) return undefined
  return ctx.issueAtOnce(ctx, { userId, applicationId, hash })
}

async function checkRights(ctx: Context, attempt: Try, account: Account | undefined, applicationId: string) {
  try {
    return await checkAccess(ctx, checkAccount(account).id, applicationId)
  } catch (error) {
    // The password was right: that is no try to be counted.
    if (attempt.taken.length > 0) await ctx.db.transaction((tx) => forgiveTry(ctx, tx, attempt))
    throw error
  }
}
