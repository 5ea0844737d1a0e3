import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { ADMIN, adminRoutes } from './admin/index.ts'
import { APPLICATION, applicationRoutes } from './application/index.ts'
import type { Door } from './door.ts'
import { healthRoutes } from './health.ts'
import { docsRoutes } from './pages/docs.ts'
import { impersonatePage } from './pages/impersonate.ts'
import { protocolRoutes } from './protocol/index.ts'

/** Everything that the server answers. */
export function routes(ctx: Context, door: Door): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    await app.register(healthRoutes(ctx, door))
    await app.register(protocolRoutes(ctx), { prefix: '/api/v1/auth' })
    await app.register(adminRoutes(ctx), { prefix: ADMIN })
    await app.register(applicationRoutes(ctx, door), { prefix: APPLICATION })
    await app.register(docsRoutes)
    await app.register(impersonatePage(ctx))
  }
}
