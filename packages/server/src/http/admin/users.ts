import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { deleteUser, endToken, signOutUser } from '../../credentials/accounts.ts'
import { listLiveTokens } from '../../credentials/token-store.ts'
import { changeUser, createUser, setPassword } from '../../credentials/users.ts'
import { findMembership, listMemberships, type Membership } from '../../directory/membership-store.ts'
import { searchUsers } from '../../directory/user-search.ts'
import { listUsersById, type StoredUser } from '../../directory/user-store.ts'
import { requireCompany, requireUser } from '../../directory/visible.ts'
import { UUID } from '../../domain/limits.ts'
import { PASSWORD_MAX_LENGTH } from '../../domain/password-policy.ts'
import type { Power } from '../../domain/power.ts'
import { AppError } from '../../errors.ts'
import { EMAIL, ID, MOMENT, maybe, moment, PERSON_NAME, PIN, queryText, strict } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

export const USER = Type.Object({
  id: ID,
  email: Type.String(),
  first_name: Type.String(),
  last_name: Type.String(),
  active: Type.Boolean(),
  // A company is told the rest of users whom it manages.
  pin: optional(maybe(Type.String())),
  operator: optional(Type.Boolean()),
  support: optional(Type.Boolean()),
  managed_by: optional(maybe(ID)),
  has_password: optional(Type.Boolean()),
  created_at: optional(MOMENT),
  updated_at: optional(MOMENT),
})

const MEMBERSHIP = Type.Object({
  company: Type.Object({ id: ID, name: Type.String() }),
  role: Type.Enum(['member', 'admin']),
  primary: Type.Boolean(),
  active: Type.Boolean(),
  joined_at: MOMENT,
})

export const USER_WITH_COMPANIES = Type.Object({ ...USER.properties, companies: Type.Array(MEMBERSHIP) })

export const PASSWORD = Type.String({
  minLength: 1,
  // Letters with accents may come as two; what is too long is told in words.
  maxLength: 4 * PASSWORD_MAX_LENGTH,
  description: 'Never told again, and stored as a hash',
})

const FIELDS = {
  first_name: optional(PERSON_NAME),
  last_name: optional(PERSON_NAME),
  pin: optional(PIN),
  active: optional(Type.Boolean({ description: 'Switched off, every session ends' })),
  operator: optional(Type.Boolean({ description: 'May run the whole house. For operators' })),
  support: optional(Type.Boolean({ description: 'May look and impersonate. For operators' })),
  managed_by: optional(maybe(ID)),
  take_up_deleted: optional(Type.Boolean({ description: 'Takes up an address that a deleted user had' })),
}

export const NEW_USER = Type.Object(
  {
    id: optional(ID),
    email: EMAIL,
    ...FIELDS,
    password: optional(PASSWORD),
    company: optional(ID),
  },
  strict,
)
export const CHANGES = Type.Object({ email: optional(EMAIL), ...FIELDS }, { ...strict, minProperties: 1 })

const OF_USER = { user: ID }

export const TOKEN = Type.Object({
  id: Type.String(),
  application: Type.String(),
  issued_at: MOMENT,
  expires_at: MOMENT,
  last_used_at: MOMENT,
  impersonation: Type.Boolean(),
})

