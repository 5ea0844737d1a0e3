import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { findRole, listRoles, listRolesOfCompany, type StoredRole } from '../../access/role-store.ts'
import { changeRole, createRole, type RoleOwner, removeRole, roleEtag } from '../../access/roles.ts'
import type { By } from '../../audit/actor.ts'
import type { Context } from '../../context.ts'
import { requireApplicationKnown, requireCompany } from '../../directory/visible.ts'
import { byCodePoint } from '../../domain/tree.ts'
import { AppError } from '../../errors.ts'
import { APPLICATION, ID, maybe, PERMISSION, ROLE_KEY, strict, text } from './forms.ts'
import { requireIfMatch } from './grants.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

export const ROLE = Type.Object({
  application: Type.String(),
  company: maybe(ID),
  key: Type.String(),
  name: Type.String(),
  permissions: Type.Array(Type.String()),
})

const NAME = text('For people', 200)
const PERMISSIONS = Type.Array(PERMISSION, { maxItems: 5_000 })
export const NEW_ROLE = { key: ROLE_KEY, name: optional(NAME), permissions: optional(PERMISSIONS) }
export const CHANGES = Type.Object(
  { name: optional(NAME), permissions: optional(PERMISSIONS) },
  { ...strict, minProperties: 1 },
)

const OF_APPLICATION = { application: APPLICATION }
const OF_COMPANY = { company: ID }
const OF_ROLE = { application: APPLICATION, key: ROLE_KEY }
const OF_COMPANY_ROLE = { company: ID, application: APPLICATION, key: ROLE_KEY }
const REFUSALS = ['not_found', 'already_there'] as const
const CHANGE_REFUSALS = ['not_found', 'condition_required', 'changed_meanwhile'] as const
/** Where a company's admin may write. */
const GIVING = ['operator_only', 'not_included'] as const

