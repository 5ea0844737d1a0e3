import { v4 as randomUuid, v7 as uuid } from 'uuid'
import { loadAnswer } from '../access/answer.ts'
import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { secretHash } from '../credentials/secrets.ts'
import type { Db } from '../db/database.ts'
import { findManagedApplication, type ManagedApplication } from '../directory/application-store.ts'
import { END_OF_TIME } from '../domain/interval.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { insertImpersonation } from './impersonation-store.ts'
import { requireOperational } from './site.ts'
import { type WayIn, wayIn } from './way-in.ts'

const MINUTE = 60_000
/** How long the one-time token waits to be used. */
export const ONE_TIME_MINUTES = 2
export const MAX_SESSION_MINUTES = 60
/** Of the words that say why. */
export const MAX_REASON = 500

export type ImpersonationWish = {
  userId: string
  companyId: string
  applicationId: string
  reason: string
  minutes: number
}

/** The one-time token is told this once, alone or in the way in; its hash is what is stored. */
export type Started = { id: string; token: string; usableUntil: number; wayIn: WayIn }

/**
 * Makes the one-time token with which a site lets a supporter in as this user. A Django site is asked first whether it can.
 * @throws AppError `not_allowed`, `no_access`, `not_in_dialect`, `site_not_ready`
 */
export async function startImpersonation(ctx: Context, by: By, wish: ImpersonationWish): Promise<Started> {
  await requireAllowed(ctx.db.read, by, wish, { holds: false })
  await requireAccess(ctx, wish)
  const application = await requireReady(ctx, wish.applicationId)
  const token = randomUuid() // What the oldest Django sites take: a random UUID in lower case.
  const id = uuid()
  let usableUntil = 0
  await actInTransaction(ctx, by, async (tx) => {
    await requireAllowed(tx, by, wish, { holds: ctx.db.kind === 'postgres' })
    const now = ctx.now()
    const { userId, companyId, applicationId } = wish
    const { actor } = by
    const minutes = Math.min(wish.minutes, MAX_SESSION_MINUTES)
    // No longer than the key works that began it.
    const endsAt = Math.min(now + minutes * MINUTE, actor.expiresAt ?? END_OF_TIME)
    usableUntil = Math.min(now + ONE_TIME_MINUTES * MINUTE, endsAt)
    await insertImpersonation(tx, {
      id,
      hash: secretHash(token),
      user_id: userId,
      company_id: companyId,
      application_id: applicationId,
      started_by: await nameOf(tx, by),
      starter_user_id: actor.userId,
      starter_key_id: actor.kind === 'key' ? actor.id : null,
      starter_power: actor.power.kind,
      reason: wish.reason,
      created_at: now,
      expires_at: usableUntil,
      session_ends_at: endsAt,
      used_at: null,
      ended_at: null,
    })
    await audit(
      ctx,
      tx,
      { ...by, behindId: actor.userId ?? undefined },
      {
        act: 'impersonation.started',
        target: { kind: 'user', id: userId },
        companyId,
        applicationId,
        data: { impersonation: id, minutes },
        personal: { subject: userId, data: { reason: wish.reason } },
      },
    )
  })
  return { id, token, usableUntil, wayIn: wayIn(ctx, application, { id, token }) }
}

/** An application that can take a one-time token, as far as can be found out. A site's answer may take seconds: no transaction is open meanwhile. */
async function requireReady(ctx: Context, applicationId: string): Promise<ManagedApplication> {
  const application = await findManagedApplication(ctx.db.read, applicationId)
  if (!application) throw new AppError('not_found', { detail: 'There is no such application.' })
  // No release of the flat dialects knows the call by which one is exchanged.
  if (application.dialect !== 'v1')
    throw new AppError('not_in_dialect', {
      detail: `Nobody can act as a user in ${application.name}: its dialect is ${application.dialect}, whose clients know no impersonation. Nothing was begun. Once its clients read v1, set "dialect" to "v1".`,
    })
  if (application.djangoUrl !== null) await requireOperational(ctx, application.djangoUrl)
  return application
}

/** Asked before anything is made, and again of what stands when it is stored: whatever takes it away waits, and ends it then. */
async function requireAllowed(
  db: Db,
  by: By,
  { userId, companyId }: ImpersonationWish,
  { holds }: { holds: boolean },
): Promise<void> {
  const users = db.selectFrom('users').select('operator').where('id', '=', userId)
  const companies = db.selectFrom('companies').select('allows_impersonation').where('id', '=', companyId)
  const user = await (holds ? users.forShare() : users).executeTakeFirst()
  const company = await (holds ? companies.forShare() : companies).executeTakeFirst()
  const refusal = giftRefusal(by.actor, {
    kind: 'impersonation',
    companyId,
    isOfOperator: user?.operator === 1,
    isOpenToCompany: company?.allows_impersonation === 1,
  })
  if (refusal) throw giftRefused(refusal)
}

/** @throws AppError `no_access` */
export async function requireAccess(
  ctx: Context,
  { userId, companyId, applicationId }: Pick<ImpersonationWish, 'userId' | 'companyId' | 'applicationId'>,
): Promise<void> {
  const found = await loadAnswer(ctx, userId, applicationId)
  if (found?.answer.companies.some((company) => company.id === companyId)) return
  throw new AppError('no_access', {
    detail: 'This user may not use the application in that company. `explain` says why.',
  })
}

/** For the person who reads it in the application: an address, or a key's name where the key is nobody's; null for the command line. */
async function nameOf(db: Db, { actor }: By): Promise<string | null> {
  if (actor.kind === 'system') return null
  if (actor.userId === null) return actor.name
  const person = await db.selectFrom('users').select('email').where('id', '=', actor.userId).executeTakeFirstOrThrow()
  return person.email
}
