import type { Db } from '../db/database.ts'
import type { DeliveryRow } from './delivery-store.ts'
import type { EndpointRow } from './endpoint-store.ts'
import { findAsEvent, findEventOccasion, type Occasion } from './events.ts'

/** What a delivery is about: its event, today's set of a user, or a try of the endpoint. Undefined when that is there no more. */
export async function findOccasion(
  db: Db,
  { application_id: applicationId }: Pick<EndpointRow, 'application_id'>,
  delivery: DeliveryRow,
): Promise<Occasion | undefined> {
  if (delivery.event_id !== null) return findEventOccasion(db, delivery.event_id)
  if (delivery.topic === null) {
    const of = { id: delivery.id, seq: 0, userId: null, companyId: null, changed: null }
    return { ...of, type: 'ping', data: { application: applicationId }, createdAt: delivery.created_at }
  }
  const [userId = '', companyId = ''] = delivery.topic.split(' ')
  return findAsEvent(db, { applicationId, userId, companyId })
}
