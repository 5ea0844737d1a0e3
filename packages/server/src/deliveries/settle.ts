import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { TRIED_FOR_MS, waitAfter } from '../domain/delivery.ts'
import { type DeliveryRow, hasNewer, insertAttempt, settleDelivery } from './delivery-store.ts'
import { type EndpointRow, noteArriving, noteFailing } from './endpoint-store.ts'
import { switchOff } from './endpoints.ts'
import type { Try } from './send.ts'

type Next = Pick<DeliveryRow, 'state' | 'next_at' | 'finished_at'>

/**
 * Keeps a try with what came of it, and what follows: for the delivery, and for an endpoint where nothing arrives any more. False when the
 * claim was another's by then.
 */
export async function settle(ctx: Context, endpoint: EndpointRow, delivery: DeliveryRow, tried: Try): Promise<boolean> {
  const now = ctx.now()
  const isOff = tried.verdict === 'gone' || (tried.verdict === 'again' && isFailingForLong(endpoint, now))
  return ctx.db.transaction(
    async (tx) => {
      const number = delivery.attempts + 1
      const firstTriedAt = delivery.first_tried_at ?? tried.at
      const next = await nextOf(tx, delivery, tried, { firstTriedAt, now })
      const settled = await settleDelivery(tx, delivery, {
        ...next,
        attempts: number,
        tries: delivery.tries + 1,
        first_tried_at: firstTriedAt,
        last_status: tried.status,
        last_error: tried.error,
      })
      if (!settled) return false
      const { at, ms, status, error, answer } = tried
      await insertAttempt(tx, { delivery_id: delivery.id, number, at, ms, status, error, answer })
      // Mostly there is nothing to write: of two at once the next one sees what the other noted.
      const isFailing = endpoint.failing_since !== null
      if (tried.verdict === 'delivered' && isFailing) await noteArriving(tx, endpoint.id)
      if (tried.verdict === 'again' && !isFailing) await noteFailing(tx, endpoint.id, tried.at)
      if (isOff) await switchOff(ctx, tx, endpoint, tried.verdict === 'gone' ? 'gone' : 'failing')
      return true
    },
    // A power cut may take it back: then it is sent once more, under the same id.
    { isDurable: isOff },
  )
}

function isFailingForLong({ failing_since: since }: EndpointRow, now: number): boolean {
  return since !== null && now - since >= TRIED_FOR_MS
}

async function nextOf(
  tx: Tx,
  delivery: DeliveryRow,
  { verdict, asked }: Try,
  { firstTriedAt, now }: { firstTriedAt: number; now: number },
): Promise<Next> {
  const end = (state: DeliveryRow['state']): Next => ({ state, next_at: now, finished_at: now })
  if (verdict === 'delivered') return end('delivered')
  // A try of the endpoint is made once: whoever asked for it has seen what came of it.
  if (verdict !== 'again' || delivery.type === 'ping') return end('failed')
  if (await hasNewer(tx, delivery)) return end('superseded')
  const last = firstTriedAt + TRIED_FOR_MS
  if (now >= last) return end('failed')
  const next = now + waitAfter(delivery.tries + 1, Math.random(), asked)
  // Once more at the very end: an endpoint that failed for so long is switched off by then.
  return { state: 'waiting', next_at: Math.min(next, last), finished_at: null }
}
