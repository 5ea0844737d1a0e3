import type { FastifyInstance } from 'fastify'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { readClaim } from '../callers.ts'
import { requireForm } from './dialect.ts'
import { FLAT_PERMISSIONS, flatPermissions } from './flat.ts'
import { AUTH, CLIENT, OF_SESSIONS, OTHER_FORM } from './told.ts'

export function flatPermissionsRoute(app: FastifyInstance, ctx: Context): void {
  const options = {
    config: { told: { operation: 'auth.flatPermissions', errors: [...OF_SESSIONS, ...OTHER_FORM], headers: CLIENT } },
    schema: {
      ...AUTH,
      summary: 'Lists what the user may do here, for one company: of the flat dialects',
      description: 'For applications of a flat dialect, asked by callers that do not name themselves.',
      response: { 200: FLAT_PERMISSIONS },
    },
  }
  app.get('/users/permissions/', options, async (request) => {
    const { facts, answer } = await requireSession(ctx, readClaim(request))
    requireForm(request, facts.application, 'flat')
    return flatPermissions(answer)
  })
}
