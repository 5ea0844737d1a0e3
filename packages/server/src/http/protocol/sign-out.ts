import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { revokeTokenByHash } from '../../credentials/token-store.ts'
import { AppError } from '../../errors.ts'
import { readClaim } from '../callers.ts'

export function signOutRoute(app: FastifyInstance, ctx: Context): void {
  app.post('/sign-out/', { schema: { response: { 200: Type.Object({}) } } }, async (request) => {
    const { tokenHash } = await requireSession(ctx, readClaim(request))
    const revoked = await ctx.db.transaction((tx) => revokeTokenByHash(tx, tokenHash, ctx.now()))
    if (!revoked) throw new AppError('invalid_token')
    return {}
  })
}
