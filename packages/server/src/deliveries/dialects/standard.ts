import type { Context } from '../../context.ts'
import { judgeStandard } from '../../domain/delivery.ts'
import { findAnnounced } from '../../outbox/announced-store.ts'
import type { DeliveryRow } from '../delivery-store.ts'
import type { EndpointRow } from '../endpoint-store.ts'
import type { Occasion } from '../events.ts'
import { findOccasion } from '../occasion.ts'
import type { Message, Nothing } from './message.ts'

/** Standard Webhooks: the event in its published form (outbox/event-forms.ts). */
export async function composeStandard(
  ctx: Context,
  endpoint: EndpointRow,
  delivery: DeliveryRow,
): Promise<Message | Nothing> {
  const body = await bodyOf(ctx, endpoint, delivery)
  if (body === undefined) return { nothing: 'event_gone' }
  return { url: endpoint.url, bodies: [JSON.stringify(body)], secrets: [], judge: judgeStandard }
}

async function bodyOf(ctx: Context, endpoint: EndpointRow, delivery: DeliveryRow): Promise<object | undefined> {
  const { message_id: id, type } = delivery
  const event = await findOccasion(ctx.db.read, endpoint, delivery)
  if (!event) return undefined
  const data = type === 'permissions.updated' ? await rightsOfNow(ctx, endpoint.application_id, event) : event.data
  return { id, type, timestamp: new Date(event.createdAt).toISOString(), data }
}

/** The set as it was announced last: an event that waited for days tells nothing that is over. */
async function rightsOfNow(ctx: Context, applicationId: string, event: Occasion): Promise<object> {
  const { userId, companyId, data } = event
  if (userId === null || companyId === null) return data
  const announced = await findAnnounced(ctx.db.read, { applicationId, userId, companyId })
  if (!announced || announced.version === data.version) return data
  const before = new Set(listOf(data.permissions).concat(listOf(data.removed)))
  for (const slug of listOf(data.added)) before.delete(slug)
  const { version, permissions } = announced
  return {
    ...data,
    permissions,
    added: permissions.filter((slug) => !before.has(slug)),
    removed: [...before].filter((slug) => !permissions.includes(slug)),
    version,
  }
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value : []
}
