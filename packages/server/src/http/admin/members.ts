import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { removeMember } from '../../credentials/accounts.ts'
import { addMember, changeMember } from '../../credentials/members.ts'
import { findMembership, listMembershipsOf, type Membership } from '../../directory/membership-store.ts'
import { searchUsers } from '../../directory/user-search.ts'
import { findUser, findUserByEmail, listUsersById, type StoredUser } from '../../directory/user-store.ts'
import { requireCompany, requireMember } from '../../directory/visible.ts'
import { canonicalEmail } from '../../domain/email.ts'
import { UUID } from '../../domain/limits.ts'
import type { Power } from '../../domain/power.ts'
import { AppError, wrong } from '../../errors.ts'
import { EMAIL, ID, MOMENT, moment, queryText, strict } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'
import { showUser, USER } from './users.ts'

const optional = Type.Optional

export const MEMBER = Type.Object({
  user: USER,
  role: Type.Enum(['member', 'admin']),
  primary: Type.Boolean(),
  active: Type.Boolean(),
  joined_at: MOMENT,
})

export const FIELDS = {
  role: optional(Type.Enum(['member', 'admin'], { description: 'An admin runs the company within its licenses' })),
  primary: optional(
    Type.Boolean({
      description: "The company that the user's profile names. For operators: it is the user's, not a company's",
    }),
  ),
}

const OF_COMPANY = { company: ID }
const OF_MEMBER = { company: ID, user: ID }

export function membersRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/members',
      operation: 'members.list',
      rule: { noun: 'members', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Lists a company's members by address, or finds them by how the address or a name begins",
      params: OF_COMPANY,
      query: { ...PAGE, q: optional(queryText(200, 'The beginning of an address or a name, or a whole id')) },
      answers: { 200: pageOf(MEMBER) },
      errors: ['not_found'],
    },
    async ({ by, params, query }) => {
      const paging = readPaging<[string, string]>(query, 2)
      const { id: companyId } = await requireCompany(read, by.actor.power, params.company)
      const q = query.q?.trim() ?? ''
      if (UUID.test(q)) {
        const member = await findMembership(read, q.toLowerCase(), companyId)
        return { items: member ? [await showStored(ctx, by.actor.power, member)] : [], next_cursor: null }
      }
      const [term = '', id = ''] = paging.after ?? []
      const places = await searchUsers(read, {
        q,
        memberOf: companyId,
        ...(paging.after ? { after: { term, id } } : {}),
        limit: paging.limit + 1,
      })
      const ids = places.map((place) => place.id)
      const users = new Map((await listUsersById(read, ids)).map((user) => [user.id, user]))
      const members = new Map((await listMembershipsOf(read, companyId, ids)).map((each) => [each.userId, each]))
      return asPage(
        places,
        paging.limit,
        (place) => [place.term, place.id],
        (place) => {
          const user = users.get(place.id)
          const member = members.get(place.id)
          return user && member && showMember(by.actor.power, user, member)
        },
      )
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/companies/:company/members',
      operation: 'members.create',
      rule: { noun: 'members', access: 'write', powers: ['operator', 'company'] },
      summary: 'Makes a user a member',
      description:
        "Named by id or address. A company's admin can take on again whom the company manages; anybody else of the house is for operators.",
      params: OF_COMPANY,
      body: Type.Object(
        {
          user: optional(ID),
          email: optional(EMAIL),
          ...FIELDS,
          despite_manager: optional(
            Type.Boolean({ description: 'Although another company manages the account, and may know its password' }),
          ),
        },
        strict,
      ),
      answers: { 201: MEMBER },
      tells: ['location'],
      errors: ['not_found', 'already_there', 'managed_elsewhere'],
    },
    async ({ by, params, body, reply }) => {
      const { power } = by.actor
      const company = await requireCompany(read, power, params.company)
      const user = await readUser(ctx, body)
      if (!user) throw new AppError('not_found', { detail: 'There is no such user.' })
      const member = await addMember(
        ctx,
        by,
        { userId: user.id, companyId: company.id },
        { role: body.role ?? 'member', isPrimary: body.primary, despiteManager: body.despite_manager },
      )
      reply.header('location', `/api/v1/admin/companies/${company.id}/members/${user.id}`)
      return showMember(power, user, member)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/members/:user',
      operation: 'members.get',
      rule: { noun: 'members', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Tells of a member',
      params: OF_MEMBER,
      answers: { 200: MEMBER },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const company = await requireCompany(read, by.actor.power, params.company)
      return showStored(ctx, by.actor.power, await requireMember(read, company.id, params.user))
    },
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/companies/:company/members/:user',
      operation: 'members.update',
      rule: { noun: 'members', access: 'write', powers: ['operator', 'company'] },
      summary: 'Changes the fields that are given',
      description: 'Switched off, a member keeps the seats and may do nothing for the company.',
      params: OF_MEMBER,
      body: Type.Object({ ...FIELDS, active: optional(Type.Boolean()) }, { ...strict, minProperties: 1 }),
      answers: { 200: MEMBER },
      errors: ['not_found'],
    },
    async ({ by, params, body }) => {
      const company = await requireCompany(read, by.actor.power, params.company)
      const { userId } = await requireMember(read, company.id, params.user)
      const changes = { role: body.role, isPrimary: body.primary, isActive: body.active }
      return showStored(ctx, by.actor.power, await changeMember(ctx, by, { userId, companyId: company.id }, changes))
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/companies/:company/members/:user',
      operation: 'members.remove',
      rule: { noun: 'members', access: 'write', powers: ['operator', 'company'] },
      summary: 'Takes a member out of the company, with all seats and grants there',
      params: OF_MEMBER,
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const company = await requireCompany(read, by.actor.power, params.company)
      const { userId } = await requireMember(read, company.id, params.user)
      if (!(await removeMember(ctx, by, { userId, companyId: company.id }))) throw new AppError('not_found')
    },
  )
}

async function readUser(
  ctx: Context,
  named: { user?: string | undefined; email?: string | undefined },
): Promise<StoredUser | undefined> {
  const { user, email } = named
  if ((user === undefined) === (email === undefined)) throw wrong('/body', 'must name a "user" or an "email"')
  if (user !== undefined) return findUser(ctx.db.read, user.toLowerCase())
  const canonical = canonicalEmail(email ?? '')
  return canonical === undefined ? undefined : findUserByEmail(ctx.db.read, canonical)
}

async function showStored(ctx: Context, power: Power, member: Membership): Promise<Static<typeof MEMBER>> {
  const user = await findUser(ctx.db.read, member.userId)
  if (!user) throw new AppError('not_found')
  return showMember(power, user, member)
}

function showMember(power: Power, user: StoredUser, member: Membership): Static<typeof MEMBER> {
  return {
    user: showUser(power, user),
    role: member.role,
    primary: member.isPrimary,
    active: member.isActive,
    joined_at: moment(member.joinedAt),
  }
}
