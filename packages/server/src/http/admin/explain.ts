import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import {
  type ExplainedApplication,
  loadExplainedApplication,
  loadSituation,
  loadSituations,
  type Told,
  tell,
} from '../../access/explain-facts.ts'
import type { NamedCompany, Sees } from '../../access/explain-store.ts'
import { explainDecision } from '../../access/explain-text.ts'
import { mendingCalls } from '../../access/mending.ts'
import { listHeldSeats } from '../../access/seat-store.ts'
import type { Context } from '../../context.ts'
import { findUserByEmail, listUsersById, type StoredUser } from '../../directory/user-store.ts'
import { requireApplicationKnown, requireCompany, requireUser } from '../../directory/visible.ts'
import { readMoment } from '../../domain/day.ts'
import { effective } from '../../domain/effective.ts'
import { canonicalEmail } from '../../domain/email.ts'
import { UUID } from '../../domain/limits.ts'
import type { Power } from '../../domain/power.ts'
import { wrong } from '../../errors.ts'
import { APPLICATION, bound, ID, MOMENT, maybe, moment, PERMISSION, queryText } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

const PERSON = Type.Object({ id: ID, email: Type.String(), first_name: Type.String(), last_name: Type.String() })

const WAY = Type.Object({
  through: Type.Enum(['direct', 'role', 'license_role']),
  role: maybe(Type.Object({ key: Type.String(), name: Type.String() })),
  slugs: Type.Array(Type.String(), { description: 'From what was granted down to what was asked about' }),
  phase: Type.Enum(['not_started', 'in_force', 'ended']),
  starts_at: maybe(MOMENT),
  ends_at: maybe(MOMENT),
  given_by: maybe(Type.String()),
  given_at: maybe(MOMENT),
  reason: Type.String(),
})

export const DECISION = Type.Object({
  user: PERSON,
  company: Type.Object({ id: ID, name: Type.String() }),
  application: Type.Object({ id: Type.String(), name: Type.String() }),
  permission: Type.String(),
  at: MOMENT,
  allowed: Type.Boolean(),
  because: maybe(Type.String({ description: 'The first link that fails; null when allowed' })),
  links: Type.Array(
    Type.Object({ name: Type.String(), refusal: maybe(Type.String({ description: 'Null where it holds' })) }),
  ),
  included: Type.Boolean({ description: 'Whether the license includes it' }),
  grants: Type.Array(WAY),
  text: Type.Array(Type.String(), { description: 'The same as one would tell a colleague' }),
  mend: Type.Array(
    Type.Object({
      method: Type.String(),
      path: Type.String({ description: 'Below /api/v1/admin' }),
      body: Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
    }),
    { description: 'The calls that would make it effective, in their order' },
  ),
})

export const HOLDER = Type.Object({ user: PERSON, grants: Type.Array(WAY) })
export const MEMBER_RIGHTS = Type.Object({
  user: PERSON,
  application: Type.String(),
  permissions: Type.Array(Type.String()),
})

export const AT = optional(
  Type.String({ maxLength: 40, description: 'A day or a moment with its offset, judged by what is stored today' }),
)
export const COMPANY = queryText(100, "A company's id")

