import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { isRichClient, readClaim } from '../callers.ts'
import { dialectOf, sendAs } from './dialect.ts'
import { FLAT_PROFILE, flatProfile } from './flat.ts'
import { COMPANY, EXPIRY, expiry, userObject } from './shapes.ts'
import { AUTH, CLIENT, OF_SESSIONS } from './told.ts'

const ANSWER = Type.Object({
  first_name: Type.String(),
  last_name: Type.String(),
  email: Type.String(),
  pin: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  id: Type.Optional(Type.String()),
  company: Type.Optional(Type.Union([COMPANY, Type.Null()])),
  companies: Type.Optional(Type.Array(COMPANY)),
  ...EXPIRY,
})

export function profileRoute(app: FastifyInstance, ctx: Context): void {
  const options = {
    config: {
      told: {
        operation: 'auth.profile',
        errors: OF_SESSIONS,
        headers: CLIENT,
        answers: { 200: Type.Union([ANSWER, FLAT_PROFILE]) },
      },
    },
    schema: {
      ...AUTH,
      summary: 'Tells who the user is',
      description:
        'The second form is for applications of a flat dialect, asked by callers that do not name themselves.',
      response: { 200: ANSWER },
    },
  }
  app.get('/users/profile/', options, async (request, reply) => {
    const { facts, answer, token } = await requireSession(ctx, readClaim(request))
    const dialect = dialectOf(request, facts.application)
    if (dialect !== 'v1') return sendAs(reply, FLAT_PROFILE, flatProfile(dialect, facts, answer))
    const user = userObject(facts, answer)
    if (isRichClient(request)) return { ...user, ...expiry(token.expiresAt, ctx.now()) }
    const { id: _id, company: _company, companies: _companies, ...plain } = user
    return plain
  })
}
