import type { Answer } from '../access/answer.ts'
import type { AnswerFacts } from '../access/facts.ts'
import type { Context } from '../context.ts'
import { type ApplicationClaim, requireApplication } from '../credentials/applications.ts'
import { type IssuedToken, issueToken } from '../credentials/issue-token.ts'
import { checkAccess } from './check-access.ts'
import { checkAccount } from './check-account.ts'
import { checkInput } from './check-input.ts'
import { checkPassword } from './check-password.ts'
import { loadAccount } from './load-account.ts'

export type SignedIn = IssuedToken & { facts: AnswerFacts; answer: Answer }

/**
 * Signs a user in to the application that asks. Nothing but "wrong" is told before the password was right.
 * @throws AppError `unknown_application`, `application_secret_required`, `invalid_input`, `bad_credentials`,
 * `account_disabled`, `no_access`, `busy`
 */
export async function signIn(ctx: Context, claim: ApplicationClaim, body: unknown): Promise<SignedIn> {
  const application = await requireApplication(ctx, claim)
  const { username, password } = checkInput(body)
  const account = await loadAccount(ctx, username)
  const verified = await checkPassword(ctx, account, password)
  checkAccount(account)
  const { facts, answer } = await checkAccess(ctx, verified.userId, application.id)
  const issued = await ctx.db.transaction((tx) =>
    issueToken(ctx, tx, { userId: verified.userId, applicationId: application.id, verified }),
  )
  return { ...issued, facts, answer }
}
