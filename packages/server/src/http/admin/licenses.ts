import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { listLicensesFor, listLicensesOf, type StoredLicense } from '../../access/license-store.ts'
import { changeLicense, createLicense, requireLicense, type WantedLicense } from '../../access/licenses.ts'
import type { Context } from '../../context.ts'
import { requireApplicationKnown, requireCompany } from '../../directory/visible.ts'
import { END_OF_TIME, START_OF_TIME } from '../../domain/interval.ts'
import { licenseState } from '../../domain/license-state.ts'
import { byCodePoint } from '../../domain/tree.ts'
import {
  APPLICATION,
  BOUND_FORM,
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

export const LICENSE = Type.Object({
  company: Type.Object({ id: ID, name: Type.String() }),
  application: Type.String(),
  from: maybe(MOMENT),
  until: maybe(MOMENT),
  grace_days: Type.Integer(),
  state: Type.Enum(['scheduled', 'in_force', 'in_grace', 'ended'], { description: 'By the dates, at this moment' }),
  suspended: Type.Boolean(),
  seats: maybe(Type.Integer({ description: 'Null: unlimited' })),
  seats_held: Type.Integer(),
  seats_over: Type.Integer({ description: 'Held beyond what the license has: nobody gets one more' }),
  permissions: Type.Union([Type.Literal('all'), Type.Array(Type.String())]),
  roles: Type.Array(Type.String(), { description: "Keys of the application's roles that every seat gets" }),
  note: Type.String(),
  created_at: MOMENT,
  updated_at: MOMENT,
})

export const TERMS = {
  from: optional(BOUND_FORM),
  until: optional(BOUND_FORM),
  grace_days: optional(Type.Integer({ minimum: 0, maximum: 3650 })),
  seats: optional(maybe(Type.Integer({ minimum: 0, maximum: 1_000_000_000, description: 'Null: unlimited' }))),
  suspended: optional(Type.Boolean()),
  permissions: optional(
    Type.Union([Type.Literal('all'), Type.Array(PERMISSION, { maxItems: 5_000 })], {
      description: '"all" (but `is_superuser`), or those that it includes, with what they need',
    }),
  ),
  roles: optional(Type.Array(ROLE_KEY, { maxItems: 200 })),
  note: optional(Type.String({ maxLength: 2_000, pattern: TEXT })),
}

const OF_COMPANY = { company: ID }
const OF_LICENSE = { company: ID, application: APPLICATION }

export function licensesRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db
  const show = (license: StoredLicense) => showLicense(license, ctx.now())

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/licenses',
      operation: 'licenses.list',
      rule: { noun: 'licenses', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: "Lists a company's licenses, by application",
      params: OF_COMPANY,
      answers: { 200: Type.Object({ items: Type.Array(LICENSE) }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireCompany(read, by.actor.power, params.company)
      return { items: (await listLicensesOf(read, id)).map(show) }
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications/:application/licenses',
      operation: 'licenses.listOfApplication',
      rule: { noun: 'licenses', access: 'read', powers: ['operator', 'support'] },
      summary: "Lists the licenses for an application, by the company's id",
      params: { application: APPLICATION },
      query: PAGE,
      answers: { 200: pageOf(LICENSE) },
      errors: ['not_found'],
    },
    async ({ by, params, query }) => {
      const paging = readPaging<[string]>(query, 1)
      const { id: applicationId } = await requireApplicationKnown(read, by.actor.power, params.application)
      const found = await listLicensesFor(read, {
        applicationId,
        after: paging.after?.[0],
        limit: paging.limit + 1,
      })
      return asPage(found, paging.limit, (license) => [license.companyId], show)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/companies/:company/licenses',
      operation: 'licenses.create',
      rule: { noun: 'licenses', access: 'write', powers: ['operator'] },
      summary: 'Gives a company a license for an application',
      params: OF_COMPANY,
      body: Type.Object({ application: APPLICATION, ...TERMS }, strict),
      answers: { 201: LICENSE },
      tells: ['location'],
      errors: ['not_found', 'already_there'],
    },
    async ({ by, params, body, reply }) => {
      const { id: companyId } = await requireCompany(read, by.actor.power, params.company)
      const key = { companyId, applicationId: body.application }
      const license = await createLicense(ctx, by, key, readTerms(body, ctx.config.timeZone))
      reply.header('location', `/api/v1/admin/companies/${companyId}/licenses/${license.applicationId}`)
      return show(license)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/companies/:company/licenses/:application',
      operation: 'licenses.get',
      rule: { noun: 'licenses', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Tells of a license',
      params: OF_LICENSE,
      answers: { 200: LICENSE },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireCompany(read, by.actor.power, params.company)
      return show(await requireLicense(read, id, params.application))
    },
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/companies/:company/licenses/:application',
      operation: 'licenses.update',
      rule: { noun: 'licenses', access: 'write', powers: ['operator'] },
      summary: 'Changes the fields that are given',
      description: 'A renewal changes the dates. Seats may be lowered below those that are held.',
      params: OF_LICENSE,
      body: Type.Object(TERMS, { ...strict, minProperties: 1 }),
      answers: { 200: LICENSE },
      errors: ['not_found'],
    },
    async ({ by, params, body }) => {
      const { id: companyId } = await requireCompany(read, by.actor.power, params.company)
      const key = { companyId, applicationId: params.application }
      return show(await changeLicense(ctx, by, key, (stored) => readTerms(body, ctx.config.timeZone, stored)))
    },
  )
}

const NEW: WantedLicense = {
  startsAt: START_OF_TIME,
  endsAt: END_OF_TIME,
  graceDays: 0,
  seats: null,
  isSuspended: false,
  includes: 'all',
  roles: [],
  note: '',
}

type Terms = Static<ReturnType<typeof Type.Object<typeof TERMS>>>

/** Over what was there before. */
function readTerms(given: Terms, zone: string, before: WantedLicense = NEW): WantedLicense {
  const dates = readInterval({ starts_at: given.from, ends_at: given.until }, zone, before, ['from', 'until'])
  return {
    ...dates,
    graceDays: given.grace_days ?? before.graceDays,
    seats: given.seats === undefined ? before.seats : given.seats,
    isSuspended: given.suspended ?? before.isSuspended,
    includes: given.permissions ?? before.includes,
    roles: given.roles ?? before.roles,
    note: given.note ?? before.note,
  }
}

function showLicense(license: StoredLicense, now: number): Static<typeof LICENSE> {
  return {
    company: { id: license.companyId, name: license.companyName },
    application: license.applicationId,
    from: bound(license.startsAt),
    until: bound(license.endsAt),
    grace_days: license.graceDays,
    state: licenseState(license, now),
    suspended: license.isSuspended,
    seats: license.seats,
    seats_held: license.seatsHeld,
    seats_over: license.seats === null ? 0 : Math.max(0, license.seatsHeld - license.seats),
    permissions: license.includes === 'all' ? 'all' : [...license.includes].sort(byCodePoint),
    roles: [...license.roles],
    note: license.note,
    created_at: moment(license.createdAt),
    updated_at: moment(license.updatedAt),
  }
}
