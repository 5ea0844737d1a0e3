import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { busy } from '../../credentials/hasher.ts'
import { signIn } from '../../sign-in/index.ts'
import { isRichClient, readClaim, readUserAddress } from '../callers.ts'
import { DEADLINE_MS } from '../deadline.ts'
import { boundRest } from '../drain.ts'
import { dialectOf, sendAs } from './dialect.ts'
import { FLAT_SIGN_IN, flatSignIn } from './flat.ts'
import { COMPANY_PERMISSIONS, companyPermissions, EXPIRY, expiry, USER, userObject } from './shapes.ts'
import { AUTH, CLIENT, OF_APPLICATIONS, USER_ADDRESS } from './told.ts'

/** A name and a password are short; what is longer is refused before it is read. */
const SIGN_IN_BODY_LIMIT = 16 * 1024

const ANSWER = Type.Object({
  token: Type.String(),
  permissions: Type.Array(COMPANY_PERMISSIONS),
  ...EXPIRY,
  user: Type.Optional(USER),
})

/** Before the body is read: in a rush most are told to come back, and each takes time from those who are let in. */
function refuseInRush(ctx: Context): onRequestHookHandler {
  return (request, _reply, done) => {
    const module = request.headers['x-license-module']
    if (typeof module !== 'string' || !ctx.hasher.refuses(module)) return done()
    // Mostly it came with the head.
    setImmediate(() => boundRest(request.raw))
    done(busy())
  }
}

export function authenticateRoute(app: FastifyInstance, ctx: Context): void {
  app.post(
    '/authenticate/',
    {
      bodyLimit: SIGN_IN_BODY_LIMIT,
      handlerTimeout: DEADLINE_MS,
      onRequest: refuseInRush(ctx),
      config: {
        told: {
          operation: 'auth.signIn',
          errors: [
            ...OF_APPLICATIONS,
            'invalid_input',
            'bad_credentials',
            'account_disabled',
            'no_access',
            'body_too_large',
            'too_many_attempts',
            'upstream_unavailable',
          ],
          headers: { ...CLIENT, ...USER_ADDRESS },
          body: Type.Object({
            username: Type.String({ description: 'The email address' }),
            password: Type.String(),
          }),
          answers: { 200: Type.Union([ANSWER, FLAT_SIGN_IN]) },
        },
      },
      schema: {
        ...AUTH,
        summary: 'Signs a user in to the application that asks',
        description:
          'Refused where the user may use it for no company. The body is 16 kB at most. The second form is for applications of a flat dialect, asked by callers that do not name themselves.',
        response: { 200: ANSWER },
      },
    },
    async (request, reply) => {
      const claim = { ...readClaim(request), userAddress: readUserAddress(request) }
      const signedIn = await signIn(ctx, claim, request.body)
      const dialect = dialectOf(request, signedIn.facts.application)
      if (dialect !== 'v1') return sendAs(reply, FLAT_SIGN_IN, flatSignIn(dialect, signedIn.token, signedIn.answer))
      const plain = { token: signedIn.token, permissions: companyPermissions(signedIn.answer) }
      if (!isRichClient(request)) return plain
      return { ...plain, ...expiry(signedIn.expiresAt, ctx.now()), user: userObject(signedIn.facts, signedIn.answer) }
    },
  )
}
