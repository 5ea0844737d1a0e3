import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireSession } from '../../credentials/sessions.ts'
import { AppError } from '../../errors.ts'
import { readClaim } from '../callers.ts'

const ANSWER = Type.Object({ permissions: Type.Array(Type.String()) })

type Params = { company_id: string }

export function companyPermissionsRoute(app: FastifyInstance, ctx: Context): void {
  app.get<{ Params: Params }>(
    '/get-company-permissions/:company_id/',
    { schema: { response: { 200: ANSWER } } },
    async (request) => {
      const { answer } = await requireSession(ctx, readClaim(request))
      const wanted = request.params.company_id.toLowerCase()
      const company = answer.companies.find(({ id }) => id === wanted)
      // The same for a company that is none and for one that is not this user's.
      if (!company)
        throw new AppError('company_not_accessible', { detail: 'There is no such company for this user here.' })
      return { permissions: company.permissions }
    },
  )
}