export function explainRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  async function explained(power: Power, id: string): Promise<ExplainedApplication> {
    const application = await requireApplicationKnown(read, power, id)
    return loadExplainedApplication(read, { id, name: application.name, active: application.isActive })
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/explain',
      operation: 'explain.decide',
      rule: { noun: 'explain', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Says whether somebody may do something, why, and what would mend it',
      description: 'By the same code as the answers to applications.',
      query: {
        user: Type.String({ minLength: 1, maxLength: 600, description: 'An id or an address' }),
        company: COMPANY,
        application: APPLICATION,
        permission: PERMISSION,
        at: AT,
      },
      answers: { 200: DECISION },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const company = await requireCompany(read, power, query.company)
      const user = await requireNamed(ctx, power, query.user)
      const application = await explained(by.actor.power, query.application)
      requireSlug(application, query.permission)
      const now = readAt(ctx, query.at)
      const situation = await loadSituation(
        read,
        user,
        { ...company, active: company.isActive },
        application,
        seesOf(power),
      )
      return showDecision(tell(situation, query.permission, now), { now, zone: ctx.config.timeZone })
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/explain/holders',
      operation: 'explain.holders',
      rule: { noun: 'explain', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Lists who may do something in a company, and through what, by the user's id",
      description: 'A page may hold fewer than its limit, and none: go on until `next_cursor` is null.',
      query: { ...PAGE, company: COMPANY, application: APPLICATION, permission: PERMISSION, at: AT },
      answers: { 200: pageOf(HOLDER) },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const application = await explained(by.actor.power, query.application)
      requireSlug(application, query.permission)
      const now = readAt(ctx, query.at)
      const { page, company } = await seatsOf(ctx, by.actor.power, { ...query, application: application.id })
      const items: Static<typeof HOLDER>[] = []
      const people = page.items.map(({ user }) => user)
      for await (const situation of loadSituations(read, people, company, application, seesOf(by.actor.power))) {
        const told = tell(situation, query.permission, now)
        if (told.explanation.allowed)
          items.push({ user: showPerson(situation.who), grants: showWays(told, 'in_force') })
      }
      return { items, next_cursor: page.next_cursor }
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/explain/company',
      operation: 'explain.company',
      rule: { noun: 'explain', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Lists who may do what in a company on a date, by application and user',
      query: { ...PAGE, company: COMPANY, application: optional(APPLICATION), at: AT },
      answers: { 200: pageOf(MEMBER_RIGHTS) },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const now = readAt(ctx, query.at)
      const { page, company } = await seatsOf(ctx, by.actor.power, query)
      const items: Static<typeof MEMBER_RIGHTS>[] = []
      // They come by application.
      for (const [applicationId, seats] of Map.groupBy(page.items, (item) => item.applicationId)) {
        const application = await explained(by.actor.power, applicationId)
        const people = seats.map(({ user }) => user)
        for await (const situation of loadSituations(read, people, company, application))
          items.push({
            user: showPerson(situation.who),
            application: applicationId,
            permissions: effective(application.tree, situation, now),
          })
      }
      return { items, next_cursor: page.next_cursor }
    },
  )
}

type Asked = { limit?: string; cursor?: string; company: string; application?: string }

/** A page of a company's seats, with who holds them. */
async function seatsOf(ctx: Context, power: Power, query: Asked) {
  const paging = readPaging<[string, string]>(query, 2)
  const stored = await requireCompany(ctx.db.read, power, query.company)
  const company: NamedCompany = { id: stored.id, name: stored.name, active: stored.isActive }
  const [applicationId = '', userId = ''] = paging.after ?? []
  const seats = await listHeldSeats(
    ctx.db.read,
    { companyId: stored.id, applicationId: query.application },
    { after: paging.after && { applicationId, userId }, limit: paging.limit + 1 },
  )
  const users = await listUsersById(ctx.db.read, [...new Set(seats.map((seat) => seat.userId))])
  const byId = new Map(users.map((user) => [user.id, user]))
  const page = asPage(
    seats,
    paging.limit,
    (seat) => [seat.applicationId, seat.userId],
    (seat) => {
      const user = byId.get(seat.userId)
      return user && { user, applicationId: seat.applicationId }
    },
  )
  return { page, company }
}

/** Who gave something may be nobody of the company's. */
function seesOf({ kind }: Power): Sees {
  return kind === 'company' ? 'company' : 'house'
}

/** By id or address. */
async function requireNamed(ctx: Context, power: Power, named: string): Promise<StoredUser> {
  if (UUID.test(named)) return requireUser(ctx.db.read, power, named)
  const email = canonicalEmail(named)
  const user = email === undefined ? undefined : await findUserByEmail(ctx.db.read, email)
  // By the id again, which says whether this one may be seen.
  return requireUser(ctx.db.read, power, user?.id ?? '')
}

function requireSlug(application: ExplainedApplication, slug: string): void {
  if (!application.tree.rankBySlug.has(slug))
    throw wrong('/query/permission', `"${slug}" is no permission of ${application.id}`)
}

function readAt(ctx: Context, given: string | undefined): number {
  if (given === undefined) return ctx.now()
  const at = readMoment(given, ctx.config.timeZone, 'start')
  if (at === undefined) throw wrong('/query/at', 'is no day and no moment with an offset')
  return at
}

function showPerson(user: Pick<StoredUser, 'id' | 'email' | 'firstName' | 'lastName'>): Static<typeof PERSON> {
  return { id: user.id, email: user.email, first_name: user.firstName, last_name: user.lastName }
}

function showWays({ explanation }: Told, only?: 'in_force'): Static<typeof WAY>[] {
  return explanation.paths
    .filter(({ phase }) => only === undefined || phase === only)
    .map(({ grant, phase, slugs }) => {
      const isLicenses = grant.through.kind === 'license_role'
      return {
        through: grant.through.kind,
        role: grant.role && { key: grant.role.key, name: grant.role.name },
        slugs: [...slugs],
        phase,
        starts_at: bound(grant.startsAt),
        ends_at: bound(grant.endsAt),
        given_by: isLicenses ? null : grant.givenBy,
        given_at: isLicenses ? null : moment(grant.givenAt),
        reason: grant.reason,
      }
    })
}

function showDecision(told: Told, when: { now: number; zone: string }): Static<typeof DECISION> {
  const { situation, explanation } = told
  return {
    user: showPerson(situation.who),
    company: { id: situation.company.id, name: situation.company.name },
    application: { id: situation.application.id, name: situation.application.name },
    permission: explanation.slug,
    at: moment(when.now),
    allowed: explanation.allowed,
    because: explanation.because,
    links: explanation.links.map(({ name, refusal }) => ({ name, refusal })),
    included: explanation.isIncluded,
    grants: showWays(told),
    text: explainDecision(told, when),
    mend: mendingCalls(told),
  }
}
