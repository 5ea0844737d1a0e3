import { v7 as uuid } from 'uuid'
import { actInTransaction, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { AppError } from '../errors.ts'
import { type DeliverySpan, insertDeliveries, newDelivery, sendAgain } from './delivery-store.ts'
import { readEndpointUrl } from './endpoint-url.ts'
import { about, getEndpoint, lockOwn, requireOn } from './endpoints.ts'
import { send } from './send.ts'
import { settle } from './settle.ts'

/** Of one call; whoever wants more asks again. */
export const MOST_AGAIN = 10_000
/** Leaves time for the rest of the request (http/deadline.ts). */
const PING_MS = 5_000
const PING_LEASE_MS = 60_000

type Of = { applicationId: string; endpointId: string }

/**
 * Sends again what was sent, given up or superseded, under the same ids; what it says is as things are now. Tells how many.
 * @throws AppError `not_found`, `not_allowed`, `endpoint_off`, `invalid_input` where the address may not be called
 */
export async function replay(
  ctx: Context,
  by: By,
  { applicationId, endpointId }: Of,
  span: Omit<DeliverySpan, 'endpointId'> & { id?: string },
): Promise<number> {
  await requireReachable(ctx, { applicationId, endpointId })
  const replayed = await actInTransaction(ctx, by, async (tx) => {
    const endpoint = await lockOwn(ctx, tx, by, applicationId, endpointId)
    requireOn(endpoint)
    const { id, ...of } = span
    const count = await sendAgain(
      tx,
      { ...of, endpointId, ...(id === undefined ? {} : { ids: [id] }) },
      MOST_AGAIN,
      ctx.now(),
    )
    if (count > 0) {
      const data = { count, ...(id === undefined ? of : { delivery: id }) }
      await audit(ctx, tx, by, { act: 'delivery.replayed', ...about(endpoint), data })
    }
    return count
  })
  ctx.outbox.events()
  return replayed
}

/** Sends a try at once, and keeps it as any other delivery. Gives its id. @throws AppError as `replay` */
export async function ping(ctx: Context, by: By, { applicationId, endpointId }: Of): Promise<string> {
  await requireReachable(ctx, { applicationId, endpointId })
  const id = uuid()
  const delivery = newDelivery({
    id,
    endpoint_id: endpointId,
    message_id: id,
    type: 'ping',
    lane: id,
    topic: null,
    seq: 0,
    created_at: ctx.now(),
  })
  // Under way already, so that no worker takes it too.
  const begun = { ...delivery, claim: id, next_at: ctx.now() + PING_LEASE_MS }
  const endpoint = await actInTransaction(ctx, by, async (tx) => {
    const found = await lockOwn(ctx, tx, by, applicationId, endpointId)
    requireOn(found)
    await insertDeliveries(tx, [begun])
    return found
  })
  await settle(ctx, endpoint, begun, await send(ctx, endpoint, begun, { timeoutMs: PING_MS }))
  return id
}

/** As it was judged when it was stored; names lead elsewhere by now, and settings change. */
async function requireReachable(ctx: Context, { applicationId, endpointId }: Of): Promise<void> {
  const { dialect, url } = await getEndpoint(ctx, applicationId, endpointId)
  await readEndpointUrl(ctx, dialect, url, '/endpoint/url')
}

/** @throws AppError `not_found` */
export function noDelivery(): AppError {
  return new AppError('not_found', { detail: 'There is no such delivery of this endpoint.' })
}