export function usersRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/users',
      operation: 'users.list',
      rule: { noun: 'users', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Lists users by address, or finds them by how the address or a name begins',
      query: {
        ...PAGE,
        q: optional(queryText(200, 'The beginning of an address or a name, or a whole id')),
        company: optional(ID),
      },
      answers: { 200: pageOf(USER) },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const paging = readPaging<[string, string]>(query, 2)
      const { power } = by.actor
      const companyId = power.kind === 'company' ? power.companyId : undefined
      if (query.company !== undefined) await requireCompany(read, power, query.company)
      const q = query.q?.trim() ?? ''
      if (UUID.test(q)) {
        const user = await findVisible(ctx, power, q)
        const isOf = user && (query.company === undefined || (await belongsTo(ctx, user, query.company.toLowerCase())))
        return pageOfOne(power, isOf ? user : undefined)
      }
      const [term = '', id = ''] = paging.after ?? []
      const places = await searchUsers(read, {
        q,
        companyId: companyId ?? query.company?.toLowerCase(),
        ...(paging.after ? { after: { term, id } } : {}),
        limit: paging.limit + 1,
      })
      const users = await listUsersById(
        read,
        places.map((place) => place.id),
      )
      const byId = new Map(users.map((user) => [user.id, user]))
      return asPage(
        places,
        paging.limit,
        (place) => [place.term, place.id],
        (place) => {
          const user = byId.get(place.id)
          return user && showUser(power, user)
        },
      )
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/users',
      operation: 'users.create',
      rule: { noun: 'users', access: 'write', powers: ['operator', 'company'] },
      summary: 'Makes a user',
      description: 'One that a company makes is managed by it and its member.',
      body: NEW_USER,
      answers: { 201: USER_WITH_COMPANIES },
      tells: ['location'],
      errors: ['email_taken', 'email_of_deleted', 'id_taken', 'not_found'],
    },
    async ({ by, body, reply }) => {
      if (body.company !== undefined) await requireCompany(read, by.actor.power, body.company)
      if (typeof body.managed_by === 'string') await requireCompany(read, by.actor.power, body.managed_by)
      const user = await createUser(ctx, by, {
        ...asChanges(body),
        id: body.id?.toLowerCase(),
        email: body.email,
        password: body.password,
        companyId: body.company?.toLowerCase(),
        takesUpDeleted: body.take_up_deleted,
      })
      reply.header('location', `/api/v1/admin/users/${user.id}`)
      return showWithCompanies(ctx, by.actor.power, user)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/users/:user',
      operation: 'users.get',
      rule: { noun: 'users', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Tells of a user, with the companies',
      description: 'A company is told of its own membership only.',
      params: OF_USER,
      answers: { 200: USER_WITH_COMPANIES },
      errors: ['not_found'],
    },
    async ({ by, params }) =>
      showWithCompanies(ctx, by.actor.power, await requireUser(read, by.actor.power, params.user)),
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/users/:user',
      operation: 'users.update',
      rule: { noun: 'users', access: 'write', powers: ['operator', 'company'] },
      summary: 'Changes the fields that are given',
      params: OF_USER,
      body: CHANGES,
      answers: { 200: USER_WITH_COMPANIES },
      errors: ['not_found', 'email_taken', 'email_of_deleted', 'last_operator'],
    },
    async ({ by, params, body }) => {
      const { id } = await requireUser(read, by.actor.power, params.user)
      if (typeof body.managed_by === 'string') await requireCompany(read, by.actor.power, body.managed_by)
      const user = await changeUser(ctx, by, id, {
        ...asChanges(body),
        email: body.email,
        takesUpDeleted: body.take_up_deleted,
      })
      return showWithCompanies(ctx, by.actor.power, user)
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/users/:user',
      operation: 'users.remove',
      rule: { noun: 'users', access: 'write', powers: ['operator'] },
      summary: "Deletes a person's data for good, and ends every session",
      params: OF_USER,
      answers: { 204: null },
      errors: ['not_found', 'last_operator'],
    },
    async ({ by, params }) => {
      await deleteUser(ctx, by, await requireUser(read, by.actor.power, params.user))
    },
  )

  adminRoute(
    app,
    {
      method: 'PUT',
      url: '/users/:user/password',
      operation: 'users.setPassword',
      rule: { noun: 'users', access: 'write', powers: ['operator', 'company'] },
      summary: 'Sets a password, and ends every session',
      params: OF_USER,
      body: Type.Object({ password: PASSWORD }, strict),
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params, body }) => {
      const { id } = await requireUser(read, by.actor.power, params.user)
      await setPassword(ctx, by, id, body.password, '/body/password')
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/users/:user/tokens',
      operation: 'users.signOut',
      rule: { noun: 'tokens', access: 'write', powers: ['operator'] },
      summary: 'Signs a user out of all applications',
      params: OF_USER,
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      await signOutUser(ctx, by, (await requireUser(read, by.actor.power, params.user)).id)
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/users/:user/tokens/:token',
      operation: 'tokens.remove',
      rule: { noun: 'tokens', access: 'write', powers: ['operator'] },
      summary: 'Ends one session, from the very next request on',
      description: 'Also of one that has ended already.',
      params: { ...OF_USER, token: ID },
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireUser(read, by.actor.power, params.user)
      if ((await endToken(ctx, by, params.token.toLowerCase(), id)) === 'unknown')
        throw new AppError('not_found', { detail: 'This user has no such session.' })
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/users/:user/tokens',
      operation: 'tokens.list',
      rule: { noun: 'tokens', access: 'read', powers: ['operator', 'support'] },
      summary: "Lists a user's live sessions, the last used first: two hundred at most",
      params: OF_USER,
      answers: { 200: Type.Object({ items: Type.Array(TOKEN) }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireUser(read, by.actor.power, params.user)
      const tokens = await listLiveTokens(read, { userId: id, limit: 200 }, ctx.now())
      return {
        items: tokens.map((token) => ({
          id: token.id,
          application: token.applicationId,
          issued_at: moment(token.issuedAt),
          expires_at: moment(token.expiresAt),
          last_used_at: moment(token.lastUsedAt),
          impersonation: token.isImpersonation,
        })),
      }
    },
  )
}

