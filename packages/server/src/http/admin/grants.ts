import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { listMemberGrants, type MemberGrant } from '../../access/grant-store.ts'
import { giveGrant, takeGrant, type WantedGrant } from '../../access/grants.ts'
import { changeRights, loadRights, type Rights, rightsEtag } from '../../access/rights.ts'
import { listHeldSeats, type SeatOf } from '../../access/seat-store.ts'
import { giveSeat } from '../../access/seats.ts'
import type { Context } from '../../context.ts'
import { endSeat } from '../../credentials/accounts.ts'
import { requireApplicationKnown, requireCompany, requireMember } from '../../directory/visible.ts'
import type { Power } from '../../domain/power.ts'
import { AppError, wrong } from '../../errors.ts'
import {
  APPLICATION,
  BOUNDS,
  bound,
  ID,
  MOMENT,
  maybe,
  moment,
  PERMISSION,
  ROLE_KEY,
  readInterval,
  strict,
  TEXT,
} from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

export const SEAT = Type.Object({
  user: ID,
  company: ID,
  application: Type.String(),
  starts_at: maybe(MOMENT),
  ends_at: maybe(MOMENT),
  given_at: MOMENT,
})

export const GRANT = Type.Object({
  id: ID,
  user: ID,
  company: ID,
  application: Type.String(),
  permission: maybe(Type.String()),
  role: maybe(Type.Object({ key: Type.String(), name: Type.String(), company: maybe(ID) })),
  starts_at: maybe(MOMENT),
  ends_at: maybe(MOMENT),
  reason: Type.String(),
  granted_by: Type.String(),
  granted_at: MOMENT,
  revoked_at: maybe(MOMENT),
})

export const WHAT = { permission: optional(PERMISSION), role: optional(ROLE_KEY) }
export const REASON = optional(Type.String({ maxLength: 500, pattern: TEXT }))

export const RIGHTS = Type.Object({
  seat: maybe(Type.Object({ starts_at: maybe(MOMENT), ends_at: maybe(MOMENT) })),
  grants: Type.Array(GRANT),
})
export const CHANGE = Type.Object({
  loses: Type.Array(Type.String(), { description: 'No longer effective' }),
  gains: Type.Array(Type.String(), { description: 'Effective from now on' }),
  stored: Type.Boolean({ description: 'False for a preview' }),
})

const OF_SEAT = { company: ID, application: APPLICATION, user: ID }
const OF_MEMBER = { company: ID, user: ID }
const MAX_GRANTS = 2_000

