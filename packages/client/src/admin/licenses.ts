import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** What a company bought of an application. */
export interface License {
  company: { id: string; name: string }
  application: string
  /** A moment in UTC; null: always. */
  from: string | null
  /** Null: without end. */
  until: string | null
  grace_days: number
  /** By the dates, at the moment of the answer. */
  state: 'scheduled' | 'in_force' | 'in_grace' | 'ended'
  suspended: boolean
  /** Null: unlimited. */
  seats: number | null
  seats_held: number
  /** Held beyond what the license has: nobody gets one more. */
  seats_over: number
  permissions: 'all' | string[]
  /** Keys of the application's roles that every seat gets. */
  roles: string[]
  note: string
  created_at: string
  updated_at: string
}

/** Dates are days of the house's time zone (as an end the last one included), or moments with their offset; null leaves one open. */
export interface LicenseTerms {
  from?: string | null | undefined
  until?: string | null | undefined
  grace_days?: number | undefined
  /** Null: unlimited. */
  seats?: number | null | undefined
  suspended?: boolean | undefined
  /** `'all'` (but `is_superuser`), or those that it includes, with what they need. */
  permissions?: 'all' | readonly string[] | undefined
  roles?: readonly string[] | undefined
  note?: string | undefined
}

export interface NewLicense extends LicenseTerms {
  application: string
}

export interface LicenseRef {
  company: string
  application: string
}

export interface LicenseCalls {
  'GET /companies/:company/licenses': { answer: { items: License[] } }
  'GET /applications/:application/licenses': { query: PageWish; answer: Page<License> }
  'POST /companies/:company/licenses': { body: NewLicense; answer: License }
  'GET /companies/:company/licenses/:application': { answer: License }
  'PATCH /companies/:company/licenses/:application': { body: LicenseTerms; answer: License }
}

/** One for each company and application. */
export class Licenses {
  readonly #calls: Caller<LicenseCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** A company's by application, or an application's by the company's id. */
  list(of: { company: string } | { application: string }, options: ListOptions = {}): List<License> {
    return 'company' in of
      ? this.#calls.whole('GET /companies/:company/licenses', { params: { company: of.company } }, options)
      : this.#calls.list(
          'GET /applications/:application/licenses',
          { params: { application: of.application } },
          options,
        )
  }

  get({ company, application }: LicenseRef, options: CallOptions = {}): Promise<License> {
    const sent = { params: { company, application } }
    return this.#calls.json('GET /companies/:company/licenses/:application', sent, options)
  }

  /** @throws Refused `already_there`, … */
  create(company: string, license: NewLicense, options: CallOptions = {}): Promise<License> {
    return this.#calls.json('POST /companies/:company/licenses', { params: { company }, body: license }, options)
  }

  /** Changes the fields that are given: a renewal changes the dates. Seats may be lowered below those that are held. */
  update({ company, application }: LicenseRef, terms: LicenseTerms, options: CallOptions = {}): Promise<License> {
    const sent = { params: { company, application }, body: terms }
    return this.#calls.json('PATCH /companies/:company/licenses/:application', sent, options)
  }
}
