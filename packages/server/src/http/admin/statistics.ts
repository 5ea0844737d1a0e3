import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import type { StoredApplication } from '../../directory/application-store.ts'
import { requireApplicationKnown, requireCompany } from '../../directory/visible.ts'
import type { Power } from '../../domain/power.ts'
import { AppError } from '../../errors.ts'
import { countCompany, countHouse, type Figures } from '../../statistics/counting.ts'
import { NAMED, noFigures, type SignedIn, SOON_MS, soonestOf } from '../../statistics/figures.ts'
import { Remembered } from '../../statistics/remembered.ts'
import { listApplicationNames, listCompanyNames, listKeysExpiring } from '../../statistics/statistics-store.ts'
import { APPLICATION, bound, ID, MOMENT, maybe, moment } from './forms.ts'
import { ANYBODY, adminRoute } from './route.ts'

const optional = Type.Optional
const COUNT = Type.Integer()
/** By id; a house with more is asked for each of the others. */
const APPLICATIONS = 500

const SIGNED_IN = Type.Object(
  { last_day: COUNT, last_7_days: COUNT, last_30_days: COUNT },
  { description: 'People, each once, who signed in themselves: an impersonation does not count' },
)

const OF_APPLICATION = Type.Object({
  id: Type.String(),
  name: Type.String(),
  active: Type.Boolean(),
  licenses: Type.Object({
    scheduled: COUNT,
    in_force: COUNT,
    in_grace: COUNT,
    ended: COUNT,
    suspended: Type.Integer({ description: 'Of all these' }),
  }),
  seats: Type.Object(
    {
      bought: Type.Integer({ description: 'Where they are limited' }),
      unlimited_licenses: COUNT,
      held: COUNT,
      over: Type.Integer({ description: 'Held beyond what was bought' }),
    },
    { description: 'Of licenses in force or in grace' },
  ),
  signed_in: SIGNED_IN,
  last_sign_in: maybe(MOMENT),
})

const ENDING = Type.Object({
  company: Type.Object({ id: ID, name: Type.String() }),
  application: Type.String(),
  until: maybe(MOMENT),
  grace_days: COUNT,
  seats_held: COUNT,
  suspended: Type.Boolean(),
})

const EXPIRING = Type.Object({
  id: ID,
  name: Type.String(),
  power: Type.String(),
  company: maybe(ID),
  application: maybe(Type.String()),
  expires_at: MOMENT,
})

type Named = { id: string; name: string } | undefined
type Known = StoredApplication | undefined

export const STATISTICS = Type.Object({
  as_of: Type.String({
    format: 'date-time',
    description: 'When it was counted: within the last half minute, longer ago in a large house',
  }),
  company: maybe(Type.Object({ id: ID, name: Type.String() })),
  // Of the house, or the members of one company.
  users: optional(
    Type.Object({
      all: COUNT,
      active: COUNT,
      with_password: optional(COUNT),
      operators: optional(COUNT),
      support: optional(COUNT),
    }),
  ),
  companies: optional(Type.Object({ all: COUNT, active: COUNT })),
  signed_in: optional(SIGNED_IN),
  last_sign_in: optional(maybe(MOMENT)),
  throttled_accounts: optional(
    Type.Integer({ description: 'That must wait before the next try, after wrong passwords' }),
  ),
  applications: Type.Array(OF_APPLICATION, { description: `By id; ${APPLICATIONS} at most` }),
  licenses_ending: optional(
    Type.Object(
      { all: COUNT, soonest: Type.Array(ENDING) },
      { description: 'In force, and ending within 30 days; a hundred of them by name' },
    ),
  ),
  api_keys_expiring: optional(Type.Array(EXPIRING, { description: 'Within 30 days; a hundred at most' })),
})

