import { v7 as uuid } from 'uuid'
import { type Actor, actInTransaction, actorReference, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { END_OF_TIME } from '../domain/interval.ts'
import { giftRefusal, type Power, type Scope } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import {
  findKey,
  findStanding,
  insertKey,
  type KeyStanding,
  noteKeyUse,
  revokeKey,
  type StoredKey,
} from './api-key-store.ts'
import { endBegunImpersonations } from './impersonation-store.ts'
import { isWellFormed, newSecret, secretHash } from './secrets.ts'

/** A use so soon after the stored one is not stored. */
const PRECISION_MS = 60_000

/** Who a key speaks for, at this moment. @throws AppError `invalid_api_key` */
export async function requireKey(ctx: Context, secret: string, request: { id: string; source: string }): Promise<By> {
  const standing = isWellFormed('clk_', secret)
    ? await findStanding(ctx.db.read, ctx.db.kind, { hash: secretHash(secret) }, { holds: false })
    : undefined
  const actor = actorOf(standing, ctx.now())
  if (!actor) throw keyRefused()
  await noteUse(ctx, standing?.key)
  return {
    actor,
    requestId: request.id,
    source: request.source,
    async requireStanding(tx) {
      const held = await findStanding(tx, ctx.db.kind, { id: actor.id }, { holds: true })
      if (!actorOf(held, ctx.now())) throw keyRefused()
    },
  }
}

/** Undefined where the key does not work: revoked, expired, or without the standing of who it is bound to. */
function actorOf(standing: KeyStanding | undefined, now: number): Actor | undefined {
  if (!standing || !stands(standing, now)) return undefined
  const { id, name, power, scopes, user, expiresAt } = standing.key
  return { kind: 'key', id, name, power, scopes, userId: user?.id ?? null, expiresAt }
}

function stands({ key, user, company, application }: KeyStanding, now: number): boolean {
  if (key.revokedAt !== null || (key.expiresAt !== null && now >= key.expiresAt)) return false
  if (user && !user.isActive) return false
  switch (key.power.kind) {
    case 'operator':
      return user === null || user.isOperator
    case 'support':
      return user === null || user.isSupport || user.isOperator
    case 'company':
      return company?.isActive === true && (company.role === 'admin' || user?.isOperator === true)
    case 'application':
      return application?.isActive === true && (user === null || user.isOperator)
  }
}

/** One sentence for a key that never was and for one that works no more. */
function keyRefused(): AppError {
  return new AppError('invalid_api_key', {
    detail: 'This API key is not valid: it was never made, or it was revoked, has expired, or may no longer do this.',
  })
}

async function noteUse(ctx: Context, key: StoredKey | undefined): Promise<void> {
  const now = ctx.now()
  if (!key || now - (key.lastUsedAt ?? 0) < PRECISION_MS) return
  try {
    await ctx.db.transaction((tx) => noteKeyUse(tx, key.id, now), { isDurable: false })
  } catch (error) {
    // What the key was used for goes on: on a full disk people want to look.
    ctx.log.warn({ err: error }, 'the use of an API key could not be noted')
  }
}

export type WantedKey = {
  name: string
  power: Power
  userId: string | null
  scopes: readonly Scope[]
  /** Null: it does not expire. */
  expiresAt: number | null
}

/** Makes a key; its secret is told this once. What its maker's power hangs on, its own does too. @throws AppError `not_allowed` */
export async function createKey(ctx: Context, by: By, wanted: WantedKey): Promise<{ id: string; secret: string }> {
  const refusal = giftRefusal(by.actor, { kind: 'api_key', power: wanted.power, scopes: wanted.scopes })
  if (refusal) throw giftRefused(refusal)
  const { userId: makersUser, expiresAt: makersEnd } = by.actor
  // Or a key would outlive the standing of whom it comes from.
  if (makersUser !== null && wanted.userId !== makersUser) throw giftRefused({ because: 'more_than_own', slugs: [] })
  const expiresAt = Math.min(wanted.expiresAt ?? END_OF_TIME, makersEnd ?? END_OF_TIME)
  const id = uuid()
  const secret = newSecret('clk_')
  const { power } = wanted
  const companyId = power.kind === 'company' ? power.companyId : undefined
  const applicationId = power.kind === 'application' ? power.applicationId : undefined
  await actInTransaction(ctx, by, async (tx) => {
    await insertKey(tx, {
      id,
      hash: secretHash(secret),
      name: wanted.name,
      power: power.kind,
      user_id: wanted.userId,
      company_id: companyId ?? null,
      application_id: applicationId ?? null,
      scopes: wanted.scopes.join(' '),
      created_by: actorReference(by.actor),
      created_at: ctx.now(),
      expires_at: expiresAt,
      last_used_at: 0,
      revoked_at: null,
    })
    await audit(ctx, tx, by, {
      act: 'api_key.created',
      target: { kind: 'api_key', id },
      companyId,
      applicationId,
      data: {
        power: power.kind,
        user: wanted.userId,
        scopes: wanted.scopes,
        expires_at: expiresAt === END_OF_TIME ? null : expiresAt,
      },
    })
  })
  return { id, secret }
}

/** False when it was revoked already. */
export async function endKey(ctx: Context, by: By, id: string): Promise<boolean> {
  return actInTransaction(ctx, by, async (tx) => {
    const key = await findKey(tx, id)
    if (!key || !(await revokeKey(tx, id, ctx.now()))) return false
    await endBegunImpersonations(tx, { keyId: id }, ctx.now())
    await audit(ctx, tx, by, {
      act: 'api_key.revoked',
      target: { kind: 'api_key', id },
      companyId: key.power.kind === 'company' ? key.power.companyId : undefined,
      applicationId: key.power.kind === 'application' ? key.power.applicationId : undefined,
    })
    return true
  })
}
