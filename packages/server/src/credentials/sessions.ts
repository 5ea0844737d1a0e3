import { type Answer, answerFrom, rightsAreMoving } from '../access/answer.ts'
import type { AnswerFacts, TokenFacts } from '../access/facts.ts'
import type { Context } from '../context.ts'
import { findApplication } from '../directory/application-store.ts'
import { AppError } from '../errors.ts'
import {
  type ApplicationClaim,
  requireApplication,
  requireSecret,
  requireSource,
  unknownApplication,
} from './applications.ts'
import { isWellFormed, secretHash } from './secrets.ts'
import { IDLE_SLACK_MS } from './token-use.ts'

export type TokenClaim = ApplicationClaim & { token: string | undefined }

export type LiveSession = { facts: AnswerFacts; token: TokenFacts; tokenHash: string; answer: Answer }

/** The session that a request speaks for, with its rights at this moment. @throws AppError `unknown_application`, `application_secret_required`, `invalid_token` */
export async function requireSession(ctx: Context, claim: TokenClaim): Promise<LiveSession> {
  // The tree or a role may change between the facts and it; then all is read again, so that an answer is of one moment.
  for (let tries = 0; tries < 10; tries++) {
    const session = await loadSession(ctx, claim)
    if (session) return session
  }
  throw rightsAreMoving()
}

async function loadSession(ctx: Context, claim: TokenClaim): Promise<LiveSession | undefined> {
  const now = ctx.now()
  const { token } = claim
  const tokenHash = token !== undefined && isWellFormed('clt_', token) ? secretHash(token) : undefined
  const found = tokenHash === undefined ? undefined : await ctx.facts.byToken(tokenHash)
  if (!found || tokenHash === undefined || found.application.id !== claim.applicationId) {
    if (found) await noteMisuse(ctx, claim, found.token, now)
    await requireApplication(ctx, claim)
    throw invalidToken(token)
  }
  if (!found.application.active) throw unknownApplication()
  requireSource(found.application.sourceNetworks, claim.source)
  requireSecret(found.application.secretHash, claim.secret)
  if (!isLive(ctx, found, tokenHash, now)) throw invalidToken(token)
  const answer = await answerFrom(ctx, found, now)
  if (!answer) return undefined
  ctx.tokenUse.note(tokenHash, found.token.lastUsedAt, now)
  return { facts: found, token: found.token, tokenHash, answer }
}

/** Read, never written as ended: what ends all sessions is one moment on the user or the application. */
function isLive(ctx: Context, found: AnswerFacts & { token: TokenFacts }, tokenHash: string, now: number): boolean {
  const { token, user, application } = found
  if (!user.active || token.revokedAt !== null || now >= token.expiresAt) return false
  if (token.issuedAt <= user.sessionsEndedAt || token.issuedAt <= application.sessionsEndedAt) return false
  const idleSince = ctx.tokenUse.lastUsedAt(tokenHash, token.lastUsedAt)
  return token.idleLimit === 0 || now - idleSince < token.idleLimit + IDLE_SLACK_MS
}

async function noteMisuse(ctx: Context, claim: TokenClaim, token: TokenFacts, now: number): Promise<void> {
  const { applicationId } = claim
  const kind = applicationId === undefined ? 'token_without_application' : 'token_of_another_application'
  // An id that is none is not kept: people send a token or a secret in its place (tests/commands/secrecy.test.ts).
  const known = applicationId === undefined ? undefined : await findApplication(ctx.db.read, applicationId)
  ctx.refusals.note(kind, known?.id ?? '', token.id, now)
}

/** One sentence for a token that never was, a dead one and another application's. */
function invalidToken(token: string | undefined): AppError {
  return new AppError('invalid_token', {
    detail:
      token === undefined
        ? 'The request carries no token: send it as X-LICENSE-TOKEN.'
        : 'This token is not valid. Sign in again.',
  })
}
