import { v7 as uuid } from 'uuid'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { setPasswordHash } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'
import { newSecret, secretHash } from './secrets.ts'
import { insertToken } from './token-store.ts'

const DAY = 86_400_000

export type IssuedToken = { token: string; expiresAt: number; issuedAt: number }

export type TokenWish = {
  userId: string
  applicationId: string
  /** The stored string that the password was just found right against: another one by now means that it was changed. */
  verified?: { hash: string; rehashed: string | undefined }
  /** An impersonation's token answers for one company and ends at its time. */
  impersonation?: { id: string; companyId: string; endsAt: number }
}

/** The stored string is another one since the password was found right: it was changed, or another sign-in hashed it anew. */
export class PasswordMoved extends AppError {
  constructor() {
    super('bad_credentials')
  }
}

/** Makes a token in the caller's transaction. @throws PasswordMoved; AppError `account_disabled` when that came in between */
export async function issueToken(ctx: Context, tx: Tx, wish: TokenWish): Promise<IssuedToken> {
  const { user, application } = await lockForToken(ctx, tx, wish)
  if (wish.verified && user.password_hash !== wish.verified.hash) throw new PasswordMoved()
  if (user.active !== 1) throw new AppError('account_disabled')
  const now = ctx.now()
  // After the moment at which older sessions were ended, also when this node's clock runs behind.
  const issuedAt = Math.max(now, user.sessions_ended_at + 1, application.sessions_ended_at + 1)
  const days = application.token_days ?? ctx.config.tokenDays
  // Sites of old clients, which have no secret, call rarely: their users would be signed out for nothing.
  const idleDays = application.token_idle_days ?? (application.secret_hash === null ? 0 : ctx.config.tokenIdleDays)
  const expiresAt = wish.impersonation?.endsAt ?? issuedAt + days * DAY
  const token = newSecret('clt_')
  await insertToken(tx, {
    id: uuid(),
    hash: secretHash(token),
    user_id: wish.userId,
    application_id: wish.applicationId,
    issued_at: issuedAt,
    expires_at: expiresAt,
    idle_limit: wish.impersonation ? 0 : idleDays * DAY,
    last_used_at: issuedAt,
    revoked_at: null,
    only_company_id: wish.impersonation?.companyId ?? null,
    impersonation_id: wish.impersonation?.id ?? null,
  })
  if (wish.verified?.rehashed) await setPasswordHash(tx, wish.userId, wish.verified.rehashed, now)
  return { token, expiresAt, issuedAt }
}

async function lockForToken(ctx: Context, tx: Tx, wish: TokenWish) {
  let users = tx
    .selectFrom('users')
    .select(['active', 'password_hash', 'sessions_ended_at'])
    .where('id', '=', wish.userId)
  let applications = tx
    .selectFrom('applications')
    .select(['secret_hash', 'token_days', 'token_idle_days', 'sessions_ended_at', 'active'])
    .where('id', '=', wish.applicationId)
  if (ctx.db.kind === 'postgres') {
    // Against `endUserSessions`. A rehash writes the row itself: taking the write lock at once keeps two from a deadlock.
    users = wish.verified?.rehashed ? users.forUpdate() : users.forShare()
    applications = applications.forShare()
  }
  const user = await users.executeTakeFirst()
  const application = await applications.executeTakeFirst()
  if (!user) throw new AppError('bad_credentials')
  if (application?.active !== 1) throw new AppError('unknown_application')
  return { user, application }
}
