import { v4 as randomUuid, v7 as uuid } from 'uuid'
import { loadAnswer } from '../access/answer.ts'
import { COMMAND_LINE } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { type IssuedToken, issueToken } from '../credentials/issue-token.ts'
import { secretHash } from '../credentials/secrets.ts'
import type { StoredApplication } from '../directory/application-store.ts'
import { UUID } from '../domain/limits.ts'
import { AppError } from '../errors.ts'

const MINUTE = 60_000
/** How long the one-time token waits to be used. */
const ONE_TIME_MINUTES = 2
export const MAX_SESSION_MINUTES = 60

export type ImpersonationWish = {
  userId: string
  companyId: string
  applicationId: string
  reason: string
  minutes: number
  /** The supporter's address; null from the server's own command line. */
  startedBy: string | null
}

/** Makes the one-time token with which a site lets a supporter in as this user. @throws AppError `no_access` */
export async function startImpersonation(
  ctx: Context,
  wish: ImpersonationWish,
): Promise<{ id: string; token: string }> {
  const found = await loadAnswer(ctx, wish.userId, wish.applicationId)
  if (!found?.answer.companies.some((company) => company.id === wish.companyId)) {
    throw new AppError('no_access', { detail: 'This user may not use the application in that company.' })
  }
  const now = ctx.now()
  const token = randomUuid() // What the oldest Django sites take: a random UUID in lower case.
  const id = uuid()
  await ctx.db.transaction(async (tx) => {
    await tx
      .insertInto('impersonations')
      .values({
        id,
        hash: secretHash(token),
        user_id: wish.userId,
        company_id: wish.companyId,
        application_id: wish.applicationId,
        started_by: wish.startedBy,
        reason: wish.reason,
        created_at: now,
        expires_at: now + ONE_TIME_MINUTES * MINUTE,
        session_ends_at: now + Math.min(wish.minutes, MAX_SESSION_MINUTES) * MINUTE,
        used_at: null,
      })
      .execute()
    const { userId, companyId, applicationId } = wish
    await audit(ctx, tx, COMMAND_LINE, {
      act: 'impersonation.started',
      target: { kind: 'user', id: userId },
      companyId,
      applicationId,
      data: { impersonation: id, minutes: wish.minutes },
      personal: { subject: userId, data: { reason: wish.reason } },
    })
  })
  return { id, token }
}

export type Impersonation = IssuedToken & {
  userId: string
  companyId: string
  username: string
  reason: string
  startedBy: string | null
}

/** Exchanges the one-time token, once, for a token of one company, for the application that asks. @throws AppError `invalid_impersonation` */
export async function validateImpersonation(
  ctx: Context,
  application: Pick<StoredApplication, 'id'>,
  body: unknown,
): Promise<Impersonation> {
  const token = (body as { token?: unknown } | null | undefined)?.token // Whatever was sent; looked at next.
  if (typeof token !== 'string' || !UUID.test(token)) throw invalid()
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    const hash = secretHash(token)
    const found = await tx
      .selectFrom('impersonations')
      .select('user_id')
      .where('hash', '=', hash)
      .where('application_id', '=', application.id)
      .executeTakeFirst()
    if (!found) throw invalid()
    // The user first, as whatever ends something does: one waits for the other, not both for each other.
    const users = tx.selectFrom('users').select(['email', 'operator', 'active']).where('id', '=', found.user_id)
    const user = await (ctx.db.kind === 'postgres' ? users.forShare() : users).executeTakeFirstOrThrow()
    // The update decides which of two wins.
    const used = await tx
      .updateTable('impersonations')
      .set({ used_at: now })
      .where('hash', '=', hash)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .returning(['id', 'user_id', 'company_id', 'reason', 'started_by', 'session_ends_at'])
      .executeTakeFirst()
    if (!used) throw invalid()
    if (user.active !== 1 || user.operator === 1) throw invalid()
    const impersonation = { id: used.id, companyId: used.company_id, endsAt: used.session_ends_at }
    const issued = await issueToken(ctx, tx, { userId: used.user_id, applicationId: application.id, impersonation })
    return {
      ...issued,
      userId: used.user_id,
      companyId: used.company_id,
      username: user.email,
      reason: used.reason,
      startedBy: used.started_by,
    }
  })
}

function invalid(): AppError {
  return new AppError('invalid_impersonation', {
    detail:
      'This one-time token is not valid: it was used, it is too old, or it is for another application. Start again.',
  })
}
