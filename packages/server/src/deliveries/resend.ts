import { v7 as uuid } from 'uuid'
import { actInTransaction, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { AppError } from '../errors.ts'
import { findReadiness } from '../outbox/wanting.ts'
import { type Due, insertDeliveries, newDelivery } from './delivery-store.ts'
import { updateEndpoint } from './endpoint-store.ts'
import { about, lockOwn, requireOn } from './endpoints.ts'
import { listAnnouncedBehind } from './events.ts'

/** At a time; the next when these are sent. */
const BATCH = 200

/**
 * Sends today's set of everybody to one endpoint, as state: for one that lost what it had. It goes on beside what happens meanwhile.
 * @throws AppError `not_found`, `not_allowed`, `endpoint_off`, `busy`
 */
export async function resendAll(ctx: Context, by: By, applicationId: string, id: string): Promise<void> {
  await actInTransaction(ctx, by, async (tx) => {
    const endpoint = await lockOwn(ctx, tx, by, applicationId, id)
    requireOn(endpoint)
    if ((await findReadiness(tx, applicationId)) === 'noting')
      throw new AppError('busy', {
        detail: 'What everybody may do is still being noted for this application. Try again in a moment.',
        retryAfter: 5,
      })
    await updateEndpoint(tx, id, { resend_place: '' })
    await audit(ctx, tx, by, { act: 'endpoint.resent', ...about(endpoint) })
  })
  ctx.outbox.events()
}

/** The next part of it. Newer than what stands in line already, older than what comes. */
export async function resendSome(ctx: Context, { id, applicationId, nextSeq, resendPlace }: Due): Promise<void> {
  if (resendPlace === null) return
  const some = await listAnnouncedBehind(ctx.db.read, applicationId, resendPlace, BATCH)
  const last = some.at(-1)
  const rows = some.map(({ user_id, company_id }) => {
    const deliveryId = uuid()
    return newDelivery({
      id: deliveryId,
      endpoint_id: id,
      message_id: deliveryId,
      type: 'permissions.updated',
      lane: user_id,
      topic: `${user_id} ${company_id}`,
      // Between two events.
      seq: nextSeq - 1,
      created_at: ctx.now(),
    })
  })
  await ctx.db.transaction(async (tx) => {
    const moved = await tx
      .updateTable('endpoints')
      .set({ resend_place: last && some.length === BATCH ? `${last.user_id} ${last.company_id}` : null })
      .where('id', '=', id)
      .where('resend_place', '=', resendPlace)
      .executeTakeFirst()
    if (moved.numUpdatedRows === 1n) await insertDeliveries(tx, rows)
  })
}