export function rolesRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  async function ofApplication(by: By, application: string): Promise<RoleOwner> {
    const { id } = await requireApplicationKnown(read, by.actor.power, application)
    return { applicationId: id, companyId: null }
  }

  async function ofCompany(by: By, company: string, application: string): Promise<RoleOwner> {
    const { id: companyId } = await requireCompany(read, by.actor.power, company)
    return { applicationId: (await requireApplicationKnown(read, by.actor.power, application)).id, companyId }
  }

  async function requireRole(owner: RoleOwner, key: string): Promise<StoredRole> {
    const role = await findRole(read, owner, key)
    if (role) return role
    throw new AppError('not_found', { detail: 'There is no such role.' })
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications/:application/roles',
      operation: 'roles.list',
      rule: { noun: 'roles', access: 'read', powers: ['operator', 'support', 'company', 'application'] },
      summary: "Lists an application's own roles, by key",
      params: OF_APPLICATION,
      answers: { 200: Type.Object({ items: Type.Array(ROLE) }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => ({
      items: (await listRoles(read, await ofApplication(by, params.application))).map(showRole),
    }),
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/applications/:application/roles',
      operation: 'roles.create',
      rule: { noun: 'roles', access: 'write', powers: ['operator'] },
      summary: 'Makes a role of the application itself',
      params: OF_APPLICATION,
      body: Type.Object(NEW_ROLE, strict),
      answers: { 201: ROLE },
      tells: ['location', 'etag'],
      errors: REFUSALS,
    },
    async ({ by, params, body, reply }) => {
      const owner = await ofApplication(by, params.application)
      const role = await createRole(ctx, by, owner, asWanted(body))
      reply.header('location', `/api/v1/admin/applications/${owner.applicationId}/roles/${role.key}`)
      reply.header('etag', roleEtag(role))
      return showRole(role)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications/:application/roles/:key',
      operation: 'roles.get',
      rule: { noun: 'roles', access: 'read', powers: ['operator', 'support', 'company', 'application'] },
      summary: 'Tells of a role of the application itself',
      params: OF_ROLE,
      answers: { 200: ROLE },
      tells: ['etag'],
      errors: ['not_found'],
    },
    async ({ by, params, reply }) => {
      const role = await requireRole(await ofApplication(by, params.application), params.key)
      reply.header('etag', roleEtag(role))
      return showRole(role)
    },
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/applications/:application/roles/:key',
      operation: 'roles.update',
      rule: { noun: 'roles', access: 'write', powers: ['operator'] },
      summary: 'Changes the fields that are given, of the role that `If-Match` names',
      params: OF_ROLE,
      body: CHANGES,
      answers: { 200: ROLE },
      tells: ['etag'],
      errors: CHANGE_REFUSALS,
    },
    async ({ by, params, body, request, reply }) => {
      const owner = await ofApplication(by, params.application)
      const role = await changeRole(ctx, by, owner, params.key, asChanges(body), requireIfMatch(request))
      reply.header('etag', roleEtag(role))
      return showRole(role)
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/applications/:application/roles/:key',
      operation: 'roles.remove',
      rule: { noun: 'roles', access: 'write', powers: ['operator'] },
      summary: 'Deletes a role that nobody has',
      params: OF_ROLE,
      answers: { 204: null },
      errors: ['not_found', 'in_use'],
    },
    async ({ by, params }) => removeRole(ctx, by, await ofApplication(by, params.application), params.key),
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/roles',
      operation: 'roles.listOfCompany',
      rule: { noun: 'roles', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Lists a company's own roles, by application and key",
      params: OF_COMPANY,
      answers: { 200: Type.Object({ items: Type.Array(ROLE) }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireCompany(read, by.actor.power, params.company)
      return { items: (await listRolesOfCompany(read, id)).map(showRole) }
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/companies/:company/roles',
      operation: 'roles.createOfCompany',
      rule: { noun: 'roles', access: 'write', powers: ['operator', 'company'] },
      summary: "Makes a company's own role",
      description: 'Of what the license includes, without what only operators may give.',
      params: OF_COMPANY,
      body: Type.Object({ application: APPLICATION, ...NEW_ROLE }, strict),
      answers: { 201: ROLE },
      tells: ['location', 'etag'],
      errors: [...REFUSALS, ...GIVING],
    },
    async ({ by, params, body, reply }) => {
      const owner = await ofCompany(by, params.company, body.application)
      const role = await createRole(ctx, by, owner, asWanted(body))
      reply.header('location', `/api/v1/admin/companies/${owner.companyId}/roles/${owner.applicationId}/${role.key}`)
      reply.header('etag', roleEtag(role))
      return showRole(role)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/roles/:application/:key',
      operation: 'roles.getOfCompany',
      rule: { noun: 'roles', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Tells of a company's own role",
      params: OF_COMPANY_ROLE,
      answers: { 200: ROLE },
      tells: ['etag'],
      errors: ['not_found'],
    },
    async ({ by, params, reply }) => {
      const role = await requireRole(await ofCompany(by, params.company, params.application), params.key)
      reply.header('etag', roleEtag(role))
      return showRole(role)
    },
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/companies/:company/roles/:application/:key',
      operation: 'roles.updateOfCompany',
      rule: { noun: 'roles', access: 'write', powers: ['operator', 'company'] },
      summary: 'Changes the fields that are given, of the role that `If-Match` names',
      params: OF_COMPANY_ROLE,
      body: CHANGES,
      answers: { 200: ROLE },
      tells: ['etag'],
      errors: [...CHANGE_REFUSALS, ...GIVING],
    },
    async ({ by, params, body, request, reply }) => {
      const owner = await ofCompany(by, params.company, params.application)
      const role = await changeRole(ctx, by, owner, params.key, asChanges(body), requireIfMatch(request))
      reply.header('etag', roleEtag(role))
      return showRole(role)
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/companies/:company/roles/:application/:key',
      operation: 'roles.removeOfCompany',
      rule: { noun: 'roles', access: 'write', powers: ['operator', 'company'] },
      summary: "Deletes a company's own role that nobody has",
      params: OF_COMPANY_ROLE,
      answers: { 204: null },
      errors: ['not_found', 'in_use'],
    },
    async ({ by, params }) => removeRole(ctx, by, await ofCompany(by, params.company, params.application), params.key),
  )
}

function asWanted(body: { key: string; name?: string | undefined; permissions?: string[] | undefined }) {
  return { key: body.key, name: body.name ?? body.key, permissions: body.permissions ?? [] }
}

function asChanges(body: Static<typeof CHANGES>) {
  return {
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.permissions === undefined ? {} : { permissions: body.permissions }),
  }
}

function showRole(role: StoredRole): Static<typeof ROLE> {
  return {
    application: role.applicationId,
    company: role.companyId,
    key: role.key,
    name: role.name,
    permissions: [...role.permissions].sort(byCodePoint),
  }
}
