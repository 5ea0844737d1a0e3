import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { AppError } from '../../errors.ts'
import { readClaim } from '../callers.ts'
import type { Told } from '../told.ts'
import { requireForm } from './dialect.ts'
import { AUTH, CLIENT, OF_SESSIONS, OTHER_FORM } from './told.ts'

const ANSWER = Type.Object({ permissions: Type.Array(Type.String()) })

type Params = { company_id: string }

export function companyPermissionsRoute(app: FastifyInstance, ctx: Context): void {
  const told: Told = {
    operation: 'auth.companyPermissions',
    errors: [...OF_SESSIONS, ...OTHER_FORM, 'company_not_accessible'],
    headers: CLIENT,
    params: { company_id: Type.String({ description: "A company's id" }) },
  }
  const options = {
    config: { told },
    schema: {
      ...AUTH,
      summary: 'Lists what the user may do here, for one company',
      description: "A company that there is not, and one that is not the user's, are answered alike.",
      response: { 200: ANSWER },
    },
  }
  app.get<{ Params: Params }>('/get-company-permissions/:company_id/', options, async (request) => {
    const { facts, answer } = await requireSession(ctx, readClaim(request))
    requireForm(request, facts.application, 'v1')
    const wanted = request.params.company_id.toLowerCase()
    const company = answer.companies.find(({ id }) => id === wanted)
    // The same for a company that is none and for one that is not this user's.
    if (!company)
      throw new AppError('company_not_accessible', { detail: 'There is no such company for this user here.' })
    return { permissions: company.permissions }
  })
}
