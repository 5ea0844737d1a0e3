import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { isRichClient, readClaim } from '../callers.ts'
import { requireForm } from './dialect.ts'
import { COMPANY_PERMISSIONS, companyPermissions, EXPIRY, expiry } from './shapes.ts'
import { AUTH, CLIENT, OF_SESSIONS, OTHER_FORM } from './told.ts'

const ANSWER = Type.Object({ permissions: Type.Array(COMPANY_PERMISSIONS), ...EXPIRY })

export function permissionsRoute(app: FastifyInstance, ctx: Context): void {
  const options = {
    config: { told: { operation: 'auth.permissions', errors: [...OF_SESSIONS, ...OTHER_FORM], headers: CLIENT } },
    schema: {
      ...AUTH,
      summary: 'Lists what the user may do here, for each company',
      description: 'Empty where the user has no company left.',
      response: { 200: ANSWER },
    },
  }
  app.get('/get-permissions/', options, async (request) => {
    const { facts, answer, token } = await requireSession(ctx, readClaim(request))
    requireForm(request, facts.application, 'v1')
    const plain = { permissions: companyPermissions(answer) }
    return isRichClient(request) ? { ...plain, ...expiry(token.expiresAt, ctx.now()) } : plain
  })
}
