import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { findKey, listKeys, type StoredKey } from '../../credentials/api-key-store.ts'
import { createKey, endKey } from '../../credentials/api-keys.ts'
import { findApplication } from '../../directory/application-store.ts'
import { requireCompany, requireUser } from '../../directory/visible.ts'
import { readMoment } from '../../domain/day.ts'
import { isScope, NOUNS, type Power, SCOPES } from '../../domain/power.ts'
import { AppError, wrong } from '../../errors.ts'
import { APPLICATION, ID, MOMENT, maybe, moment, strict, text } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { ANYBODY, adminRoute } from './route.ts'

const optional = Type.Optional

const SCOPE = Type.String({
  maxLength: 40,
  description: `One of ${SCOPES.slice(0, 3).join(', ')}, <noun>:read, <noun>:write`,
})

export const KEY = Type.Object({
  id: ID,
  name: Type.String(),
  power: Type.Enum(['operator', 'support', 'company', 'application']),
  company: maybe(ID),
  application: maybe(Type.String()),
  user: maybe(Type.Object({ id: ID, email: Type.String() })),
  scopes: Type.Array(Type.String()),
  created_by: Type.String(),
  created_at: MOMENT,
  expires_at: maybe(MOMENT),
  last_used_at: maybe(MOMENT),
  revoked_at: maybe(MOMENT),
})
export const NEW_KEY = Type.Object({ ...KEY.properties, key: Type.String({ description: 'Told this once' }) })

export const WANTED = Type.Object(
  {
    name: text('For people: what it is for', 200),
    power: optional(Type.Enum(['operator', 'support', 'company', 'application'])),
    company: optional(ID),
    application: optional(APPLICATION),
    user: optional(ID),
    scopes: optional(Type.Array(SCOPE, { minItems: 1, maxItems: 40 })),
    expires_at: optional(maybe(Type.String({ maxLength: 40 }))),
  },
  strict,
)

export const ME = Type.Object({
  kind: Type.Enum(['key', 'user']),
  id: Type.String(),
  name: Type.String(),
  power: Type.Enum(['operator', 'support', 'company', 'application']),
  company: maybe(Type.Object({ id: ID, name: Type.String() })),
  application: maybe(Type.String()),
  user: maybe(ID),
  scopes: Type.Array(Type.String()),
})

export function apiKeysRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/whoami',
      operation: 'whoami',
      // Whatever a key is made for, it may ask what it is.
      rule: { noun: 'whoami', access: 'read', powers: ANYBODY },
      summary: 'Tells what the key is and may do',
      answers: { 200: ME },
    },
    async ({ by }) => {
      const { kind, id, name, power, scopes, userId } = by.actor
      const company = power.kind === 'company' ? await requireCompany(read, power, power.companyId) : null
      return {
        kind,
        id,
        name,
        power: power.kind,
        company: company && { id: company.id, name: company.name },
        application: power.kind === 'application' ? power.applicationId : null,
        user: userId,
        scopes,
      }
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/api-keys',
      operation: 'apiKeys.list',
      rule: { noun: 'api-keys', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Lists API keys, the oldest first',
      description: 'A company is told of its own.',
      query: PAGE,
      answers: { 200: pageOf(KEY) },
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const paging = readPaging<[string]>(query, 1)
      const found = await listKeys(read, {
        companyId: power.kind === 'company' ? power.companyId : undefined,
        after: paging.after?.[0],
        limit: paging.limit + 1,
      })
      return asPage(found, paging.limit, (key) => [key.id], showKey)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/api-keys',
      operation: 'apiKeys.create',
      rule: { noun: 'api-keys', access: 'write', powers: ['operator', 'company'] },
      summary: 'Makes an API key, whose secret is told this once',
      description:
        'It can do no more than the one that makes it. Bound to a user, it can do no more than that user at the moment.',
      body: WANTED,
      answers: { 201: NEW_KEY },
      tells: ['location'],
      errors: ['not_found'],
    },
    async ({ by, body, reply }) => {
      const { power } = by.actor
      const wanted = await readPower(ctx, power, body)
      // Of a person's key without being told: another one of the same person.
      const named = body.user ?? by.actor.userId ?? undefined
      const user = named === undefined ? undefined : await requireUser(read, power, named)
      const { id, secret } = await createKey(ctx, by, {
        name: body.name,
        power: wanted,
        userId: user?.id ?? null,
        scopes: readScopes(body.scopes),
        expiresAt: readExpiry(ctx, body.expires_at),
      })
      reply.header('location', `/api/v1/admin/api-keys/${id}`)
      const key = await findKey(read, id)
      if (!key) throw new AppError('not_found')
      return { ...showKey(key), key: secret }
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/api-keys/:key',
      operation: 'apiKeys.get',
      rule: { noun: 'api-keys', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Tells of an API key',
      params: { key: ID },
      answers: { 200: KEY },
      errors: ['not_found'],
    },
    async ({ by, params }) => showKey(await requireVisibleKey(ctx, by.actor.power, params.key)),
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/api-keys/:key',
      operation: 'apiKeys.remove',
      rule: { noun: 'api-keys', access: 'write', powers: ['operator', 'company'] },
      summary: 'Revokes an API key, from the very next request on',
      params: { key: ID },
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      await endKey(ctx, by, (await requireVisibleKey(ctx, by.actor.power, params.key)).id)
    },
  )
}

