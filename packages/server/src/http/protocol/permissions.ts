import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { isRichClient, readClaim } from '../callers.ts'
import { COMPANY_PERMISSIONS, companyPermissions, EXPIRY, expiry } from './shapes.ts'
import { AUTH, CLIENT, OF_SESSIONS } from './told.ts'

const ANSWER = Type.Object({ permissions: Type.Array(COMPANY_PERMISSIONS), ...EXPIRY })

export function permissionsRoute(app: FastifyInstance, ctx: Context): void {
  const options = {
    config: { told: { operation: 'auth.permissions', errors: OF_SESSIONS, headers: CLIENT } },
    schema: {
      ...AUTH,
      summary: 'Lists what the user may do here, for each company',
      description: 'Empty where the user has no company left.',
      response: { 200: ANSWER },
    },
  }
  app.get('/get-permissions/', options, async (request) => {
    const { answer, token } = await requireSession(ctx, readClaim(request))
    const plain = { permissions: companyPermissions(answer) }
    return isRichClient(request) ? { ...plain, ...expiry(token.expiresAt, ctx.now()) } : plain
  })
}
