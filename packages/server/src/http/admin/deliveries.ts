import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { MOST_AGAIN, noDelivery, replay } from '../../deliveries/deliveries.ts'
import { type DeliveryRow, findDelivery, listAttempts, listDeliveries } from '../../deliveries/delivery-store.ts'
import { getEndpoint } from '../../deliveries/endpoints.ts'
import { requireApplicationKnown } from '../../directory/visible.ts'
import { readMoment } from '../../domain/day.ts'
import { DELIVERY_STATES, type DeliveryState } from '../../domain/delivery.ts'
import type { Power } from '../../domain/power.ts'
import { wrong } from '../../errors.ts'
import { DELIVERY, DELIVERY_WITH_ATTEMPTS, showDelivery, showDeliveryOnly } from './delivery-shape.ts'
import { APPLICATION, ID, strict } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional
const WHEN = Type.String({ maxLength: 40, description: 'A day, or a moment with its offset' })

export const QUERY = {
  ...PAGE,
  state: optional(Type.Enum([...DELIVERY_STATES])),
  from: optional(WHEN),
  until: optional(WHEN),
}
export const REPLAY = Type.Object(
  {
    state: optional(
      Type.Enum(['failed', 'delivered', 'superseded'], { description: 'Those alone that came to such an end' }),
    ),
    from: optional(WHEN),
    until: optional(WHEN),
  },
  { ...strict, minProperties: 1 },
)
export const REPLAYED = Type.Object({
  replayed: Type.Integer(),
  more: Type.Boolean({ description: 'There may be more: ask again' }),
})

const OF_ENDPOINT = { application: APPLICATION, endpoint: ID }
const OF_DELIVERY = { ...OF_ENDPOINT, delivery: ID }
const LIST = '/applications/:application/endpoints/:endpoint/deliveries'
const ONE = `${LIST}/:delivery`
const LOOK = { noun: 'deliveries', access: 'read', powers: ['operator', 'application'] } as const
const CHANGE = { noun: 'deliveries', access: 'write', powers: ['operator', 'application'] } as const

export function deliveriesRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  async function requireEndpoint(power: Power, params: { application: string; endpoint: string }) {
    const { id: applicationId } = await requireApplicationKnown(read, power, params.application)
    const { id: endpointId } = await getEndpoint(ctx, applicationId, params.endpoint.toLowerCase())
    return { applicationId, endpointId }
  }

  async function requireDelivery(endpointId: string, id: string): Promise<DeliveryRow> {
    const delivery = await findDelivery(read, endpointId, id.toLowerCase())
    if (delivery) return delivery
    throw noDelivery()
  }

  function readSpan({ from, until }: { from?: string | undefined; until?: string | undefined }, where: string) {
    const bound = (name: 'from' | 'until', given: string | undefined) => {
      if (given === undefined) return undefined
      const at = readMoment(given, ctx.config.timeZone, name === 'from' ? 'start' : 'end')
      if (at === undefined) throw wrong(`${where}/${name}`, 'must be a day or a moment with an offset')
      return at
    }
    return { from: bound('from', from), until: bound('until', until) }
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: LIST,
      operation: 'deliveries.list',
      rule: LOOK,
      summary: 'Lists what was sent to an endpoint, or waits to be, the newest first',
      params: OF_ENDPOINT,
      query: QUERY,
      answers: { 200: pageOf(DELIVERY) },
      errors: ['not_found'],
    },
    async ({ by, params, query }) => {
      const { endpointId } = await requireEndpoint(by.actor.power, params)
      const { limit, after } = readPaging<[string, string]>(query, 2)
      if (after && !/^\d{1,15}$/.test(after[0]))
        throw wrong('/query/cursor', 'is no cursor of this list: begin without one, and take `next_cursor`')
      const found = await listDeliveries(read, {
        endpointId,
        ...(query.state === undefined ? {} : { states: [query.state as DeliveryState] }), // As its form has them.
        ...readSpan(query, '/query'),
        after: after && [Number(after[0]), after[1]],
        limit: limit + 1,
      })
      return asPage(found, limit, ({ created_at, id }) => [String(created_at), id], showDeliveryOnly)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: ONE,
      operation: 'deliveries.get',
      rule: LOOK,
      summary: 'Tells of a delivery, with its attempts',
      params: OF_DELIVERY,
      answers: { 200: DELIVERY_WITH_ATTEMPTS },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { endpointId } = await requireEndpoint(by.actor.power, params)
      const delivery = await requireDelivery(endpointId, params.delivery)
      return showDelivery(delivery, await listAttempts(read, delivery.id))
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: `${ONE}/replay`,
      operation: 'deliveries.replay',
      rule: CHANGE,
      summary: 'Sends one again, under the same id',
      description: 'What it says is as things are now. One that waits already goes on waiting.',
      params: OF_DELIVERY,
      answers: { 200: DELIVERY },
      errors: ['not_found', 'endpoint_off'],
    },
    async ({ by, params }) => {
      const of = await requireEndpoint(by.actor.power, params)
      const { id } = await requireDelivery(of.endpointId, params.delivery)
      await replay(ctx, by, of, { id })
      return showDeliveryOnly(await requireDelivery(of.endpointId, id))
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/applications/:application/endpoints/:endpoint/replay',
      operation: 'deliveries.replayAll',
      rule: CHANGE,
      summary: 'Sends again what failed, or what was made in a span of time',
      description: `Under the same ids, the oldest first, ${MOST_AGAIN} at once at most.`,
      params: OF_ENDPOINT,
      body: REPLAY,
      answers: { 200: REPLAYED },
      errors: ['not_found', 'endpoint_off'],
    },
    async ({ by, params, body }) => {
      const of = await requireEndpoint(by.actor.power, params)
      const states: DeliveryState[] = body.state === undefined ? ['failed', 'delivered', 'superseded'] : [body.state]
      const replayed = await replay(ctx, by, of, { states, ...readSpan(body, '/body') })
      return { replayed, more: replayed === MOST_AGAIN }
    },
  )
}