export function grantsRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db
  const zone = ctx.config.timeZone

  async function readSeat(
    power: Power,
    params: { company: string; application: string; user: string },
  ): Promise<SeatOf> {
    const { id: companyId } = await requireCompany(read, power, params.company)
    const { userId } = await requireMember(read, companyId, params.user)
    return { companyId, userId, applicationId: (await requireApplicationKnown(read, power, params.application)).id }
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/seats',
      operation: 'seats.list',
      rule: { noun: 'seats', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Lists a company's seats, by application and user",
      params: { company: ID },
      query: { ...PAGE, application: optional(APPLICATION), user: optional(ID) },
      answers: { 200: pageOf(SEAT) },
      errors: ['not_found'],
    },
    async ({ by, params, query }) => {
      const paging = readPaging<[string, string]>(query, 2)
      const { id: companyId } = await requireCompany(read, by.actor.power, params.company)
      const [applicationId = '', userId = ''] = paging.after ?? []
      const found = await listHeldSeats(
        read,
        { companyId, applicationId: query.application, userId: query.user?.toLowerCase() },
        { after: paging.after && { applicationId, userId }, limit: paging.limit + 1 },
      )
      return asPage(
        found,
        paging.limit,
        (seat) => [seat.applicationId, seat.userId],
        (seat) => ({
          user: seat.userId,
          company: seat.companyId,
          application: seat.applicationId,
          starts_at: bound(seat.startsAt),
          ends_at: bound(seat.endsAt),
          given_at: moment(seat.givenAt),
        }),
      )
    },
  )

  adminRoute(
    app,
    {
      method: 'PUT',
      url: '/companies/:company/seats/:application/:user',
      operation: 'seats.give',
      rule: { noun: 'seats', access: 'write', powers: ['operator', 'company'] },
      summary: 'Gives a member a seat, or changes for how long',
      params: OF_SEAT,
      body: Type.Object(
        {
          ...BOUNDS,
          restore_grants: optional(Type.Boolean({ description: 'Gives back what ended with the seat of before' })),
        },
        strict,
      ),
      answers: {
        200: Type.Object({
          starts_at: maybe(MOMENT),
          ends_at: maybe(MOMENT),
          restored_grants: Type.Integer(),
        }),
      },
      errors: ['not_found', 'no_license', 'seats_full'],
    },
    async ({ by, params, body }) => {
      const of = await readSeat(by.actor.power, params)
      const { seat, restored } = await giveSeat(ctx, by, of, {
        interval: (before) => readInterval(body, zone, before),
        restores: body.restore_grants ?? false,
      })
      return { starts_at: bound(seat.startsAt), ends_at: bound(seat.endsAt), restored_grants: restored }
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/companies/:company/seats/:application/:user',
      operation: 'seats.remove',
      rule: { noun: 'seats', access: 'write', powers: ['operator', 'company'] },
      summary: 'Takes a seat away, with all grants under it',
      description: 'They are kept as ended, and can be given back with the seat.',
      params: OF_SEAT,
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      if (!(await endSeat(ctx, by, await readSeat(by.actor.power, params))))
        throw new AppError('not_found', { detail: 'The member has no seat in this application.' })
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/members/:user/grants',
      operation: 'grants.list',
      rule: { noun: 'grants', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Lists a member's grants, in the order of giving",
      params: OF_MEMBER,
      query: {
        ...PAGE,
        application: optional(APPLICATION),
        revoked: optional(Type.Enum(['true', 'false'], { description: 'With those that were taken away' })),
      },
      answers: { 200: pageOf(GRANT) },
      errors: ['not_found'],
    },
    async ({ by, params, query }) => {
      const paging = readPaging<[string]>(query, 1)
      const { id: companyId } = await requireCompany(read, by.actor.power, params.company)
      const { userId } = await requireMember(read, companyId, params.user)
      const found = await listMemberGrants(
        read,
        { userId, companyId, applicationId: query.application },
        { withRevoked: query.revoked === 'true', after: paging.after?.[0], limit: paging.limit + 1 },
      )
      return asPage(found, paging.limit, (grant) => [grant.id], showGrant)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/companies/:company/members/:user/grants',
      operation: 'grants.create',
      rule: { noun: 'grants', access: 'write', powers: ['operator', 'company'] },
      summary: 'Gives a member a permission or a role',
      description: 'The member holds a seat in the application. What the permission needs comes with it.',
      params: OF_MEMBER,
      body: Type.Object({ application: APPLICATION, ...WHAT, ...BOUNDS, reason: REASON }, strict),
      answers: { 201: GRANT },
      tells: ['location'],
      errors: ['not_found', 'no_seat', 'already_there', 'operator_only', 'not_included'],
    },
    async ({ by, params, body, reply }) => {
      const of = await readSeat(by.actor.power, { ...params, application: body.application })
      const grant = await giveGrant(ctx, by, of, readGrant(body, zone, '/body'))
      reply.header('location', `/api/v1/admin/companies/${of.companyId}/grants/${grant.id}`)
      return showGrant(grant)
    },
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/companies/:company/grants/:grant',
      operation: 'grants.remove',
      rule: { noun: 'grants', access: 'write', powers: ['operator', 'company'] },
      summary: 'Takes a grant away',
      description: 'Where others still give the permission, it would stay: that is refused, unless they go too.',
      params: { company: ID, grant: ID },
      query: { cascade: optional(Type.Enum(['true', 'false'], { description: 'Takes those too' })) },
      answers: { 200: Type.Object({ revoked: Type.Array(ID) }) },
      errors: ['not_found', 'needed_by_grants', 'given_by_license', 'operator_only'],
    },
    async ({ by, params, query }) => {
      const { id } = await requireCompany(read, by.actor.power, params.company)
      return takeGrant(ctx, by, id, params.grant.toLowerCase(), query.cascade === 'true')
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/members/:user/rights/:application',
      operation: 'rights.get',
      rule: { noun: 'grants', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Tells a member's seat and grants in one application, as a whole",
      description: 'Its `ETag` is what a change of the whole names as `If-Match`.',
      params: OF_SEAT,
      answers: { 200: RIGHTS },
      tells: ['etag'],
      errors: ['not_found'],
    },
    async ({ by, params, reply }) => {
      const rights = await loadRights(read, await readSeat(by.actor.power, params))
      reply.header('etag', rightsEtag(rights))
      return showRights(rights)
    },
  )

  adminRoute(
    app,
    {
      method: 'PUT',
      url: '/companies/:company/members/:user/rights/:application',
      operation: 'rights.replace',
      rule: { noun: 'grants', access: 'write', powers: ['operator', 'company'] },
      summary: "Makes a member's seat and grants in one application what is sent, as a whole",
      description:
        'With `preview=true` it tells what the member would lose and gain, and stores nothing. A grant that stands is known by what it gives and its times; its reason stays where none is sent.',
      params: OF_SEAT,
      query: { preview: optional(Type.Enum(['true', 'false'])) },
      body: Type.Object(
        {
          seat: optional(Type.Object(BOUNDS, strict)),
          grants: Type.Array(Type.Object({ ...WHAT, ...BOUNDS, reason: REASON }, strict), { maxItems: MAX_GRANTS }),
        },
        strict,
      ),
      answers: { 200: CHANGE },
      tells: ['etag'],
      errors: [
        'not_found',
        'condition_required',
        'changed_meanwhile',
        'no_license',
        'seats_full',
        'operator_only',
        'not_included',
      ],
    },
    async ({ by, params, query, body, request, reply }) => {
      const of = await readSeat(by.actor.power, params)
      const isPreview = query.preview === 'true'
      const before = await loadRights(read, of)
      const wanted = {
        seat: readInterval(body.seat ?? {}, zone, before.seat ?? undefined),
        grants: body.grants.map((grant, index) => ({
          ...readGrant(grant, zone, `/body/grants/${index}`),
          reason: grant.reason,
        })),
      }
      const { etag, ...change } = await changeRights(ctx, by, of, wanted, requireIfMatch(request), { isPreview })
      // A preview's is of nothing that is there.
      if (!isPreview) reply.header('etag', etag)
      return { ...change, stored: !isPreview }
    },
  )
}

