import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** A member's right to use an application within the company's license. */
export interface Seat {
  user: string
  company: string
  application: string
  /** A moment in UTC; null: open. */
  starts_at: string | null
  ends_at: string | null
  given_at: string
}

/** Days of the house's time zone (as an end the last one included), or moments with their offset; null leaves one open. */
export interface Bounds {
  starts_at?: string | null | undefined
  ends_at?: string | null | undefined
}

export interface SeatTerms extends Bounds {
  /** Gives back what ended with the seat of before. */
  restore_grants?: boolean | undefined
}

export interface GivenSeat {
  starts_at: string | null
  ends_at: string | null
  restored_grants: number
}

/** A `Seat` is one, and a `Grant`. */
export interface SeatRef {
  company: string
  application: string
  user: string
}

export interface SeatQuery {
  application?: string | undefined
  user?: string | undefined
}

export interface SeatCalls {
  'GET /companies/:company/seats': { query: SeatQuery & PageWish; answer: Page<Seat> }
  'PUT /companies/:company/seats/:application/:user': { body: SeatTerms; answer: GivenSeat }
  'DELETE /companies/:company/seats/:application/:user': { answer: null }
}

/** Who may use an application for which company. */
export class Seats {
  readonly #calls: Caller<SeatCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** By application and user. */
  list({ company, ...query }: { company: string } & SeatQuery, options: ListOptions = {}): List<Seat> {
    return this.#calls.list('GET /companies/:company/seats', { params: { company }, query }, options)
  }

  /** Gives a member a seat, or changes for how long. @throws Refused `no_license`, `seats_full`, … */
  give({ company, application, user }: SeatRef, terms: SeatTerms = {}, options: CallOptions = {}): Promise<GivenSeat> {
    const sent = { params: { company, application, user }, body: terms }
    return this.#calls.json('PUT /companies/:company/seats/:application/:user', sent, options)
  }

  /** Takes it away, with all grants under it; they are kept as ended. */
  remove({ company, application, user }: SeatRef, options: CallOptions = {}): Promise<void> {
    const sent = { params: { company, application, user } }
    return this.#calls.done('DELETE /companies/:company/seats/:application/:user', sent, options)
  }
}
