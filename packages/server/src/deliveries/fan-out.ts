import { v7 as uuid } from 'uuid'
import type { Context } from '../context.ts'
import { type DeliveryRow, type Due, insertDeliveries, newDelivery, supersedeIn } from './delivery-store.ts'
import { type Part, partsForDjango } from './dialects/django-parts.ts'
import { moveCursor } from './endpoint-store.ts'
import { listOccasionsFrom, type Occasion } from './events.ts'

/** At a time, so that nobody waits for it. */
const BATCH = 500

/**
 * Makes deliveries of the events from an endpoint's cursor on, and moves the cursor: together, so that each is made once. Tells whether
 * there may be more.
 */
export async function fanOut(ctx: Context, { id, applicationId, nextSeq }: Due): Promise<boolean> {
  const events = await listOccasionsFrom(ctx.db.read, applicationId, nextSeq, BATCH)
  const last = events.at(-1)
  if (!last) return false
  // A power cut may take it back, whole: then it is done again.
  await ctx.db.transaction(
    async (tx) => {
      if (!(await moveCursor(tx, id, nextSeq, last.seq + 1))) return
      // After that, so that the row is held and does not change meanwhile.
      const { dialect, types, exposes_pin } = await tx
        .selectFrom('endpoints as e')
        .innerJoin('applications as a', 'a.id', 'e.application_id')
        .select(['e.dialect', 'e.types', 'a.exposes_pin'])
        .where('e.id', '=', id)
        .executeTakeFirstOrThrow()
      const partsOf = (event: Occasion): Part[] =>
        dialect === 'django' ? partsForDjango(event, exposes_pin === 1) : [{ messageId: event.id, type: event.type }]
      const wanted = types === null ? undefined : new Set(types.split(' '))
      const rows = events
        .filter(({ type }) => wanted?.has(type) ?? true)
        .flatMap((event) => partsOf(event).map((part) => asRow(id, event, part, ctx.now())))
      const newest = withoutOlder(rows)
      await insertDeliveries(tx, newest)
      const lanes = [...new Set(newest.flatMap(({ lane, topic }) => (topic === null ? [] : [lane])))]
      if (lanes.length > 0) await supersedeIn(tx, id, lanes, ctx.now())
    },
    { isDurable: false },
  )
  return events.length === BATCH
}

function asRow(endpointId: string, event: Occasion, part: Part, now: number): DeliveryRow {
  return newDelivery({
    id: uuid(),
    endpoint_id: endpointId,
    message_id: part.messageId,
    event_id: event.id,
    type: part.type,
    lane: event.userId ?? event.companyId ?? event.id,
    topic: event.type === 'permissions.updated' ? `${event.userId} ${event.companyId}` : null,
    seq: event.seq,
    created_at: now,
  })
}

/** Of several about the same the newest alone is worth a message. */
function withoutOlder<T extends { topic: string | null; seq: number }>(rows: readonly T[]): T[] {
  const newest = new Map(rows.map((row) => [row.topic, row.seq]))
  return rows.filter(({ topic, seq }) => topic === null || newest.get(topic) === seq)
}
