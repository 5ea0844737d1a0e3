import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { Type } from 'typebox'
import type { Context } from '../context.ts'
import type { Door } from './door.ts'
import type { Told } from './told.ts'

/** Load balancers wait a few seconds at most for this answer, and take none for a failure that says nothing. */
const LOOK_MS = 2_000

const state = (...states: string[]) => Type.Object({ status: Type.Enum(states) })
const LIVE: Told = { operation: 'health.live', errors: [], answers: { 200: state('live') } }
const LIVE_TEXT = { tags: ['health'], summary: 'Says that the process answers' }
const READY: Told = {
  operation: 'health.ready',
  errors: [],
  answers: { 200: state('ready'), 503: state('closing', 'database unavailable') },
}
const READY_TEXT = {
  tags: ['health'],
  summary: 'Says whether the server can also reach its database, and is not about to end',
}

/** `/livez`: the process answers. `/readyz`: it can also reach its database and is not about to end. */
export function healthRoutes(ctx: Context, door: Door): (app: FastifyInstance) => Promise<void> {
  const look = databaseLook(ctx)
  return async (app) => {
    app.get('/livez', { config: { told: LIVE }, schema: LIVE_TEXT }, async () => ({ status: 'live' }))
    app.get('/readyz', { config: { told: READY }, schema: READY_TEXT }, async (_request, reply) => {
      if (door.isLeaving) return reply.code(503).send({ status: 'closing' })
      if (await look()) return { status: 'ready' }
      return reply.code(503).header('retry-after', '1').send({ status: 'database unavailable' })
    })
  }
}

/** Whether the database answers, in time. All who ask meanwhile share one look: they take no connections from callers. */
function databaseLook({ db, log }: Context): () => Promise<boolean> {
  let looking: Promise<boolean> | undefined
  const start = async () => {
    try {
      await sql`select 1`.execute(db.read)
      return true
    } catch (error) {
      log.warn({ err: error }, 'not ready: the database does not answer')
      return false
    } finally {
      looking = undefined
    }
  }
  return async () => {
    looking ??= start()
    const late = new AbortController()
    try {
      return await Promise.race([looking, sleep(LOOK_MS, false, { signal: late.signal })])
    } finally {
      late.abort()
    }
  }
}