/** @throws AppError `condition_required` */
export function requireIfMatch(request: FastifyRequest): string {
  const seen = request.headers['if-match']
  if (seen !== undefined && seen.trim() !== '') return seen
  throw new AppError('condition_required', {
    detail: 'Read it first, and send its ETag as If-Match, so that nobody overwrites what another changed meanwhile.',
  })
}

type GivenGrant = {
  permission?: string | undefined
  role?: string | undefined
  starts_at?: string | null | undefined
  ends_at?: string | null | undefined
  reason?: string | undefined
}

function readGrant(given: GivenGrant, zone: string, path: string): WantedGrant {
  const { permission, role } = given
  const rest = { ...readInterval(given, zone), reason: given.reason ?? '' }
  if (permission !== undefined && role === undefined) return { ...rest, permission }
  if (role !== undefined && permission === undefined) return { ...rest, role }
  throw wrong(path, 'must name a "permission" or a "role"')
}

function showRights({ seat, grants }: Rights): Static<typeof RIGHTS> {
  return {
    seat: seat && { starts_at: bound(seat.startsAt), ends_at: bound(seat.endsAt) },
    grants: grants.map(showGrant),
  }
}

function showGrant(grant: MemberGrant): Static<typeof GRANT> {
  return {
    id: grant.id,
    user: grant.userId,
    company: grant.companyId,
    application: grant.applicationId,
    permission: grant.permission,
    role: grant.role && { key: grant.role.key, name: grant.role.name, company: grant.role.companyId },
    starts_at: bound(grant.startsAt),
    ends_at: bound(grant.endsAt),
    reason: grant.reason,
    granted_by: grant.grantedBy,
    granted_at: moment(grant.grantedAt),
    revoked_at: grant.revokedAt === null ? null : moment(grant.revokedAt),
  }
}
