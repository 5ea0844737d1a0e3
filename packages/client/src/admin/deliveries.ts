import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** `waiting` for its turn or its next try; `superseded` by a newer one about the same. */
export type DeliveryState = 'waiting' | 'delivered' | 'failed' | 'superseded'

/** One event on its way to one endpoint. */
export interface Delivery {
  id: string
  /** Goes out as `webhook-id`, each time the same. */
  message: string
  /** The receiver's name for it. */
  type: string
  /** Whom it is about; null: nobody in particular. */
  user: string | null
  state: DeliveryState
  attempts: number
  /** Null: there was no answer. */
  last_status: number | null
  /** Why there was none, such as `timeout`. */
  last_error: string | null
  created_at: string
  next_at: string | null
  finished_at: string | null
}

export interface DeliveryAttempt {
  number: number
  at: string
  ms: number
  status: number | null
  error: string | null
  /** How the answer began, without any secret. */
  answer: string
}

export interface DeliveryWithAttempts extends Delivery {
  /** The last fifty, the oldest first. */
  attempts_made: DeliveryAttempt[]
}

export interface DeliveryQuery {
  state?: DeliveryState | undefined
  /** A day or a moment with its offset; of when it was made. */
  from?: string | undefined
  until?: string | undefined
}

export interface ReplayQuery {
  /** Those alone that came to such an end; all unless told. */
  state?: 'failed' | 'delivered' | 'superseded' | undefined
  from?: string | undefined
  until?: string | undefined
}

export interface DeliveryCalls {
  'GET /applications/:application/endpoints/:endpoint/deliveries': {
    query: DeliveryQuery & PageWish
    answer: Page<Delivery>
  }
  'GET /applications/:application/endpoints/:endpoint/deliveries/:delivery': { answer: DeliveryWithAttempts }
  'POST /applications/:application/endpoints/:endpoint/deliveries/:delivery/replay': { answer: Delivery }
  'POST /applications/:application/endpoints/:endpoint/replay': {
    body: ReplayQuery
    answer: { replayed: number; more: boolean }
  }
}

/** What was sent to an endpoint, and what came back; kept for 30 days after its end. */
export class Deliveries {
  readonly #calls: Caller<DeliveryCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The newest first. */
  list(application: string, endpoint: string, query: DeliveryQuery = {}, options: ListOptions = {}): List<Delivery> {
    const path = 'GET /applications/:application/endpoints/:endpoint/deliveries'
    return this.#calls.list(path, { params: { application, endpoint }, query }, options)
  }

  get(
    application: string,
    endpoint: string,
    delivery: string,
    options: CallOptions = {},
  ): Promise<DeliveryWithAttempts> {
    const path = 'GET /applications/:application/endpoints/:endpoint/deliveries/:delivery'
    return this.#calls.json(path, { params: { application, endpoint, delivery } }, options)
  }

  /** Sends one again, under the same id; what it says is as things are now. @throws Refused `endpoint_off`, … */
  replay(application: string, endpoint: string, delivery: string, options: CallOptions = {}): Promise<Delivery> {
    const path = 'POST /applications/:application/endpoints/:endpoint/deliveries/:delivery/replay'
    return this.#calls.json(path, { params: { application, endpoint, delivery } }, options)
  }

  /** The same of all that failed, or of a span of time. Tells how many; with `more`, ask again. */
  replayAll(
    application: string,
    endpoint: string,
    query: ReplayQuery,
    options: CallOptions = {},
  ): Promise<{ replayed: number; more: boolean }> {
    const path = 'POST /applications/:application/endpoints/:endpoint/replay'
    return this.#calls.json(path, { params: { application, endpoint }, body: query }, options)
  }
}
