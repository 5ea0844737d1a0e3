import { type Static, Type } from 'typebox'
import type { AttemptRow, DeliveryRow } from '../../deliveries/delivery-store.ts'
import { DELIVERY_STATES } from '../../domain/delivery.ts'
import { ID, MOMENT, maybe, moment } from './forms.ts'

const STATUS = maybe(Type.Integer({ description: 'Null: there was no answer' }))
const ERROR = maybe(Type.String({ description: 'Why there was none, such as timeout; null where the status says it' }))

export const DELIVERY = Type.Object({
  id: ID,
  message: Type.String({ description: 'Goes out as webhook-id, each time the same' }),
  type: Type.String(),
  user: maybe(Type.String({ description: 'Whom it is about; null: nobody in particular' })),
  state: Type.Enum([...DELIVERY_STATES]),
  attempts: Type.Integer(),
  last_status: STATUS,
  last_error: ERROR,
  created_at: MOMENT,
  next_at: maybe(MOMENT),
  finished_at: maybe(MOMENT),
})

const ATTEMPT = Type.Object({
  number: Type.Integer(),
  at: MOMENT,
  ms: Type.Integer(),
  status: STATUS,
  error: ERROR,
  answer: Type.String({ description: 'How the answer began, 1 kB at most, without any secret' }),
})

export const DELIVERY_WITH_ATTEMPTS = Type.Object({
  ...DELIVERY.properties,
  attempts_made: Type.Array(ATTEMPT, { description: 'The last fifty, the oldest first' }),
})

export function showDeliveryOnly(delivery: DeliveryRow): Static<typeof DELIVERY> {
  const { topic, lane, event_id, next_at, finished_at } = delivery
  return {
    id: delivery.id,
    message: delivery.message_id,
    type: delivery.type,
    user: topic?.split(' ')[0] ?? (event_id !== null && delivery.type.startsWith('user.') ? lane : null),
    state: delivery.state,
    attempts: delivery.attempts,
    last_status: delivery.last_status,
    last_error: delivery.last_error,
    created_at: moment(delivery.created_at),
    next_at: delivery.state === 'waiting' ? moment(next_at) : null,
    finished_at: finished_at === null ? null : moment(finished_at),
  }
}

export function showDelivery(
  delivery: DeliveryRow,
  attempts: readonly AttemptRow[],
): Static<typeof DELIVERY_WITH_ATTEMPTS> {
  return {
    ...showDeliveryOnly(delivery),
    attempts_made: attempts.map(({ number, at, ms, status, error, answer }) => ({
      number,
      at: moment(at),
      ms,
      status,
      error,
      answer,
    })),
  }
}
