import { v7 as uuid } from 'uuid'
import { actInTransaction, type By, bySystem } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { lockApplication } from '../directory/application-store.ts'
import { type DisabledBecause, type EndpointDialect, TRIED_FOR_MS } from '../domain/delivery.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { newWebhookSecret, purposeOf } from '../keys/sealed-endpoints.ts'
import type { EventType } from '../outbox/event-forms.ts'
import { lastNumber } from '../outbox/event-store.ts'
import { wantEvents } from '../outbox/wanting.ts'
import { hurry } from './delivery-store.ts'
import {
  type EndpointRow,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  lockEndpoint,
  MAX_ENDPOINTS,
  switchOffEndpoint,
  updateEndpoint,
} from './endpoint-store.ts'

const HOUR = 3_600_000

export type EndpointChanges = {
  /** Judged already (endpoint-url.ts). */
  url?: string | undefined
  /** Null: all. */
  types?: readonly EventType[] | null | undefined
  description?: string | undefined
  isActive?: boolean | undefined
}

/** The endpoint, and its secret, told this once. @throws AppError `not_found`, `not_allowed`, `too_many_endpoints` */
export async function createEndpoint(
  ctx: Context,
  by: By,
  applicationId: string,
  wanted: EndpointChanges & { url: string; dialect: EndpointDialect },
): Promise<{ endpoint: EndpointRow; secret: string }> {
  const id = uuid()
  const secret = newWebhookSecret()
  const sealed = await ctx.keys.seal(purposeOf('secret', id), secret)
  const now = ctx.now()
  const endpoint = await actInTransaction(ctx, by, async (tx) => {
    requireGift(by, applicationId)
    // Held, so that of two who make the last one, one does.
    if (!(await lockApplication(tx, ctx.db.kind, applicationId))) throw noApplication()
    // From here on somebody wants to be told.
    await wantEvents(tx, applicationId, now)
    if ((await listEndpoints(tx, applicationId)).length >= MAX_ENDPOINTS)
      throw new AppError('too_many_endpoints', { detail: `An application has ${MAX_ENDPOINTS} endpoints at most.` })
    await insertEndpoint(tx, {
      id,
      application_id: applicationId,
      dialect: wanted.dialect,
      url: wanted.url,
      types: wanted.types?.join(' ') ?? null,
      description: wanted.description ?? '',
      active: wanted.isActive === false ? 0 : 1,
      secret: sealed,
      secret_before: null,
      before_until: null,
      // What happens from now on: what is so already is sent by `resend`.
      next_seq: (await lastNumber(tx)) + 1,
      resend_place: null,
      failing_since: null,
      disabled_at: null,
      disabled_because: null,
      created_at: now,
      updated_at: now,
      deleted_at: null,
    })
    const made = present(await lockEndpoint(tx, ctx.db.kind, applicationId, id))
    await audit(ctx, tx, by, { act: 'endpoint.created', ...about(made), data: { after: told(made) } })
    return made
  })
  return { endpoint, secret }
}

/** Switched on again, it goes on where it stopped. @throws AppError `not_found`, `not_allowed` */
export async function changeEndpoint(
  ctx: Context,
  by: By,
  applicationId: string,
  id: string,
  changes: EndpointChanges,
): Promise<EndpointRow> {
  return actInTransaction(ctx, by, async (tx) => {
    const stored = await lockOwn(ctx, tx, by, applicationId, id)
    const isOn = changes.isActive ?? stored.active === 1
    const now = ctx.now()
    await updateEndpoint(tx, id, {
      url: changes.url ?? stored.url,
      types: changes.types === undefined ? stored.types : (changes.types?.join(' ') ?? null),
      description: changes.description ?? stored.description,
      active: isOn ? 1 : 0,
      ...(isOn && stored.active === 0 ? { failing_since: null, disabled_at: null, disabled_because: null } : {}),
      updated_at: now,
    })
    // Whoever mends an endpoint wants to see that it works, not to wait for hours.
    const isMended = stored.active === 0 || (changes.url !== undefined && changes.url !== stored.url)
    if (isOn && isMended) await hurry(tx, id, now)
    const endpoint = present(await lockEndpoint(tx, ctx.db.kind, applicationId, id))
    const [before, after] = [told(stored), told(endpoint)]
    const isMoved = stored.url !== endpoint.url
    if (JSON.stringify(before) === JSON.stringify(after) && !isMoved) return endpoint
    const data = { before, after, ...(isMoved ? { url_changed: true } : {}) }
    await audit(ctx, tx, by, { act: 'endpoint.changed', ...about(endpoint), data })
    return endpoint
  })
}