/** As a search in the company finds them: its members, and whom it manages. */
async function belongsTo(ctx: Context, user: StoredUser, companyId: string): Promise<boolean> {
  return user.managedBy === companyId || (await findMembership(ctx.db.read, user.id, companyId)) !== undefined
}

/** An exact id finds one user, or none. */
async function findVisible(ctx: Context, power: Power, id: string): Promise<StoredUser | undefined> {
  try {
    return await requireUser(ctx.db.read, power, id)
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return undefined
    throw error
  }
}

function pageOfOne(power: Power, user: StoredUser | undefined): { items: Static<typeof USER>[]; next_cursor: null } {
  return { items: user ? [showUser(power, user)] : [], next_cursor: null }
}

function asChanges(body: Partial<Static<typeof NEW_USER>>) {
  return {
    firstName: body.first_name,
    lastName: body.last_name,
    pin: body.pin,
    isActive: body.active,
    isOperator: body.operator,
    isSupport: body.support,
    managedBy: typeof body.managed_by === 'string' ? body.managed_by.toLowerCase() : body.managed_by,
  }
}

export function showUser(power: Power, user: StoredUser): Static<typeof USER> {
  const plain = {
    id: user.id,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    active: user.isActive,
  }
  if (power.kind === 'company' && user.managedBy !== power.companyId) return plain
  return {
    ...plain,
    pin: user.pin,
    operator: user.isOperator,
    support: user.isSupport,
    managed_by: user.managedBy,
    has_password: user.hasPassword,
    created_at: moment(user.createdAt),
    updated_at: moment(user.updatedAt),
  }
}

async function showWithCompanies(
  ctx: Context,
  power: Power,
  user: StoredUser,
): Promise<Static<typeof USER_WITH_COMPANIES>> {
  const all = await listMemberships(ctx.db.read, user.id)
  const seen = power.kind === 'company' ? all.filter((each) => each.companyId === power.companyId) : all
  return { ...showUser(power, user), companies: seen.map(showMembership) }
}

function showMembership(membership: Membership): Static<typeof MEMBERSHIP> {
  return {
    company: { id: membership.companyId, name: membership.companyName },
    role: membership.role,
    primary: membership.isPrimary,
    active: membership.isActive,
    joined_at: moment(membership.joinedAt),
  }
}