async function requireVisibleKey(ctx: Context, power: Power, id: string): Promise<StoredKey> {
  const key = await findKey(ctx.db.read, id.toLowerCase())
  const isOwn = power.kind !== 'company' || (key?.power.kind === 'company' && key.power.companyId === power.companyId)
  if (key && isOwn) return key
  throw new AppError('not_found', { detail: 'There is no such API key.' })
}

async function readPower(ctx: Context, giver: Power, body: Static<typeof WANTED>): Promise<Power> {
  const kind =
    body.power ?? (body.company !== undefined ? 'company' : body.application !== undefined ? 'application' : giver.kind)
  if ((kind === 'company') !== (body.company !== undefined) && giver.kind !== 'company')
    throw wrong('/body/company', 'must be given for the power of a company, and for no other')
  if ((kind === 'application') !== (body.application !== undefined))
    throw wrong('/body/application', 'must be given for the power of an application, and for no other')
  if (kind === 'company') {
    const own = giver.kind === 'company' ? giver.companyId : ''
    return { kind, companyId: (await requireCompany(ctx.db.read, giver, body.company ?? own)).id }
  }
  if (kind !== 'application') return { kind }
  const application = await findApplication(ctx.db.read, body.application ?? '')
  if (!application) throw new AppError('not_found', { detail: 'There is no such application.' })
  return { kind, applicationId: application.id }
}

const NO_SCOPE = `is no scope: there are *, *:read, *:write, and one of ${NOUNS.join(', ')} with :read or :write`

function readScopes(given: readonly string[] | undefined) {
  const scopes = given ?? ['*']
  for (const [index, scope] of scopes.entries()) if (!isScope(scope)) throw wrong(`/body/scopes/${index}`, NO_SCOPE)
  return [...new Set(scopes)].filter(isScope)
}

function readExpiry(ctx: Context, given: string | null | undefined): number | null {
  if (given === undefined || given === null) return null
  const at = readMoment(given, ctx.config.timeZone, 'end')
  if (at === undefined || at <= ctx.now())
    throw wrong('/body/expires_at', 'must be a day or a moment with an offset that is still to come')
  return at
}

function showKey(key: StoredKey): Static<typeof KEY> {
  return {
    id: key.id,
    name: key.name,
    power: key.power.kind,
    company: key.power.kind === 'company' ? key.power.companyId : null,
    application: key.power.kind === 'application' ? key.power.applicationId : null,
    user: key.user,
    scopes: [...key.scopes],
    created_by: key.createdBy,
    created_at: moment(key.createdAt),
    expires_at: key.expiresAt === null ? null : moment(key.expiresAt),
    last_used_at: key.lastUsedAt === null ? null : moment(key.lastUsedAt),
    revoked_at: key.revokedAt === null ? null : moment(key.revokedAt),
  }
}
