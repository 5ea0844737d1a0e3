import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { changeApplication, createApplication, replaceSecret } from '../../credentials/application-acts.ts'
import {
  findManagedApplication,
  listManagedApplications,
  listManifestPermissions,
  type ManagedApplication,
  type ManifestPermission,
} from '../../directory/application-store.ts'
import { requireApplicationKnown } from '../../directory/visible.ts'
import { isNetwork } from '../../domain/address.ts'
import { DIALECTS } from '../../domain/dialect.ts'
import type { Power } from '../../domain/power.ts'
import { readFormAddress, readSiteBase, type SiteAddress } from '../../domain/site-address.ts'
import { byCodePoint } from '../../domain/tree.ts'
import { AppError, wrong } from '../../errors.ts'
import { requireCallable } from '../../outbound/require-callable.ts'
import { APPLICATION, MOMENT, maybe, moment, strict, text } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { ANYBODY, adminRoute } from './route.ts'

const optional = Type.Optional

export const APPLICATION_SHAPE = Type.Object({
  id: Type.String(),
  name: Type.String(),
  active: Type.Boolean(),
  dialect: Type.Enum([...DIALECTS]),
  exposes_pin: Type.Boolean(),
  has_secret: Type.Optional(Type.Boolean()),
  token_days: maybe(Type.Integer({ description: "Null: the house's default" })),
  token_idle_days: maybe(Type.Integer({ description: "Null: the house's default; 0: no idle limit" })),
  // For those who run the house, or look at it.
  source_networks: Type.Optional(maybe(Type.Array(Type.String(), { description: 'Null: from anywhere' }))),
  django_url: Type.Optional(maybe(Type.String({ description: "Where a Django site has the package's addresses" }))),
  impersonation_url: Type.Optional(maybe(Type.String())),
  django_before_6_2: Type.Optional(Type.Boolean()),
  created_at: MOMENT,
  updated_at: MOMENT,
})

export const PERMISSION = Type.Object({
  slug: Type.String(),
  name: Type.String(),
  description: Type.String(),
  needs: maybe(Type.String({ description: 'Null: the root' })),
  operator_only: Type.Boolean(),
  deprecated: Type.Boolean({ description: 'Still effective and still given, but going' }),
})

function address(description: string) {
  return Type.String({ minLength: 1, maxLength: 500, description })
}

const DAYS = Type.Integer({ minimum: 0, maximum: 3650 })
export const FIELDS = {
  active: optional(Type.Boolean({ description: 'Switched off, every session in it ends' })),
  dialect: optional(
    Type.Enum([...DIALECTS], {
      description: 'What its clients read: the flat ones are for Python releases before 1.0.0',
    }),
  ),
  exposes_pin: optional(Type.Boolean()),
  token_days: optional(maybe(Type.Integer({ minimum: 1, maximum: 3650 }))),
  token_idle_days: optional(maybe(DAYS)),
  source_networks: optional(maybe(Type.Array(Type.String({ maxLength: 60 }), { maxItems: 200 }))),
  django_url: optional(
    maybe(address("Where a Django site has the package's addresses, such as https://site.example/auth")),
  ),
  impersonation_url: optional(
    maybe(
      address("The application's own page that takes an impersonation's one-time token, by a form's field `token`"),
    ),
  ),
  django_before_6_2: optional(
    Type.Boolean({
      description:
        'A Django site with a django-cloudspotlicense before 6.2, which finds the user of an event by the token that it stored last: each last token is kept, sealed',
    }),
  ),
}
export const NAME = text('For people', 200)

const OF_APPLICATION = { application: APPLICATION }

