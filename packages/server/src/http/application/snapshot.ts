import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { wrong } from '../../errors.ts'
import { beginSnapshot, listSnapshot, type SnapshotItem } from '../../outbox/snapshot.ts'
import { DEADLINE_MS } from '../deadline.ts'
import type { Told } from '../told.ts'
import { OF_PROVED, readNumber, requireProved, TAGGED } from './proved.ts'

const MAX_LIMIT = 200

const ANSWER = Type.Object({
  items: Type.Array(
    Type.Object({
      user: Type.Object({
        id: Type.String(),
        email: Type.String(),
        first_name: Type.String(),
        last_name: Type.String(),
        active: Type.Boolean(),
      }),
      company: Type.Object({ id: Type.String(), name: Type.String() }),
      permissions: Type.Array(Type.String()),
      version: Type.Integer(),
    }),
  ),
  next: Type.Union([Type.String(), Type.Null()], {
    description: 'Send it as `page` for what follows; null: this is all',
  }),
  cursor: Type.String({
    description: 'Where the feed of events goes on from this snapshot; the same on each of its pages',
  }),
})

const TOLD: Told = { operation: 'application.snapshot', errors: OF_PROVED, needsSecret: true, answers: { 200: ANSWER } }

const QUERY = Type.Object(
  {
    page: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'The `next` of the page before' })),
    limit: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,4}$',
        description: `How many at most: 1 to ${MAX_LIMIT}; ${MAX_LIMIT} by default`,
      }),
    ),
  },
  { additionalProperties: false },
)

export function snapshotRoute(app: FastifyInstance, ctx: Context): void {
  const options = {
    handlerTimeout: DEADLINE_MS,
    config: { told: TOLD },
    schema: {
      ...TAGGED,
      summary: 'Lists who may do what in the application that asks, and where its events go on',
      description:
        'Everybody who may use the application, once for each company, page by page. What changes meanwhile comes as events after `cursor`. Right after the first call the house may still be noting what holds: `busy` says when to ask again.',
      querystring: QUERY,
    },
  }
  app.get<{ Querystring: { page?: string; limit?: string } }>('/snapshot', options, async (request, reply) => {
    const applicationId = await requireProved(ctx, request)
    const limit = readNumber(request.query.limit, 'limit', MAX_LIMIT, MAX_LIMIT)
    const page = request.query.page === undefined ? undefined : readPage(request.query.page)
    const cursor = page?.cursor ?? (await beginSnapshot(ctx, applicationId))
    const { items, isMore } = await listSnapshot(ctx.db.read, applicationId, { after: page, limit })
    const last = items.at(-1)
    const next = isMore && last ? writePage({ cursor, userId: last.userId, companyId: last.companyId }) : null
    return reply.send({ items: items.map(told), next, cursor })
  })
}

function told(item: SnapshotItem) {
  return {
    user: {
      id: item.userId,
      email: item.email,
      first_name: item.firstName,
      last_name: item.lastName,
      active: item.isActive,
    },
    company: { id: item.companyId, name: item.companyName },
    permissions: item.permissions,
    version: item.version,
  }
}

type Page = { cursor: string; userId: string; companyId: string }

function writePage({ cursor, userId, companyId }: Page): string {
  return Buffer.from([cursor, userId, companyId].join(' ')).toString('base64url')
}

function readPage(text: string): Page {
  const parts = /^([\w-]{1,200}) ([0-9a-f-]{36}) ([0-9a-f-]{36})$/.exec(Buffer.from(text, 'base64url').toString('utf8'))
  const [, cursor, userId, companyId] = parts ?? []
  if (cursor !== undefined && userId !== undefined && companyId !== undefined) return { cursor, userId, companyId }
  throw wrong('/query/page', 'is no page of a snapshot: begin without one')
}
