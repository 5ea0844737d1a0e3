import type { FastifyInstance } from 'fastify'
import type { Context } from '../../context.ts'
import { authenticateRoute } from './authenticate.ts'
import { companyPermissionsRoute } from './company-permissions.ts'
import { flatPermissionsRoute } from './flat-permissions.ts'
import { impersonationRoute } from './impersonation.ts'
import { permissionsRoute } from './permissions.ts'
import { profileRoute } from './profile.ts'
import { signOutRoute } from './sign-out.ts'

/** The frozen calls of docs/PROTOCOL.md, and signing out. */
export function protocolRoutes(ctx: Context): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    authenticateRoute(app, ctx)
    profileRoute(app, ctx)
    permissionsRoute(app, ctx)
    companyPermissionsRoute(app, ctx)
    flatPermissionsRoute(app, ctx)
    impersonationRoute(app, ctx)
    signOutRoute(app, ctx)
  }
}
