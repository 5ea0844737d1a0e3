import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { ping } from '../../deliveries/deliveries.ts'
import { findDelivery, listAttempts } from '../../deliveries/delivery-store.ts'
import { type EndpointRow, listEndpoints, MAX_ENDPOINTS } from '../../deliveries/endpoint-store.ts'
import { readEndpointUrl } from '../../deliveries/endpoint-url.ts'
import {
  changeEndpoint,
  createEndpoint,
  getEndpoint,
  removeEndpoint,
  rotateSecret,
} from '../../deliveries/endpoints.ts'
import { resendAll } from '../../deliveries/resend.ts'
import { findManagedApplication } from '../../directory/application-store.ts'
import { requireApplicationKnown } from '../../directory/visible.ts'
import { ENDPOINT_DIALECTS, type EndpointDialect } from '../../domain/delivery.ts'
import { AppError, wrong } from '../../errors.ts'
import { EVENT_FORMS, type EventType } from '../../outbox/event-forms.ts'
import { DELIVERY_WITH_ATTEMPTS, showDelivery } from './delivery-shape.ts'
import { APPLICATION, ID, MOMENT, maybe, moment, strict, TEXT } from './forms.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional
/** The types of events, as published. `ping` comes whatever is chosen. */
type Wanted = Exclude<EventType, 'ping'>
const TYPES = Object.keys(EVENT_FORMS).filter((type): type is Wanted => type !== 'ping') // Whose keys these are.
const MOST_HOURS = 168
const DEFAULT_HOURS = 24

export const ENDPOINT = Type.Object({
  id: ID,
  application: Type.String(),
  dialect: Type.Enum([...ENDPOINT_DIALECTS]),
  url: Type.String({ description: "Of a Django site the base of the package's addresses: events go to its /webhook" }),
  types: maybe(Type.Array(Type.String(), { description: 'Null: all' })),
  description: Type.String(),
  active: Type.Boolean({ description: 'Nothing is sent to one that is switched off' }),
  failing_since: maybe(MOMENT),
  disabled: maybe(
    Type.Object({
      at: MOMENT,
      because: Type.Enum(['gone', 'failing', 'secret_lost'], {
        description: 'It answered 410, nothing arrived for days, or its secret went with the key ring',
      }),
    }),
  ),
  second_secret_until: maybe(MOMENT),
  resending: Type.Boolean({ description: "Everybody's set of today is on its way" }),
  created_at: MOMENT,
  updated_at: MOMENT,
})
export const NEW_ENDPOINT = Type.Object({
  ...ENDPOINT.properties,
  secret: Type.String({ description: 'Events are signed with it; told this once' }),
})

const URL_FIELD = Type.String({ minLength: 1, maxLength: 500, description: 'https://…' })
const FIELDS = {
  types: optional(
    maybe(Type.Array(Type.Enum(TYPES), { minItems: 1, maxItems: TYPES.length, description: 'Null: all' })),
  ),
  description: optional(Type.String({ maxLength: 200, pattern: TEXT, description: 'For people' })),
  active: optional(Type.Boolean()),
}
export const WANTED = Type.Object(
  {
    dialect: optional(Type.Enum([...ENDPOINT_DIALECTS], { description: '`standard` (Standard Webhooks) unless told' })),
    url: optional(URL_FIELD),
    ...FIELDS,
  },
  strict,
)
export const CHANGES = Type.Object({ url: optional(URL_FIELD), ...FIELDS }, { ...strict, minProperties: 1 })
export const ROTATION = Type.Object(
  {
    hours: optional(
      Type.Integer({
        minimum: 0,
        maximum: MOST_HOURS,
        description: `For how long the one before signs along; ${DEFAULT_HOURS} unless told`,
      }),
    ),
  },
  strict,
)
export const ROTATED = Type.Object({ secret: Type.String(), second_secret_until: maybe(MOMENT) })

const OF_APPLICATION = { application: APPLICATION }
const OF_ENDPOINT = { ...OF_APPLICATION, endpoint: ID }
const LIST = '/applications/:application/endpoints'
const ONE = `${LIST}/:endpoint`
const LOOK = { noun: 'endpoints', access: 'read', powers: ['operator', 'application'] } as const
const CHANGE = { noun: 'endpoints', access: 'write', powers: ['operator', 'application'] } as const