/** A new secret, told this once; the one before signs along for so many hours. @throws AppError `not_found`, `not_allowed` */
export async function rotateSecret(
  ctx: Context,
  by: By,
  applicationId: string,
  id: string,
  hours: number,
): Promise<{ secret: string; beforeUntil: number | null }> {
  const secret = newWebhookSecret()
  const sealed = await ctx.keys.seal(purposeOf('secret', id), secret)
  // Two turns where another one rotated it in between: what was opened must be what is replaced.
  for (let tries = 0; ; tries++) {
    const known = await getEndpoint(ctx, applicationId, id)
    const keeps = hours > 0 && known.secret !== null && known.disabled_because !== 'secret_lost'
    const before = keeps ? await sealBefore(ctx, id, known.secret ?? '') : null
    const beforeUntil = before === null ? null : ctx.now() + hours * HOUR
    const isDone = await actInTransaction(ctx, by, async (tx) => {
      const stored = await lockOwn(ctx, tx, by, applicationId, id)
      if (stored.secret !== known.secret) return false
      await updateEndpoint(tx, id, { secret: sealed, secret_before: before, before_until: beforeUntil })
      await audit(ctx, tx, by, { act: 'endpoint.secret_changed', ...about(stored), data: { hours: keeps ? hours : 0 } })
      return true
    })
    if (isDone) return { secret, beforeUntil }
    if (tries > 3) throw new AppError('busy', { retryAfter: 1 })
  }
}

async function sealBefore(ctx: Context, id: string, sealed: string): Promise<string> {
  const secret = await ctx.keys.open(purposeOf('secret', id), sealed)
  return ctx.keys.seal(purposeOf('secret_before', id), secret)
}

/** Nothing goes there any more. @throws AppError `not_found`, `not_allowed` */
export async function removeEndpoint(ctx: Context, by: By, applicationId: string, id: string): Promise<void> {
  await actInTransaction(ctx, by, async (tx) => {
    const stored = await lockOwn(ctx, tx, by, applicationId, id)
    // Its deliveries are cleared away later, some at a time.
    await updateEndpoint(tx, id, {
      active: 0,
      secret: null,
      secret_before: null,
      before_until: null,
      deleted_at: ctx.now(),
    })
    await audit(ctx, tx, by, { act: 'endpoint.removed', ...about(stored), data: { before: told(stored) } })
  })
}

/** Of ourselves, with notice: in the audit, in the log, in what the API and `doctor` tell. */
export async function switchOff(
  ctx: Context,
  tx: Tx,
  endpoint: Pick<EndpointRow, 'id' | 'application_id'>,
  because: DisabledBecause,
): Promise<void> {
  if (!(await switchOffEndpoint(tx, endpoint.id, because, ctx.now()))) return
  await audit(ctx, tx, bySystem('deliveries'), { act: 'endpoint.switched_off', ...about(endpoint), data: { because } })
  const days = TRIED_FOR_MS / 86_400_000
  const why = because === 'gone' ? 'it answered 410' : `nothing arrived for ${days} days`
  ctx.log.warn(
    { endpoint: endpoint.id, application: endpoint.application_id },
    `an endpoint was switched off: ${why}; nothing more is sent there until somebody switches it on`,
  )
}

/** @throws AppError `not_found`, `not_allowed` */
export async function lockOwn(ctx: Context, tx: Tx, by: By, applicationId: string, id: string): Promise<EndpointRow> {
  requireGift(by, applicationId)
  return present(await lockEndpoint(tx, ctx.db.kind, applicationId, id))
}

/** @throws AppError `not_found` */
export async function getEndpoint(ctx: Context, applicationId: string, id: string): Promise<EndpointRow> {
  return present(await findEndpoint(ctx.db.read, applicationId, id))
}

/** @throws AppError `endpoint_off` */
export function requireOn({ active }: EndpointRow): void {
  if (active !== 1)
    throw new AppError('endpoint_off', { detail: 'Nothing is sent to this endpoint: switch it on first.' })
}

/** @throws AppError `not_allowed` */
function requireGift(by: By, applicationId: string): void {
  const refusal = giftRefusal(by.actor, { kind: 'endpoint', applicationId })
  if (refusal) throw giftRefused(refusal)
}

export function about({ id, application_id }: Pick<EndpointRow, 'id' | 'application_id'>) {
  return { target: { kind: 'endpoint', id }, applicationId: application_id }
}

/** For the audit. Not the whole address: there are services whose addresses are secrets. */
function told(endpoint: EndpointRow) {
  return {
    dialect: endpoint.dialect,
    origin: new URL(endpoint.url).origin,
    types: endpoint.types?.split(' ') ?? null,
    active: endpoint.active === 1,
  }
}

function present(endpoint: EndpointRow | undefined): EndpointRow {
  if (endpoint) return endpoint
  throw new AppError('not_found', { detail: 'There is no such endpoint of this application.' })
}

function noApplication(): AppError {
  return new AppError('not_found', { detail: 'There is no such application.' })
}
