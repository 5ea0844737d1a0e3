import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { starterReference } from '../credentials/impersonation-store.ts'
import { type IssuedToken, issueToken } from '../credentials/issue-token.ts'
import { secretHash } from '../credentials/secrets.ts'
import type { Database, Tx } from '../db/database.ts'
import type { StoredApplication } from '../directory/application-store.ts'
import { UUID } from '../domain/limits.ts'
import { AppError } from '../errors.ts'
import { markUsed } from './impersonation-store.ts'
import { requireAccess } from './start.ts'

export type Impersonation = IssuedToken & {
  userId: string
  companyId: string
  username: string
  reason: string
  /** Null from the server's own command line. */
  startedBy: { name: string; isPerson: boolean } | null
}

/** Exchanges the one-time token, once, for a token of one company, for the application that asks. @throws AppError `invalid_impersonation` */
export async function validateImpersonation(
  ctx: Context,
  application: Pick<StoredApplication, 'id'>,
  body: unknown,
  request: { id: string; source: string },
): Promise<Impersonation> {
  const token = (body as { token?: unknown } | null | undefined)?.token // Whatever was sent; looked at next.
  if (typeof token !== 'string' || !UUID.test(token)) throw invalid()
  const hash = secretHash(token)
  const wanted = await ctx.db.read
    .selectFrom('impersonations')
    .select(['id', 'user_id', 'company_id', 'application_id'])
    .where('hash', '=', hash)
    .executeTakeFirst()
  if (wanted && wanted.application_id !== application.id)
    ctx.refusals.note('one_time_token_of_another_application', application.id, wanted.id, ctx.now())
  if (wanted?.application_id !== application.id) throw invalid()
  const of = { userId: wanted.user_id, companyId: wanted.company_id, applicationId: application.id }
  // What was taken away meanwhile is not come into; from here on, whatever takes it away ends the token.
  await requireAccess(ctx, of).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'no_access' ? invalid() : error
  })
  return ctx.db.transaction(async (tx) => {
    const user = await holdUser(tx, ctx.db.kind, of)
    // The update decides which of two wins.
    const used = await markUsed(tx, hash, ctx.now())
    if (!used || !user) throw invalid()
    const impersonation = { id: used.id, companyId: of.companyId, endsAt: used.session_ends_at }
    const issued = await issueToken(ctx, tx, { userId: of.userId, applicationId: application.id, impersonation })
    const asUser = {
      actor: { kind: 'user', id: of.userId, userId: of.userId },
      behindId: starterReference(used),
    } as const
    await audit(
      ctx,
      tx,
      { ...asUser, requestId: request.id, source: request.source },
      {
        act: 'impersonation.used',
        target: { kind: 'user', id: of.userId },
        companyId: of.companyId,
        applicationId: application.id,
        data: { impersonation: used.id },
      },
    )
    const { started_by: name } = used
    return {
      ...issued,
      ...of,
      username: user.email,
      reason: used.reason,
      startedBy:
        name === null ? null : { name, isPerson: used.starter_key_id === null || used.starter_user_id !== null },
    }
  })
}

/** All that may end it, before the impersonation itself, as whatever ends something does: one waits for the other, not both for each other. Undefined for whom nobody may become. */
async function holdUser(
  tx: Tx,
  kind: Database['kind'],
  { userId, companyId, applicationId }: { userId: string; companyId: string; applicationId: string },
): Promise<{ email: string } | undefined> {
  const users = tx.selectFrom('users').select(['email', 'operator', 'active']).where('id', '=', userId)
  const companies = tx.selectFrom('companies').select('active').where('id', '=', companyId)
  const holds = kind === 'postgres'
  const user = await (holds ? users.forShare() : users).executeTakeFirst()
  const company = await (holds ? companies.forShare() : companies).executeTakeFirst()
  if (holds) await tx.selectFrom('applications').select('id').where('id', '=', applicationId).forShare().execute()
  return user?.active === 1 && user.operator === 0 && company?.active === 1 ? user : undefined
}

function invalid(): AppError {
  return new AppError('invalid_impersonation', {
    detail:
      'This one-time token is not valid: it was used, it is too old, it was ended, or it is for another application. Begin again.',
  })
}
