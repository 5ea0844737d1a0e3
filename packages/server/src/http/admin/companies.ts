import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { changeCompany, createCompany } from '../../credentials/company-acts.ts'
import { type StoredCompany, searchCompanies } from '../../directory/company-store.ts'
import { requireCompany } from '../../directory/visible.ts'
import { MAX_COMPANY_NAME, UUID } from '../../domain/limits.ts'
import { searchTerm } from '../../domain/search-term.ts'
import { AppError } from '../../errors.ts'
import { ID, MOMENT, moment, queryText, strict, text } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

export const COMPANY = Type.Object({
  id: ID,
  name: Type.String(),
  active: Type.Boolean(),
  allows_impersonation: Type.Boolean({ description: 'Its admins may act as its people' }),
  created_at: MOMENT,
  updated_at: MOMENT,
})

export const NAME = text('Its name, which no other company has', MAX_COMPANY_NAME)
export const FIELDS = {
  active: optional(Type.Boolean()),
  allows_impersonation: optional(
    Type.Boolean({ description: 'Lets its admins act as its people. Taken back, what they began ends' }),
  ),
}
const OF_COMPANY = { company: ID }

export function companiesRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies',
      operation: 'companies.list',
      rule: { noun: 'companies', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Lists companies by name, or finds them by how the name begins',
      description: 'A company is told of itself only.',
      query: {
        ...PAGE,
        q: optional(queryText(200, 'The beginning of a name, or a whole id')),
      },
      answers: { 200: pageOf(COMPANY) },
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const paging = readPaging<[string, string]>(query, 2)
      const q = query.q?.trim() ?? ''
      const exact = power.kind === 'company' ? power.companyId : UUID.test(q) ? q : undefined
      if (exact !== undefined) {
        const company = await requireCompany(read, power, exact).catch(unlessNotFound)
        const isFound = company && (UUID.test(q) ? company.id === q.toLowerCase() : isCalled(company, q))
        return { items: isFound ? [showCompany(company)] : [], next_cursor: null }
      }
      const [term = '', id = ''] = paging.after ?? []
      const found = await searchCompanies(read, {
        q,
        after: paging.after && { term, id },
        limit: paging.limit + 1,
      })
      return asPage(found, paging.limit, (company) => [company.term, company.id], showCompany)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/companies',
      operation: 'companies.create',
      rule: { noun: 'companies', access: 'write', powers: ['operator'] },
      summary: 'Makes a company',
      body: Type.Object({ id: optional(ID), name: NAME, ...FIELDS }, strict),
      answers: { 201: COMPANY },
      tells: ['location'],
      errors: ['already_there', 'id_taken'],
    },
    async ({ by, body, reply }) => {
      const company = await createCompany(ctx, by, {
        id: body.id?.toLowerCase(),
        name: body.name,
        isActive: body.active ?? true,
        allowsImpersonation: body.allows_impersonation ?? false,
      })
      reply.header('location', `/api/v1/admin/companies/${company.id}`)
      return showCompany(company)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company',
      operation: 'companies.get',
      rule: { noun: 'companies', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Tells of a company',
      params: OF_COMPANY,
      answers: { 200: COMPANY },
      errors: ['not_found'],
    },
    async ({ by, params }) => showCompany(await requireCompany(read, by.actor.power, params.company)),
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/companies/:company',
      operation: 'companies.update',
      rule: { noun: 'companies', access: 'write', powers: ['operator'] },
      summary: 'Changes the fields that are given',
      description: 'Switched off, nobody may do anything for it; sessions for other companies live on.',
      params: OF_COMPANY,
      body: Type.Object({ name: optional(NAME), ...FIELDS }, { ...strict, minProperties: 1 }),
      answers: { 200: COMPANY },
      errors: ['not_found', 'already_there'],
    },
    async ({ by, params, body }) => {
      const changes = { name: body.name, isActive: body.active, allowsImpersonation: body.allows_impersonation }
      return showCompany(await changeCompany(ctx, by, params.company.toLowerCase(), changes))
    },
  )
}

/** As a search for a name's beginning finds it. */
function isCalled({ name }: StoredCompany, q: string): boolean {
  return searchTerm(name).startsWith(searchTerm(q))
}

function unlessNotFound(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'not_found') return undefined
  throw error
}

function showCompany(company: StoredCompany): Static<typeof COMPANY> {
  return {
    id: company.id,
    name: company.name,
    active: company.isActive,
    allows_impersonation: company.allowsImpersonation,
    created_at: moment(company.createdAt),
    updated_at: moment(company.updatedAt),
  }
}
