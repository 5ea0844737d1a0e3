import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { isRichClient, readClaim } from '../callers.ts'
import { COMPANY_PERMISSIONS, companyPermissions, EXPIRY, expiry } from './shapes.ts'

const ANSWER = Type.Object({ permissions: Type.Array(COMPANY_PERMISSIONS), ...EXPIRY })

export function permissionsRoute(app: FastifyInstance, ctx: Context): void {
  app.get('/get-permissions/', { schema: { response: { 200: ANSWER } } }, async (request) => {
    const { answer, token } = await requireSession(ctx, readClaim(request))
    const plain = { permissions: companyPermissions(answer) }
    return isRichClient(request) ? { ...plain, ...expiry(token.expiresAt, ctx.now()) } : plain
  })
}
