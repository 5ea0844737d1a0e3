import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { loadAnswer } from '../../access/answer.ts'
import type { Context } from '../../context.ts'
import { requireApplication } from '../../credentials/applications.ts'
import { validateImpersonation } from '../../impersonation/validate.ts'
import { isRichClient, readClaim } from '../callers.ts'
import { DEADLINE_MS } from '../deadline.ts'
import type { Told } from '../told.ts'
import { requireForm } from './dialect.ts'
import { EXPIRY, expiry, USER, userObject } from './shapes.ts'
import { AUTH, CLIENT, OF_APPLICATIONS, OTHER_FORM } from './told.ts'

const ANSWER = Type.Object({
  user: Type.String(),
  company: Type.String(),
  auth_token: Type.String(),
  ...EXPIRY,
  reason: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  impersonated_by: Type.Optional(
    Type.Union([Type.Object({ name: Type.String(), email: Type.Union([Type.String(), Type.Null()]) }), Type.Null()]),
  ),
  user_info: Type.Optional(USER),
})

export function impersonationRoute(app: FastifyInstance, ctx: Context): void {
  const told: Told = {
    operation: 'auth.impersonation',
    errors: [...OF_APPLICATIONS, ...OTHER_FORM, 'invalid_input', 'invalid_impersonation', 'body_too_large'],
    headers: CLIENT,
    body: Type.Object({ token: Type.String({ description: 'The one-time token' }) }),
  }
  const options = {
    bodyLimit: 16 * 1024,
    handlerTimeout: DEADLINE_MS,
    config: { told },
    schema: {
      ...AUTH,
      summary: 'Exchanges a one-time token for a token of one company',
      description: 'How a supporter looks at an application as one of its users. It works once, within two minutes.',
      response: { 200: ANSWER },
    },
  }
  app.post('/impersonation-validation/', options, async (request) => {
    const application = await requireApplication(ctx, readClaim(request))
    // Before the one-time token is used up: no release of the flat dialects knows this call.
    requireForm(request, application, 'v1')
    const found = await validateImpersonation(ctx, application, request.body, { id: request.id, source: request.ip })
    const plain = { user: found.username, company: found.companyId, auth_token: found.token }
    if (!isRichClient(request)) return plain
    // The one-time token is used up: whatever fails from here on, the session that it gave is answered.
    const rights = await loadAnswer(ctx, found.userId, application.id).catch(() => undefined)
    return {
      ...plain,
      ...expiry(found.expiresAt, ctx.now()),
      reason: found.reason || null,
      impersonated_by: found.startedBy && {
        name: found.startedBy.name,
        email: found.startedBy.isPerson ? found.startedBy.name : null,
      },
      ...(rights ? { user_info: userObject(rights.facts, onlyCompany(rights.answer, found.companyId)) } : {}),
    }
  })
}

type Rights = NonNullable<Awaited<ReturnType<typeof loadAnswer>>>['answer']

/** An impersonation speaks for one company, also in what it says of the user. */
function onlyCompany(answer: Rights, companyId: string): Rights {
  const companies = answer.companies.filter(({ id }) => id === companyId)
  return { companies, primary: companies[0] ?? null }
}