export function statisticsRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db
  const remembered = new Remembered<Figures>(ctx.now)

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/statistics',
      operation: 'statistics.get',
      rule: { noun: 'statistics', access: 'read', powers: ANYBODY },
      summary: 'Counts what there is: users, licenses, seats, sign-ins, and what ends soon',
      description:
        'Of the house, of one company, or of one application. A company is told of itself, an application of itself.',
      query: { company: optional(ID), application: optional(APPLICATION) },
      answers: { 200: STATISTICS },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const companyId = power.kind === 'company' ? (query.company ?? power.companyId) : query.company
      const company = companyId === undefined ? undefined : await requireCompany(read, power, companyId)
      const applicationId =
        power.kind === 'application' ? (query.application ?? power.applicationId) : query.application
      const application =
        applicationId === undefined ? undefined : await requireApplicationKnown(read, power, applicationId)
      // An application is not told of companies.
      if (power.kind === 'application' && company)
        throw new AppError('not_found', { detail: 'There is no such company.' })
      const figures = await (company
        ? remembered.get(company.id, () => countCompany(ctx, company.id))
        : remembered.get('', () => countHouse(ctx)))
      return {
        as_of: moment(figures.at),
        company: company ? { id: company.id, name: company.name } : null,
        applications: await showApplications(ctx, figures, company, application),
        ...(application ? {} : showAll(power, figures)),
        ...(power.kind === 'application' ? {} : await showEnds(ctx, figures, company, application)),
      } satisfies Static<typeof STATISTICS>
    },
  )
}

/** What is not of one application. */
function showAll(power: Power, { users, companies, signedIn, lastSignIn, throttled }: Figures) {
  const { all, active, withPassword, operators, support } = users
  return {
    // A company is not told who has a password: others may manage the account.
    users:
      power.kind === 'company'
        ? { all, active }
        : { all, active, with_password: withPassword, ...(operators === undefined ? {} : { operators, support }) },
    ...(companies ? { companies } : {}),
    ...(signedIn ? { signed_in: showSignedIn(signedIn) } : {}),
    last_sign_in: maybeMoment(lastSignIn),
    throttled_accounts: throttled,
  }
}

async function showApplications(ctx: Context, figures: Figures, company: Named, application: Known) {
  const named = application
    ? [{ id: application.id, name: application.name, active: application.isActive ? 1 : 0 }]
    : await listApplicationNames(ctx.db.read, APPLICATIONS)
  return (
    named
      // Of a company, what it has a license for.
      .filter(({ id }) => application || !company || figures.applications.has(id))
      .map(({ id, name, active }) => {
        const { licenses, seats, signedIn } = figures.applications.get(id) ?? noFigures()
        const { unlimited, ...counts } = seats
        return {
          id,
          name,
          active: active === 1,
          licenses,
          seats: { ...counts, unlimited_licenses: unlimited },
          signed_in: showSignedIn(signedIn),
          last_sign_in: maybeMoment(signedIn.last),
        }
      })
  )
}

async function showEnds(ctx: Context, figures: Figures, company: Named, application: Known) {
  const { read } = ctx.db
  const of = application
    ? [figures.applications.get(application.id) ?? noFigures()]
    : [...figures.applications.values()]
  const soonest = soonestOf(of.flatMap(({ ending }) => ending.soonest))
  const names = await listCompanyNames(read, [...new Set(soonest.map((license) => license.companyId))])
  const ids = { companyId: company?.id, applicationId: application?.id }
  const keys = await listKeysExpiring(read, ids, { from: ctx.now(), until: ctx.now() + SOON_MS, limit: NAMED })
  return {
    licenses_ending: {
      all: of.reduce((sum, { ending }) => sum + ending.all, 0),
      soonest: soonest.map((license) => ({
        company: { id: license.companyId, name: names.get(license.companyId) ?? '' },
        application: license.applicationId,
        until: bound(license.endsAt),
        grace_days: license.graceDays,
        seats_held: license.seatsHeld,
        suspended: license.isSuspended,
      })),
    },
    api_keys_expiring: keys.map((key) => ({
      id: key.id,
      name: key.name,
      power: key.power,
      company: key.company_id,
      application: key.application_id,
      expires_at: moment(key.expires_at),
    })),
  }
}

function showSignedIn({ day, week, month }: SignedIn): Static<typeof SIGNED_IN> {
  return { last_day: day, last_7_days: week, last_30_days: month }
}

function maybeMoment(at: number | null): string | null {
  return at === null ? null : moment(at)
}
