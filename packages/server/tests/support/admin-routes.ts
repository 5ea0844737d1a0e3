import { fastify } from 'fastify'
import type { Context } from '../../src/context.ts'
import { ADMIN, adminRoutes } from '../../src/http/admin/index.ts'

/** As `adminRoute` makes them. */
export type RouteSchema = { querystring?: object; body?: object; response?: Record<string, object> }

/** The routes that the router has: `GET /users/:user` → its forms. */
export async function listAdminRoutes(ctx: Context): Promise<Map<string, RouteSchema>> {
  const routes = new Map<string, RouteSchema>()
  const app = fastify()
  app.addHook('onRoute', ({ method, url, schema }) => {
    // For each GET the framework adds a HEAD.
    if (method !== 'HEAD') routes.set(`${method} ${url.slice(ADMIN.length)}`, schema as RouteSchema)
  })
  await app.register(adminRoutes(ctx), { prefix: ADMIN })
  await app.ready()
  return routes
}
