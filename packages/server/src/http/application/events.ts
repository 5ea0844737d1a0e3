import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { EVENT_FORMS } from '../../outbox/event-forms.ts'
import { eventText } from '../../outbox/event-text.ts'
import { type Feed, readFeed } from '../../outbox/feed.ts'
import { FeedWatch } from '../../outbox/feed-watch.ts'
import type { Door } from '../door.ts'
import type { Told } from '../told.ts'
import { OF_PROVED, readNumber, requireProved, TAGGED } from './proved.ts'

const MAX_LIMIT = 200
const DEFAULT_LIMIT = 100
const MAX_WAIT = 25
/** Longer than the longest wait. */
const DEADLINE_MS = 35_000

const ANSWER = Type.Object({
  events: Type.Array(Type.Union(Object.values(EVENT_FORMS))),
  cursor: Type.String({ description: 'Send it as `after` with the next call. Keep it: it is how far you have read' }),
  more: Type.Boolean({ description: 'Whether there are more already' }),
})

const TOLD: Told = {
  operation: 'application.events',
  errors: [...OF_PROVED, 'cursor_gone'],
  needsSecret: true,
  answers: { 200: ANSWER },
}

const QUERY = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'The `cursor` of the last answer, or of a snapshot. Without one: nothing but the cursor of this moment',
      }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,4}$',
        description: `How many at most: 1 to ${MAX_LIMIT}; ${DEFAULT_LIMIT} by default`,
      }),
    ),
    wait: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,2}$',
        description: `Seconds to wait for one where there is none: 0 to ${MAX_WAIT}; 0 by default`,
      }),
    ),
  },
  { additionalProperties: false },
)

export function eventsRoute(app: FastifyInstance, ctx: Context, door: Door): void {
  const watch = new FeedWatch(ctx)
  const options = {
    handlerTimeout: DEADLINE_MS,
    config: { told: TOLD },
    schema: {
      ...TAGGED,
      summary: 'Lists the events of the application that asks, in their order',
      description:
        'The same events that its endpoints are sent, for as long as they are kept. The first call is what has an application told of events; what was before it is in the snapshot.',
      querystring: QUERY,
    },
  }
  app.get<{ Querystring: { after?: string; limit?: string; wait?: string } }>(
    '/events',
    options,
    async (request, reply) => {
      const applicationId = await requireProved(ctx, request)
      const { after } = request.query
      const limit = readNumber(request.query.limit, 'limit', DEFAULT_LIMIT, MAX_LIMIT)
      const waitMs = 1000 * readNumber(request.query.wait, 'wait', 0, MAX_WAIT)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const signal = AbortSignal.any([gone.signal, door.leaving])
      const feed = await readFeed(ctx, watch, applicationId, { after, limit, waitMs, signal })
      return reply.type('application/json; charset=utf-8').send(feedText(feed))
    },
  )
}

/** By hand, since what an event says is stored as the text that it is. */
function feedText({ events, cursor, isMore }: Feed): string {
  return `{"events":[${events.map(eventText).join(',')}],"cursor":${JSON.stringify(cursor)},"more":${isMore}}`
}
