import { v4 as randomUuid, v7 as uuid } from 'uuid'
import { loadAnswer } from '../access/answer.ts'
import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { secretHash } from '../credentials/secrets.ts'
import type { Db } from '../db/database.ts'
import { findManagedApplication } from '../directory/application-store.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { insertImpersonation } from './impersonation-store.ts'
import { requireOperational } from './site.ts'

const MINUTE = 60_000
/** How long the one-time token waits to be used. */
export const ONE_TIME_MINUTES = 2
export const MAX_SESSION_MINUTES = 60

export type ImpersonationWish = {
  userId: string
  companyId: string
  applicationId: string
  reason: string
  minutes: number
}

/** The one-time token is told this once; its hash is what is stored. */
export type Started = {
  id: string
  token: string
  /** Where the site lets the supporter in; null where the application is no Django site, or none was asked. */
  siteUrl: string | null
}

/**
 * Makes the one-time token with which a site lets a supporter in as this user. A Django site is asked first whether it can.
 * @throws AppError `not_allowed`, `no_access`, `site_not_ready`
 */
export async function startImpersonation(ctx: Context, by: By, wish: ImpersonationWish): Promise<Started> {
  await requireAllowed(ctx.db.read, by, wish, { holds: false })
  await requireAccess(ctx, wish)
  const application = await findManagedApplication(ctx.db.read, wish.applicationId)
  const base = application?.djangoUrl ?? null
  // Outside of the transaction: it may take seconds.
  if (base !== null) await requireOperational(ctx, base)
  const token = randomUuid() // What the oldest Django sites take: a random UUID in lower case.
  const id = uuid()
  await actInTransaction(ctx, by, async (tx) => {
    await requireAllowed(tx, by, wish, { holds: ctx.db.kind === 'postgres' })
    const now = ctx.now()
    const { userId, companyId, applicationId } = wish
    const minutes = Math.min(wish.minutes, MAX_SESSION_MINUTES)
    const { actor } = by
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
      expires_at: now + ONE_TIME_MINUTES * MINUTE,
      session_ends_at: now + minutes * MINUTE,
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
  return { id, token, siteUrl: base === null ? null : `${base}/impersonation/${token}` }
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
