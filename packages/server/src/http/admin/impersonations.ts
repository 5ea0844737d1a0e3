import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { requireApplicationKnown, requireCompany, requireUser } from '../../directory/visible.ts'
import type { Power } from '../../domain/power.ts'
import { AppError } from '../../errors.ts'
import { endImpersonation } from '../../impersonation/end.ts'
import {
  findImpersonation,
  listImpersonations,
  type StoredImpersonation,
} from '../../impersonation/impersonation-store.ts'
import { MAX_REASON, MAX_SESSION_MINUTES, ONE_TIME_MINUTES, startImpersonation } from '../../impersonation/start.ts'
import { APPLICATION, ID, MOMENT, maybe, moment, strict, text } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

export const IMPERSONATION = Type.Object({
  id: ID,
  user: Type.Object({ id: ID, email: Type.String() }),
  company: Type.Object({ id: ID, name: Type.String() }),
  application: Type.String(),
  reason: Type.String(),
  started_by: maybe(
    Type.Object(
      { name: Type.String(), user: maybe(ID), key: maybe(ID) },
      { description: "A person, or a key that is nobody's; null: the server's own command line" },
    ),
  ),
  state: Type.Enum(['waiting', 'live', 'over']),
  started_at: MOMENT,
  used_at: maybe(MOMENT),
  ends_at: Type.String({ format: 'date-time', description: 'At the latest' }),
  ended_at: maybe(MOMENT),
})

export const STARTED = Type.Object({
  ...IMPERSONATION.properties,
  use_until: Type.String({ format: 'date-time', description: 'Until then the one-time token can be used, once' }),
  open_url: maybe(Type.String({ description: 'To open in the browser of whoever acts; told this once' })),
  token: maybe(Type.String({ description: 'The one-time token, where there is no address to open; told this once' })),
  notice: Type.Array(Type.String(), { description: 'What whoever acts should know' }),
})

export const WANTED = Type.Object(
  {
    user: ID,
    company: ID,
    application: APPLICATION,
    reason: text('Why: it is kept, and the application is told', MAX_REASON),
    minutes: optional(Type.Integer({ minimum: 1, maximum: MAX_SESSION_MINUTES, description: '30 by default' })),
  },
  strict,
)

export const QUERY = {
  ...PAGE,
  company: optional(ID),
  user: optional(ID),
  application: optional(APPLICATION),
  live: optional(Type.Enum(['true', 'false'], { description: 'Those alone that wait to be used or are under way' })),
}

const DEFAULT_MINUTES = 30
const OF_IMPERSONATION = { impersonation: ID }
const LOOK: { access: 'read'; powers: Power['kind'][] } = {
  access: 'read',
  powers: ['operator', 'support', 'company'],
}

export function impersonationsRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  async function requireVisible(power: Power, id: string): Promise<StoredImpersonation> {
    const found = await findImpersonation(read, id.toLowerCase(), ctx.now())
    if (found && (power.kind !== 'company' || power.companyId === found.companyId)) return found
    throw new AppError('not_found', { detail: 'There is no such impersonation.' })
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/impersonations',
      operation: 'impersonations.list',
      rule: { noun: 'impersonations', ...LOOK },
      summary: 'Lists who acts or acted as whom, the newest first',
      description: 'A company is told of those that are for it.',
      query: QUERY,
      answers: { 200: pageOf(IMPERSONATION) },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const paging = readPaging<[string]>(query, 1)
      if (query.company !== undefined) await requireCompany(read, power, query.company)
      if (query.user !== undefined) await requireUser(read, power, query.user)
      const wanted = {
        companyId: power.kind === 'company' ? power.companyId : query.company?.toLowerCase(),
        userId: query.user?.toLowerCase(),
        applicationId: query.application,
        isLive: query.live === 'true',
        before: paging.after?.[0],
        limit: paging.limit + 1,
      }
      const found = await listImpersonations(read, wanted, ctx.now())
      return asPage(found, paging.limit, ({ id }) => [id], showImpersonation)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/impersonations',
      operation: 'impersonations.start',
      rule: { noun: 'impersonations', access: 'write', powers: ['operator', 'support', 'company'] },
      summary: 'Begins to act as a user, for one company in one application',
      description: `Gives an address to open, or a one-time token, for ${ONE_TIME_MINUTES} minutes. Never as an operator; by a company's admins where the company has \`allows_impersonation\`. A Django site is asked first whether it can.`,
      body: WANTED,
      answers: { 201: STARTED },
      tells: ['location'],
      errors: ['not_found', 'no_access', 'not_in_dialect', 'site_not_ready'],
    },
    async ({ by, body, reply }) => {
      const { power } = by.actor
      const company = await requireCompany(read, power, body.company)
      const user = await requireUser(read, power, body.user)
      const { id: applicationId } = await requireApplicationKnown(read, power, body.application)
      const started = await startImpersonation(ctx, by, {
        userId: user.id,
        companyId: company.id,
        applicationId,
        reason: body.reason.trim(),
        minutes: body.minutes ?? DEFAULT_MINUTES,
      })
      reply.header('location', `/api/v1/admin/impersonations/${started.id}`)
      const stored = await findImpersonation(read, started.id, ctx.now())
      if (!stored) throw new AppError('not_found', { detail: 'It was ended at once.' })
      return {
        ...showImpersonation(stored),
        use_until: moment(started.usableUntil),
        open_url: started.wayIn.url,
        token: started.wayIn.token,
        notice: [...started.wayIn.notice],
      }
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/impersonations/:impersonation',
      operation: 'impersonations.get',
      rule: { noun: 'impersonations', ...LOOK },
      summary: 'Tells of one',
      params: OF_IMPERSONATION,
      answers: { 200: IMPERSONATION },
      errors: ['not_found'],
    },
    async ({ by, params }) => showImpersonation(await requireVisible(by.actor.power, params.impersonation)),
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/impersonations/:impersonation',
      operation: 'impersonations.end',
      rule: { noun: 'impersonations', access: 'write', powers: ['operator', 'support', 'company'] },
      summary: 'Ends one, from the very next answer on',
      description: 'For operators, whoever began it, and admins of the company that it is for.',
      params: OF_IMPERSONATION,
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      await endImpersonation(ctx, by, await requireVisible(by.actor.power, params.impersonation))
    },
  )
}

function showImpersonation(stored: StoredImpersonation): Static<typeof IMPERSONATION> {
  const { name, userId, keyId } = stored.starter
  return {
    id: stored.id,
    user: stored.user,
    company: { id: stored.companyId, name: stored.companyName },
    application: stored.applicationId,
    reason: stored.reason,
    started_by: name === null ? null : { name, user: userId, key: keyId },
    state: stored.state,
    started_at: moment(stored.createdAt),
    used_at: stored.usedAt === null ? null : moment(stored.usedAt),
    ends_at: moment(stored.endsAt),
    ended_at: stored.endedAt === null ? null : moment(stored.endedAt),
  }
}
