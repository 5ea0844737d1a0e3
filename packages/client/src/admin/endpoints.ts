import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { DeliveryWithAttempts } from './deliveries.ts'

export type EndpointDialect = 'standard' | 'django'

/** What may be chosen of events; a `ping` comes whatever is chosen. */
export type EndpointEventType =
  | 'permissions.updated'
  | 'user.created'
  | 'user.updated'
  | 'user.deleted'
  | 'company.updated'
  | 'license.updated'

/** Where an application's events are sent. */
export interface Endpoint {
  id: string
  application: string
  dialect: EndpointDialect
  /** Of a Django site the base of the package's addresses: events go to its `/webhook`. */
  url: string
  /** Null: all. */
  types: string[] | null
  description: string
  /** Nothing is sent to one that is switched off. */
  active: boolean
  failing_since: string | null
  /** Where the server switched it off: it answered 410, nothing arrived for days, or its secret went with the key ring. */
  disabled: { at: string; because: 'gone' | 'failing' | 'secret_lost' } | null
  /** Until then the secret before the last one signs along. */
  second_secret_until: string | null
  /** Everybody's set of today is on its way. */
  resending: boolean
  created_at: string
  updated_at: string
}

export interface EndpointWithSecret extends Endpoint {
  /** `whsec_…`: what `verifyWebhook` takes. Told this once. */
  secret: string
}

interface EndpointFields {
  types?: readonly EndpointEventType[] | null | undefined
  description?: string | undefined
  active?: boolean | undefined
}

export interface NewEndpoint extends EndpointFields {
  /** `standard` unless told. */
  dialect?: EndpointDialect | undefined
  /** Of a `django` one it may be left out where the application has a `django_url`. */
  url?: string | undefined
}

export interface EndpointChanges extends EndpointFields {
  url?: string | undefined
}

export interface RotatedSecret {
  secret: string
  second_secret_until: string | null
}

export interface EndpointCalls {
  'GET /applications/:application/endpoints': { answer: { items: Endpoint[] } }
  'POST /applications/:application/endpoints': { body: NewEndpoint; answer: EndpointWithSecret }
  'GET /applications/:application/endpoints/:endpoint': { answer: Endpoint }
  'PATCH /applications/:application/endpoints/:endpoint': { body: EndpointChanges; answer: Endpoint }
  'DELETE /applications/:application/endpoints/:endpoint': { answer: null }
  'POST /applications/:application/endpoints/:endpoint/secret': {
    body: { hours?: number | undefined }
    answer: RotatedSecret
  }
  'POST /applications/:application/endpoints/:endpoint/ping': { answer: DeliveryWithAttempts }
  'POST /applications/:application/endpoints/:endpoint/resend': { answer: null }
}

/** Where events are sent (webhooks): ten for an application at most. */
export class Endpoints {
  readonly #calls: Caller<EndpointCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** The oldest first. */
  async list(application: string, options: CallOptions = {}): Promise<Endpoint[]> {
    const path = 'GET /applications/:application/endpoints'
    return (await this.#calls.json(path, { params: { application } }, options)).items
  }

  /** From now on; what is so already is sent by `resend`. @throws Refused `too_many_endpoints`, `invalid_input` for an address that may not be called, … */
  create(application: string, endpoint: NewEndpoint, options: CallOptions = {}): Promise<EndpointWithSecret> {
    const path = 'POST /applications/:application/endpoints'
    return this.#calls.json(path, { params: { application }, body: endpoint }, options)
  }

  get(application: string, endpoint: string, options: CallOptions = {}): Promise<Endpoint> {
    const path = 'GET /applications/:application/endpoints/:endpoint'
    return this.#calls.json(path, { params: { application, endpoint } }, options)
  }

  /** Switched on again, it goes on where it stopped. */
  update(
    application: string,
    endpoint: string,
    changes: EndpointChanges,
    options: CallOptions = {},
  ): Promise<Endpoint> {
    const path = 'PATCH /applications/:application/endpoints/:endpoint'
    return this.#calls.json(path, { params: { application, endpoint }, body: changes }, options)
  }

  remove(application: string, endpoint: string, options: CallOptions = {}): Promise<void> {
    const path = 'DELETE /applications/:application/endpoints/:endpoint'
    return this.#calls.done(path, { params: { application, endpoint } }, options)
  }

  /** A new secret; the one before signs along for so many hours: 0 to 168, 24 unless told. */
  rotateSecret(
    application: string,
    endpoint: string,
    { hours, ...options }: CallOptions & { hours?: number | undefined } = {},
  ): Promise<RotatedSecret> {
    const path = 'POST /applications/:application/endpoints/:endpoint/secret'
    return this.#calls.json(path, { params: { application, endpoint }, body: { hours } }, options)
  }

  /** Tries it at once: what came of it is in `attempts_made`. @throws Refused `endpoint_off`, … */
  ping(application: string, endpoint: string, options: CallOptions = {}): Promise<DeliveryWithAttempts> {
    const path = 'POST /applications/:application/endpoints/:endpoint/ping'
    return this.#calls.json(path, { params: { application, endpoint } }, options)
  }

  /** What everybody may do today, whole, as `permissions.updated`. @throws Refused `endpoint_off`, … */
  resend(application: string, endpoint: string, options: CallOptions = {}): Promise<void> {
    const path = 'POST /applications/:application/endpoints/:endpoint/resend'
    return this.#calls.done(path, { params: { application, endpoint } }, options)
  }
}