export function applicationsRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  async function requireManaged(power: Power, id: string): Promise<ManagedApplication> {
    const { id: known } = await requireApplicationKnown(read, power, id)
    const application = await findManagedApplication(read, known)
    if (application) return application
    throw new AppError('not_found', { detail: 'There is no such application.' })
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications',
      operation: 'applications.list',
      rule: { noun: 'applications', access: 'read', powers: ANYBODY },
      summary: 'Lists the applications, by id',
      query: PAGE,
      answers: { 200: pageOf(APPLICATION_SHAPE) },
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const paging = readPaging<[string]>(query, 1)
      if (power.kind === 'application')
        return { items: [showApplication(power, await requireManaged(power, power.applicationId))], next_cursor: null }
      const found = await listManagedApplications(read, { after: paging.after?.[0], limit: paging.limit + 1 })
      return asPage(
        found,
        paging.limit,
        (application) => [application.id],
        (application) => showApplication(power, application),
      )
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/applications',
      operation: 'applications.create',
      rule: { noun: 'applications', access: 'write', powers: ['operator'] },
      summary: 'Makes an application, with nothing in its tree but `use_app`',
      body: Type.Object({ id: APPLICATION, name: NAME, ...FIELDS }, strict),
      answers: { 201: APPLICATION_SHAPE },
      tells: ['location'],
      errors: ['id_taken'],
    },
    async ({ by, body, reply }) => {
      const application = await createApplication(ctx, by, {
        id: body.id,
        name: body.name,
        ...(await asChanges(ctx, body)),
      })
      reply.header('location', `/api/v1/admin/applications/${application.id}`)
      return showApplication(by.actor.power, application)
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications/:application',
      operation: 'applications.get',
      rule: { noun: 'applications', access: 'read', powers: ANYBODY },
      summary: 'Tells of an application',
      params: OF_APPLICATION,
      answers: { 200: APPLICATION_SHAPE },
      errors: ['not_found'],
    },
    async ({ by, params }) => showApplication(by.actor.power, await requireManaged(by.actor.power, params.application)),
  )

  adminRoute(
    app,
    {
      method: 'PATCH',
      url: '/applications/:application',
      operation: 'applications.update',
      rule: { noun: 'applications', access: 'write', powers: ['operator'] },
      summary: 'Changes the fields that are given',
      params: OF_APPLICATION,
      body: Type.Object({ name: optional(NAME), ...FIELDS }, { ...strict, minProperties: 1 }),
      answers: { 200: APPLICATION_SHAPE },
      errors: ['not_found'],
    },
    async ({ by, params, body }) =>
      showApplication(
        by.actor.power,
        await changeApplication(ctx, by, params.application, {
          name: body.name,
          ...(await asChanges(ctx, body)),
        }),
      ),
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/applications/:application/secret',
      operation: 'applications.replaceSecret',
      rule: { noun: 'applications', access: 'write', powers: ['operator'] },
      summary: 'Gives an application a new secret, told this once',
      description: 'The one before stops working at once; nobody is signed out.',
      params: OF_APPLICATION,
      answers: { 201: Type.Object({ secret: Type.String() }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => ({ secret: await replaceSecret(ctx, by, params.application, 'new') }),
  )

  adminRoute(
    app,
    {
      method: 'DELETE',
      url: '/applications/:application/secret',
      operation: 'applications.removeSecret',
      rule: { noun: 'applications', access: 'write', powers: ['operator'] },
      summary: 'Takes the secret away: the application is asked for none',
      params: OF_APPLICATION,
      answers: { 204: null },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      await replaceSecret(ctx, by, params.application, 'none')
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications/:application/permissions',
      operation: 'permissions.list',
      rule: { noun: 'permissions', access: 'read', powers: ANYBODY },
      summary: "Lists an application's permissions, by slug",
      params: OF_APPLICATION,
      answers: { 200: Type.Object({ items: Type.Array(PERMISSION) }) },
      errors: ['not_found'],
    },
    async ({ by, params }) => {
      const { id } = await requireManaged(by.actor.power, params.application)
      const permissions = await listManifestPermissions(read, id)
      return { items: permissions.sort((a, b) => byCodePoint(a.slug, b.slug)).map(showPermission) }
    },
  )
}

function showPermission(permission: ManifestPermission): Static<typeof PERMISSION> {
  const { slug, name, description, needs } = permission
  return {
    slug,
    name,
    description,
    needs,
    operator_only: permission.isOperatorOnly,
    deprecated: permission.isDeprecated,
  }
}

type Given = Static<ReturnType<typeof Type.Object<typeof FIELDS>>>

async function asChanges(ctx: Context, body: Given) {
  for (const [index, network] of (body.source_networks ?? []).entries())
    if (!isNetwork(network))
      throw wrong(`/body/source_networks/${index}`, 'is no address or network such as 10.0.0.0/8')
  return {
    isActive: body.active,
    dialect: body.dialect,
    exposesPin: body.exposes_pin,
    tokenDays: body.token_days,
    tokenIdleDays: body.token_idle_days,
    sourceNetworks: body.source_networks,
    djangoUrl: await readDjangoUrl(ctx, body.django_url),
    impersonationUrl: readAddress('/body/impersonation_url', body.impersonation_url, readFormAddress),
    isDjangoBefore62: body.django_before_6_2,
  }
}

/** Where it leads is looked at now, and again whenever it is called. */
async function readDjangoUrl(ctx: Context, given: string | null | undefined): Promise<string | null | undefined> {
  const path = '/body/django_url'
  const url = readAddress(path, given, readSiteBase)
  if (typeof url === 'string') await requireCallable(url, { allowedNetworks: ctx.config.allowedNetworks }, path)
  return url
}

function readAddress(path: string, given: string | null | undefined, read: (text: string) => SiteAddress) {
  if (typeof given !== 'string') return given
  const { url, fault } = read(given)
  if (fault !== undefined) throw wrong(path, fault)
  return url
}

function showApplication(power: Power, application: ManagedApplication): Static<typeof APPLICATION_SHAPE> {
  const isTold = power.kind === 'operator' || power.kind === 'support'
  return {
    id: application.id,
    name: application.name,
    active: application.isActive,
    dialect: application.dialect,
    exposes_pin: application.exposesPin,
    token_days: application.tokenDays,
    token_idle_days: application.tokenIdleDays,
    ...(isTold
      ? {
          has_secret: application.hasSecret,
          source_networks: application.sourceNetworks === null ? null : [...application.sourceNetworks],
          django_url: application.djangoUrl,
          impersonation_url: application.impersonationUrl,
          django_before_6_2: application.isDjangoBefore62,
        }
      : {}),
    created_at: moment(application.createdAt),
    updated_at: moment(application.updatedAt),
  }
}
