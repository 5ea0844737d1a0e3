import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** What its published clients read: the flat ones are for Python releases before 1.0.0. */
export type ApplicationDialect = 'v1' | 'flat-0.2' | 'flat-0.1'

/** An external app. What is optional is told to operators and support. */
export interface Application {
  id: string
  name: string
  active: boolean
  dialect: ApplicationDialect
  exposes_pin: boolean
  has_secret?: boolean
  /** Null: the house's default. */
  token_days: number | null
  /** Null: the house's default; 0: no idle limit. */
  token_idle_days: number | null
  /** Null: from anywhere. */
  source_networks?: string[] | null
  /** Where a Django site has the package's addresses; for those who run the house, or look at it, as the next. */
  django_url?: string | null
  impersonation_url?: string | null
  django_before_6_2?: boolean
  created_at: string
  updated_at: string
}

interface ApplicationFields {
  /** Switched off, every session in it ends. */
  active?: boolean | undefined
  /** `v1` where it was never told. */
  dialect?: ApplicationDialect | undefined
  exposes_pin?: boolean | undefined
  token_days?: number | null | undefined
  token_idle_days?: number | null | undefined
  source_networks?: readonly string[] | null | undefined
  /** Such as https://site.example/auth. */
  django_url?: string | null | undefined
  /** The application's own page that takes an impersonation's one-time token, by a form's field `token`. */
  impersonation_url?: string | null | undefined
  /** A Django site with a django-cloudspotlicense before 6.2: each last token is kept, sealed, to name the user of an event by it. */
  django_before_6_2?: boolean | undefined
}

export interface NewApplication extends ApplicationFields {
  id: string
  name: string
}

export interface ApplicationChanges extends ApplicationFields {
  name?: string | undefined
}

export interface ApplicationCalls {
  'GET /applications': { query: PageWish; answer: Page<Application> }
  'POST /applications': { body: NewApplication; answer: Application }
  'GET /applications/:application': { answer: Application }
  'PATCH /applications/:application': { body: ApplicationChanges; answer: Application }
  'POST /applications/:application/secret': { answer: { secret: string } }
  'DELETE /applications/:application/secret': { answer: null }
}

/** Applications, by the id that their clients send. */
export class Applications {
  readonly #calls: Caller<ApplicationCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** By id. */
  list(options: ListOptions = {}): List<Application> {
    return this.#calls.list('GET /applications', {}, options)
  }

  get(application: string, options: CallOptions = {}): Promise<Application> {
    return this.#calls.json('GET /applications/:application', { params: { application } }, options)
  }

  /** With nothing in its tree but `use_app`. @throws Refused `id_taken`, … */
  create(application: NewApplication, options: CallOptions = {}): Promise<Application> {
    return this.#calls.json('POST /applications', { body: application }, options)
  }

  /** Changes the fields that are given. */
  update(application: string, changes: ApplicationChanges, options: CallOptions = {}): Promise<Application> {
    const sent = { params: { application }, body: changes }
    return this.#calls.json('PATCH /applications/:application', sent, options)
  }

  /** A new secret, told this once. The one before stops working at once; nobody is signed out. */
  replaceSecret(application: string, options: CallOptions = {}): Promise<{ secret: string }> {
    return this.#calls.json('POST /applications/:application/secret', { params: { application } }, options)
  }

  /** The application is asked for none from then on. */
  removeSecret(application: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.done('DELETE /applications/:application/secret', { params: { application } }, options)
  }
}
