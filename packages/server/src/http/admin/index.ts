import type { FastifyInstance } from 'fastify'
import type { Context } from '../../context.ts'
import { apiKeysRoutes } from './api-keys.ts'
import { applicationsRoutes } from './applications.ts'
import { auditRoutes } from './audit.ts'
import { auditExportRoutes } from './audit-export.ts'
import { companiesRoutes } from './companies.ts'
import { compileLate } from './compilers.ts'
import { deliveriesRoutes } from './deliveries.ts'
import { endpointsRoutes } from './endpoints.ts'
import { explainRoutes } from './explain.ts'
import { exportRoutes } from './export.ts'
import { grantsRoutes } from './grants.ts'
import { impersonationsRoutes } from './impersonations.ts'
import { importsRoutes } from './imports.ts'
import { licensesRoutes } from './licenses.ts'
import { manifestRoutes } from './manifest.ts'
import { membersRoutes } from './members.ts'
import { rolesRoutes } from './roles.ts'
import { guard } from './route.ts'
import { statisticsRoutes } from './statistics.ts'
import { upstreamRoutes } from './upstream.ts'
import { usersRoutes } from './users.ts'

/** Where the admin API is. */
export const ADMIN = '/api/v1/admin'

/** Running the house over HTTP, by API keys. A route that states no rule ends the start. */
export function adminRoutes(ctx: Context): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook('onRoute', ({ config, method, url }) => {
      if (!config?.rule) throw new Error(`${method} ${url} states no rule`)
    })
    app.addHook('onRequest', guard(ctx))
    compileLate(app)
    usersRoutes(app, ctx)
    companiesRoutes(app, ctx)
    membersRoutes(app, ctx)
    applicationsRoutes(app, ctx)
    manifestRoutes(app, ctx)
    rolesRoutes(app, ctx)
    licensesRoutes(app, ctx)
    grantsRoutes(app, ctx)
    explainRoutes(app, ctx)
    apiKeysRoutes(app, ctx)
    auditRoutes(app, ctx)
    impersonationsRoutes(app, ctx)
    importsRoutes(app, ctx)
    exportRoutes(app, ctx)
    auditExportRoutes(app, ctx)
    statisticsRoutes(app, ctx)
    endpointsRoutes(app, ctx)
    deliveriesRoutes(app, ctx)
    upstreamRoutes(app, ctx)
  }
}
