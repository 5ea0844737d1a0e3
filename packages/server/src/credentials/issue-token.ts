import { sql } from 'kysely'
import { v7 as uuid } from 'uuid'
import type { Context } from '../context.ts'
import type { Database, PreparedQuery, Tx } from '../db/database.ts'
import { setPasswordHash } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'
import { lastTokenPurpose } from '../keys/sealed-tokens.ts'
import { keepLastToken } from './last-token-store.ts'
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
  const id = uuid()
  await insertToken(tx, {
    id,
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
  if (application.django_by_token === 1) await keepForSite(ctx, tx, wish, { id, token, endsAt: expiresAt })
  if (wish.verified?.rehashed) await setPasswordHash(tx, wish.userId, wish.verified.rehashed, now)
  return { token, expiresAt, issuedAt }
}

/** For a site that finds the user of an event by it, sealed (docs/decisions/0022-deliveries.md). */
async function keepForSite(
  ctx: Context,
  tx: Tx,
  { userId, applicationId }: TokenWish,
  { id, token, endsAt }: { id: string; token: string; endsAt: number },
): Promise<void> {
  await keepLastToken(tx, {
    id: uuid(),
    user_id: userId,
    application_id: applicationId,
    token_id: id,
    sealed: await ctx.keys.seal(lastTokenPurpose({ userId, applicationId }), token),
    ends_at: endsAt,
  })
}

/** Makes the token of a sign-in that has nothing else to store. */
export type IssueAtOnce = (ctx: Context, wish: SignInWish) => Promise<IssuedToken | undefined>

export type SignInWish = { userId: string; applicationId: string; hash: string }

/**
 * The common case of `issueToken` as one statement, which is a transaction of its own: fewer turns with the database than hashing leaves
 * room for. Undefined where it does not apply, for whatever reason: `issueToken` says why.
 */
export function prepareIssuing(db: Database): IssueAtOnce {
  const query = db.prepareWrite('issue-token', issuingSql(db.kind).compile(db.read))
  return (ctx, wish) => issueAtOnce(query, ctx, wish)
}

function issuingSql(kind: Database['kind']) {
  const text = sql`cast(${''} as text)`
  const count = sql`cast(${0} as bigint)`
  // The same locks as below: against whatever ends something meanwhile. Written as CASE, since the two name a greatest value differently.
  return sql`with made (now) as (select ${count}),
    holder as (
      select u.id as user_id, a.id as application_id,
        case when m.now > u.sessions_ended_at and m.now > a.sessions_ended_at then m.now
          when u.sessions_ended_at > a.sessions_ended_at then u.sessions_ended_at + 1 else a.sessions_ended_at + 1 end as issued_at,
        cast(coalesce(a.token_days, ${count}) as bigint) as days,
        cast(coalesce(a.token_idle_days, case when a.secret_hash is null then 0 else ${count} end) as bigint) as idle_days
      from made m, users u, applications a
      where u.id = ${text} and u.password_hash = ${text} and u.active = 1 and a.id = ${text} and a.active = 1 and a.django_by_token = 0
      ${kind === 'postgres' ? sql`for share of u, a` : sql``}
    )
    insert into tokens (id, hash, user_id, application_id, issued_at, expires_at, idle_limit, last_used_at,
      revoked_at, only_company_id, impersonation_id)
    select ${text}, ${text}, user_id, application_id, issued_at, issued_at + days * ${sql.lit(DAY)}, idle_days * ${sql.lit(DAY)}, issued_at,
      null, null, null
    from holder
    returning issued_at, expires_at`
}

async function issueAtOnce(query: PreparedQuery, ctx: Context, wish: SignInWish): Promise<IssuedToken | undefined> {
  const { tokenDays, tokenIdleDays } = ctx.config
  const token = newSecret('clt_')
  // In the order of the text.
  const of = [ctx.now(), tokenDays, tokenIdleDays, wish.userId, wish.hash, wish.applicationId]
  const [row] = await query([...of, uuid(), secretHash(token)])
  if (!row) return undefined
  const [issuedAt, expiresAt] = row as [number, number] // As it returns them.
  return { token, issuedAt, expiresAt }
}

async function lockForToken(ctx: Context, tx: Tx, wish: TokenWish) {
  let users = tx
    .selectFrom('users')
    .select(['active', 'password_hash', 'sessions_ended_at'])
    .where('id', '=', wish.userId)
  let applications = tx
    .selectFrom('applications')
    .select(['secret_hash', 'token_days', 'token_idle_days', 'sessions_ended_at', 'active', 'django_by_token'])
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
