import type { Answer } from '../access/answer.ts'
import type { AnswerFacts } from '../access/facts.ts'
import type { Context } from '../context.ts'
import { type ApplicationClaim, requireApplication } from '../credentials/applications.ts'
import { type IssuedToken, issueToken, PasswordMoved } from '../credentials/issue-token.ts'
import { checkAccess } from './check-access.ts'
import { checkAccount } from './check-account.ts'
import { checkInput } from './check-input.ts'
import { checkPassword } from './check-password.ts'
import { loadAccount } from './load-account.ts'

const MAX_TRIES = 3

export type SignedIn = IssuedToken & { facts: AnswerFacts; answer: Answer }

/**
 * Signs a user in to the application that asks. Nothing but "wrong" is told before the password was right.
 * @throws AppError `unknown_application`, `application_secret_required`, `invalid_input`, `bad_credentials`,
 * `account_disabled`, `no_access`, `busy`
 */
export async function signIn(ctx: Context, claim: ApplicationClaim, body: unknown): Promise<SignedIn> {
  const application = await requireApplication(ctx, claim)
  const input = checkInput(body)
  for (let tries = 1; ; tries++) {
    try {
      return await signInOnce(ctx, application.id, input)
    } catch (error) {
      // Two first sign-ins with an imported password are both right: the one that comes second looks at the new string.
      if (!(error instanceof PasswordMoved) || tries === MAX_TRIES) throw error
    }
  }
}

async function signInOnce(
  ctx: Context,
  applicationId: string,
  { username, password }: ReturnType<typeof checkInput>,
): Promise<SignedIn> {
  const account = await loadAccount(ctx, username)
  const verified = await checkPassword(ctx, account, password)
  checkAccount(account)
  const { facts, answer } = await checkAccess(ctx, verified.userId, applicationId)
  const issued = await ctx.db.transaction((tx) =>
    issueToken(ctx, tx, { userId: verified.userId, applicationId, verified }),
  )
  return { ...issued, facts, answer }
}