export function endpointsRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  adminRoute(
    app,
    {
      method: 'GET',
      url: LIST,
      operation: 'endpoints.list',
      rule: LOOK,
      summary: "Lists where an application's events are sent, the oldest first",
      description: `An application has ${MAX_ENDPOINTS} at most.`,
      params: OF_APPLICATION,
      answers: { 200: Type.Object({ items: Type.Array(ENDPOINT) }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      return { items: (await listEndpoints(read, id)).map(showEndpoint) }
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: LIST,
      operation: 'endpoints.create',
      rule: CHANGE,
      summary: 'Has events sent to an address, from now on',
      description:
        "Its secret is told this once. `types` are those of events (`null`: all). For a Django site (`django`) the address is the base of the package; left out, it is the application's `django_url`.",
      params: OF_APPLICATION,
      body: WANTED,
      answers: { 201: NEW_ENDPOINT },
      tells: ['location'],
      errors: ['not_found', 'too_many_endpoints'],
    },
    async ({ by, params, body, reply }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      const dialect = body.dialect ?? 'standard'
      const { endpoint, secret } = await createEndpoint(ctx, by, id, {
        dialect,
        url: await readEndpointUrl(ctx, dialect, body.url ?? (await djangoUrlOf(id, dialect))),
        types: body.types,
        description: body.description,
        isActive: body.active,
      })
      reply.header('location', `/api/v1/admin/applications/${id}/endpoints/${endpoint.id}`)
      return { ...showEndpoint(endpoint), secret }
    },
  )

  async function djangoUrlOf(applicationId: string, dialect: EndpointDialect): Promise<string> {
    const known = dialect === 'django' ? (await findManagedApplication(read, applicationId))?.djangoUrl : undefined
    if (known) return known
    throw wrong('/body/url', 'must be given: where events are sent')
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: ONE,
      operation: 'endpoints.get',
      rule: LOOK,
      summary: 'Tells of an endpoint',
      params: OF_ENDPOINT,
      answers: { 200: ENDPOINT },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      return showEndpoint(await getEndpoint(ctx, id, params.endpoint.toLowerCase()))
    },
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: ONE,
      operation: 'endpoints.update',
      rule: CHANGE,
      summary: 'Changes the fields that are given',
      description: 'Switched on again, it goes on where it stopped, as far as events are kept.',
      params: OF_ENDPOINT,
      body: CHANGES,
      answers: { 200: ENDPOINT },
      errors: ['not_found'],
    },
    async ({ by, params, body }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      const endpointId = params.endpoint.toLowerCase()
      const { dialect } = await getEndpoint(ctx, id, endpointId)
      return showEndpoint(
        await changeEndpoint(ctx, by, id, endpointId, {
          url: body.url === undefined ? undefined : await readEndpointUrl(ctx, dialect, body.url),
          types: body.types,
          description: body.description,
          isActive: body.active,
        }),
      )
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: ONE,
      operation: 'endpoints.remove',
      rule: CHANGE,
      summary: 'Sends nothing there any more, and forgets its deliveries',
      params: OF_ENDPOINT,
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      await removeEndpoint(ctx, by, id, params.endpoint.toLowerCase())
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: `${ONE}/secret`,
      operation: 'endpoints.rotateSecret',
      rule: CHANGE,
      summary: 'Gives an endpoint a new secret, told this once',
      description: 'The one before signs along for some hours: each message has two signatures until then.',
      params: OF_ENDPOINT,
      body: ROTATION,
      answers: { 201: ROTATED },
      errors: ['not_found'],
    },
    async ({ by, params, body }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      const hours = body.hours ?? DEFAULT_HOURS
      const { secret, beforeUntil } = await rotateSecret(ctx, by, id, params.endpoint.toLowerCase(), hours)
      return { secret, second_secret_until: beforeUntil === null ? null : moment(beforeUntil) }
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: `${ONE}/ping`,
      operation: 'endpoints.ping',
      rule: CHANGE,
      summary: 'Tries an endpoint at once and tells what came of it',
      description:
        'Sends a `ping`. A Django site is told of a user that nobody is: where the package is, it answers that it knows no such user, and that counts as arrived.',
      params: OF_ENDPOINT,
      answers: { 200: DELIVERY_WITH_ATTEMPTS },
      errors: ['not_found', 'endpoint_off'],
    },
    async ({ by, params }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      const endpointId = params.endpoint.toLowerCase()
      const delivery = await findDelivery(read, endpointId, await ping(ctx, by, { applicationId: id, endpointId }))
      if (!delivery) throw new AppError('not_found', { detail: 'The endpoint was removed meanwhile.' })
      return showDelivery(delivery, await listAttempts(read, delivery.id))
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: `${ONE}/resend`,
      operation: 'endpoints.resend',
      rule: CHANGE,
      summary: 'Sends what everybody may do today, whole, to one endpoint',
      description:
        'For one that lost what it had. Each set comes as `permissions.updated`, beside what happens meanwhile.',
      params: OF_ENDPOINT,
      answers: { 204: null },
      errors: ['not_found', 'endpoint_off', 'busy'],
    },
    async ({ by, params }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      await resendAll(ctx, by, id, params.endpoint.toLowerCase())
    },
  )
}

function showEndpoint(endpoint: EndpointRow): Static<typeof ENDPOINT> {
  const { failing_since, disabled_at, disabled_because, secret_before, before_until } = endpoint
  return {
    id: endpoint.id,
    application: endpoint.application_id,
    dialect: endpoint.dialect,
    url: endpoint.url,
    types: endpoint.types?.split(' ') ?? null,
    description: endpoint.description,
    active: endpoint.active === 1,
    failing_since: failing_since === null ? null : moment(failing_since),
    disabled:
      disabled_at === null || disabled_because === null ? null : { at: moment(disabled_at), because: disabled_because },
    second_secret_until: secret_before === null || before_until === null ? null : moment(before_until),
    resending: endpoint.resend_place !== null,
    created_at: moment(endpoint.created_at),
    updated_at: moment(endpoint.updated_at),
  }
}
