import type { FastifyInstance } from 'fastify'
import type { Context } from '../../context.ts'
import { compileLate } from '../admin/compilers.ts'
import type { Door } from '../door.ts'
import { eventsRoute } from './events.ts'
import { snapshotRoute } from './snapshot.ts'

/** What an application asks for itself, with its secret. */
export const APPLICATION = '/api/v1/application'

export function applicationRoutes(ctx: Context, door: Door): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    compileLate(app)
    eventsRoute(app, ctx, door)
    snapshotRoute(app, ctx)
  }
}
