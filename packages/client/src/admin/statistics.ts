import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'

/** People, each once, who signed in themselves: an impersonation does not count. */
export interface SignedIn {
  last_day: number
  last_7_days: number
  last_30_days: number
}

export interface ApplicationStatistics {
  id: string
  name: string
  active: boolean
  /** `suspended`: of all these. */
  licenses: { scheduled: number; in_force: number; in_grace: number; ended: number; suspended: number }
  /** Of licenses in force or in grace. `bought`: where they are limited; `over`: held beyond that. */
  seats: { bought: number; unlimited_licenses: number; held: number; over: number }
  signed_in: SignedIn
  last_sign_in: string | null
}

export interface EndingLicense {
  company: { id: string; name: string }
  application: string
  until: string | null
  grace_days: number
  seats_held: number
  suspended: boolean
}

export interface ExpiringApiKey {
  id: string
  name: string
  power: string
  company: string | null
  application: string | null
  expires_at: string
}

/** What is optional is told of the house or a company, and to those who may know it. */
export interface Statistics {
  /** When it was counted: within the last half minute, longer ago in a large house. */
  as_of: string
  company: { id: string; name: string } | null
  users?: { all: number; active: number; with_password?: number; operators?: number; support?: number }
  companies?: { all: number; active: number }
  signed_in?: SignedIn
  last_sign_in?: string | null
  /** That must wait before the next try, after wrong passwords. */
  throttled_accounts?: number
  /** By id; five hundred at most. */
  applications: ApplicationStatistics[]
  /** In force, and ending within 30 days; a hundred of them by name. */
  licenses_ending?: { all: number; soonest: EndingLicense[] }
  /** Within 30 days; a hundred at most. */
  api_keys_expiring?: ExpiringApiKey[]
}

export interface StatisticsQuery {
  company?: string | undefined
  application?: string | undefined
}

export interface StatisticsCalls {
  'GET /statistics': { query: StatisticsQuery; answer: Statistics }
}

/** Figures of the house, of one company, or of one application. */
export class StatisticsOfHouse {
  readonly #calls: Caller<StatisticsCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  get(query: StatisticsQuery = {}, options: CallOptions = {}): Promise<Statistics> {
    return this.#calls.json('GET /statistics', { query }, options)
  }
}
