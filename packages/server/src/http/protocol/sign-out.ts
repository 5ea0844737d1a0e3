import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { forgetLastToken } from '../../credentials/last-token-store.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { revokeTokenByHash } from '../../credentials/token-store.ts'
import { AppError } from '../../errors.ts'
import { leaveImpersonation } from '../../impersonation/end.ts'
import { readClaim } from '../callers.ts'
import { DEADLINE_MS } from '../deadline.ts'
import { AUTH, CLIENT, OF_SESSIONS } from './told.ts'

export function signOutRoute(app: FastifyInstance, ctx: Context): void {
  const options = {
    handlerTimeout: DEADLINE_MS,
    config: { told: { operation: 'auth.signOut', errors: OF_SESSIONS, headers: CLIENT } },
    schema: { ...AUTH, summary: 'Ends the session, on every server at once', response: { 200: Type.Object({}) } },
  }
  app.post('/sign-out/', options, async (request) => {
    const { tokenHash, token } = await requireSession(ctx, readClaim(request))
    const revoked =
      token.onlyCompanyId === null
        ? await ctx.db.transaction(async (tx) => {
            await forgetLastToken(tx, tokenHash)
            return revokeTokenByHash(tx, tokenHash, ctx.now())
          })
        : await leaveImpersonation(ctx, tokenHash, { id: request.id, source: request.ip })
    if (!revoked) throw new AppError('invalid_token')
    return {}
  })
}
