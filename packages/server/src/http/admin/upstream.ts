import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import type { Rule } from '../../domain/power.ts'
import { wrong } from '../../errors.ts'
import { Remembered } from '../../statistics/remembered.ts'
import { loadUpstreamStatus } from '../../upstream/status.ts'
import { countMoves, listMoved, listWaiting, type MoveCounts } from '../../upstream/upstream-store.ts'
import { ID, MOMENT, maybe, moment } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const COUNT = Type.Integer()
const TIMES = { application: Type.String(), times: COUNT, last_at: MOMENT }

export const UPSTREAM = Type.Object({
  url: maybe(Type.String({ description: 'LICENSE_UPSTREAM; null: nobody is asked of another server' })),
  users: Type.Object({
    moved: COUNT,
    waiting: Type.Integer({ description: 'Known here, without a password yet' }),
    last_moved_at: maybe(MOMENT),
  }),
  last_7_days: Type.Object({
    refused: Type.Integer({ description: 'Whom the old server let in no more than this one' }),
    failed: COUNT,
    failures: Type.Array(Type.Object({ reason: Type.String(), ...TIMES })),
  }),
  left_out: Type.Array(
    Type.Object({
      why: Type.String({
        description: 'Such as `permission_unknown`, `superuser`, `seats_full`: see docs/switch-over.md',
      }),
      what: Type.String({ description: "A permission, a company's id or name; of `superuser` a user's id" }),
      ...TIMES,
    }),
    { description: 'What the old server told and was not taken over, the latest first; of 90 days' },
  ),
})

export const UPSTREAM_USER = Type.Object({
  id: ID,
  email: Type.String(),
  moved_at: maybe(MOMENT),
  application: maybe(Type.String({ description: 'By which the user moved: rights in others are not asked for' })),
})

export const QUERY = { ...PAGE, state: Type.Enum(['moved', 'waiting']) }

const RULE: Rule = { noun: 'upstream', access: 'read', powers: ['operator', 'support'] }

export function upstreamRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db
  const counted = new Remembered<MoveCounts>(ctx.now)

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/upstream',
      operation: 'upstream.status',
      rule: RULE,
      summary: 'Tells how far the switch-over from another License server is',
      description:
        'Who moved, who is known here and has no password yet, and what of the old server was not taken over.',
      answers: { 200: UPSTREAM },
    },
    async (): Promise<Static<typeof UPSTREAM>> => {
      // What this process has not stored yet.
      await ctx.refusals.flush(ctx.db)
      const counts = await counted.get('all', () => countMoves(read))
      const status = await loadUpstreamStatus(read, ctx.now(), counts)
      return {
        url: ctx.config.upstream ?? null,
        users: {
          moved: status.moved,
          waiting: status.waiting,
          last_moved_at: status.lastMovedAt === null ? null : moment(status.lastMovedAt),
        },
        last_7_days: {
          refused: status.refused,
          failed: status.failed,
          failures: status.failures.map(({ lastAt, ...each }) => ({ ...each, last_at: moment(lastAt) })),
        },
        left_out: status.leftOut.map(({ lastAt, ...each }) => ({ ...each, last_at: moment(lastAt) })),
      }
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/upstream/users',
      operation: 'upstream.users',
      rule: RULE,
      summary: 'Lists who moved, the last one first, or who is known here and has no password yet',
      query: QUERY,
      answers: { 200: pageOf(UPSTREAM_USER) },
    },
    async ({ query }) => {
      if (query.state === 'waiting') {
        const { limit, after } = readPaging<[string]>(query, 1)
        const found = await listWaiting(read, { after: after?.[0], limit: limit + 1 })
        const show = ({ id, email }: (typeof found)[number]) => ({ id, email, moved_at: null, application: null })
        return asPage(found, limit, ({ email }) => [email], show)
      }
      const { limit, after } = readPaging<[string, string]>(query, 2)
      const found = await listMoved(read, { after: after && placeOf(after), limit: limit + 1 })
      return asPage(
        found,
        limit,
        ({ movedAt, id }) => [String(movedAt), id],
        ({ id, email, movedAt, movedBy }) => ({ id, email, moved_at: moment(movedAt), application: movedBy }),
      )
    },
  )
}

function placeOf([at, id]: [string, string]): { movedAt: number; id: string } {
  if (!/^\d{1,15}$/.test(at))
    throw wrong('/query/cursor', 'is no cursor of this list: begin without one, and take `next_cursor`')
  return { movedAt: Number(at), id }
}
