import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import type { Context } from '../context.ts'
import type { Door } from './door.ts'

/** `/livez`: the process answers. `/readyz`: it can also reach its database and is not closing. */
export function healthRoutes(ctx: Context, door: Door): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get('/livez', async () => ({ status: 'live' }))
    app.get('/readyz', async (_request, reply) => {
      if (door.isClosing) return reply.code(503).send({ status: 'closing' })
      try {
        await sql`select 1`.execute(ctx.db.read)
        return { status: 'ready' }
      } catch (error) {
        ctx.log.warn({ err: error }, 'not ready: the database does not answer')
        return reply.code(503).header('retry-after', '1').send({ status: 'database unavailable' })
      }
    })
  }
}
