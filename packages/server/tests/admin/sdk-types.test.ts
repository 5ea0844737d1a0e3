import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AdminCalls } from 'cloudspot-license-api/admin'
import { type Static, type TSchema, Type } from 'typebox'
import * as apiKeys from '../../src/http/admin/api-keys.ts'
import * as applications from '../../src/http/admin/applications.ts'
import * as audit from '../../src/http/admin/audit.ts'
import * as companies from '../../src/http/admin/companies.ts'
import * as deliveries from '../../src/http/admin/deliveries.ts'
import * as deliveryShape from '../../src/http/admin/delivery-shape.ts'
import * as endpoints from '../../src/http/admin/endpoints.ts'
import * as explain from '../../src/http/admin/explain.ts'
import {
  APPLICATION,
  BOUNDS,
  EMAIL,
  ID,
  MOMENT,
  maybe,
  PERMISSION,
  queryText,
  strict,
  text,
} from '../../src/http/admin/forms.ts'
import * as grants from '../../src/http/admin/grants.ts'
import * as impersonations from '../../src/http/admin/impersonations.ts'
import * as imports from '../../src/http/admin/imports.ts'
import * as licenses from '../../src/http/admin/licenses.ts'
import * as manifest from '../../src/http/admin/manifest-form.ts'
import * as members from '../../src/http/admin/members.ts'
import { PAGE, pageOf } from '../../src/http/admin/paging.ts'
import * as roles from '../../src/http/admin/roles.ts'
import * as statistics from '../../src/http/admin/statistics.ts'
import * as upstream from '../../src/http/admin/upstream.ts'
import * as users from '../../src/http/admin/users.ts'
import { listAdminRoutes } from '../support/admin-routes.ts'
import { startServer } from '../support/server.ts'

/** `null`: nothing comes back; `lines`: a stream of text. */
type Form = { query?: TSchema; body?: TSchema; answer: TSchema | 'lines' | null }

const optional = Type.Optional
const yesOrNo = optional(Type.Enum(['true', 'false']))
const listOf = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item) })
const fields = { ...strict, minProperties: 1 }
const q = optional(queryText(200, ''))
const paged = Type.Object(PAGE, strict)
const role = { body: roles.CHANGES, answer: roles.ROLE }

/** What the server takes and answers. The first test holds it against the router, the types below hold the client against it. */
const FORMS = {
  'GET /whoami': { answer: apiKeys.ME },
  'GET /users': { query: Type.Object({ ...PAGE, q, company: optional(ID) }, strict), answer: pageOf(users.USER) },
  'POST /users': { body: users.NEW_USER, answer: users.USER_WITH_COMPANIES },
  'GET /users/:user': { answer: users.USER_WITH_COMPANIES },
  'PATCH /users/:user': { body: users.CHANGES, answer: users.USER_WITH_COMPANIES },
  'DELETE /users/:user': { answer: null },
  'PUT /users/:user/password': { body: Type.Object({ password: users.PASSWORD }, strict), answer: null },
  'GET /users/:user/tokens': { answer: listOf(users.TOKEN) },
  'DELETE /users/:user/tokens': { answer: null },
  'GET /companies': { query: Type.Object({ ...PAGE, q }, strict), answer: pageOf(companies.COMPANY) },
  'POST /companies': {
    body: Type.Object({ id: optional(ID), name: companies.NAME, ...companies.FIELDS }, strict),
    answer: companies.COMPANY,
  },
  'GET /companies/:company': { answer: companies.COMPANY },
  'PATCH /companies/:company': {
    body: Type.Object({ name: optional(companies.NAME), ...companies.FIELDS }, fields),
    answer: companies.COMPANY,
  },
  'GET /companies/:company/members': { query: Type.Object({ ...PAGE, q }, strict), answer: pageOf(members.MEMBER) },
  'POST /companies/:company/members': {
    body: Type.Object(
      { user: optional(ID), email: optional(EMAIL), ...members.FIELDS, despite_manager: optional(Type.Boolean()) },
      strict,
    ),
    answer: members.MEMBER,
  },
  'GET /companies/:company/members/:user': { answer: members.MEMBER },
  'PATCH /companies/:company/members/:user': {
    body: Type.Object({ ...members.FIELDS, active: optional(Type.Boolean()) }, fields),
    answer: members.MEMBER,
  },
  'DELETE /companies/:company/members/:user': { answer: null },
  'GET /companies/:company/roles': { answer: listOf(roles.ROLE) },
  'POST /companies/:company/roles': {
    body: Type.Object({ application: APPLICATION, ...roles.NEW_ROLE }, strict),
    answer: roles.ROLE,
  },
  'GET /companies/:company/roles/:application/:key': { answer: roles.ROLE },
  'PATCH /companies/:company/roles/:application/:key': role,
  'DELETE /companies/:company/roles/:application/:key': { answer: null },
  'GET /companies/:company/licenses': { answer: listOf(licenses.LICENSE) },
  'POST /companies/:company/licenses': {
    body: Type.Object({ application: APPLICATION, ...licenses.TERMS }, strict),
    answer: licenses.LICENSE,
  },
  'GET /companies/:company/licenses/:application': { answer: licenses.LICENSE },
  'PATCH /companies/:company/licenses/:application': {
    body: Type.Object(licenses.TERMS, fields),
    answer: licenses.LICENSE,
  },
  'GET /companies/:company/seats': {
    query: Type.Object({ ...PAGE, application: optional(APPLICATION), user: optional(ID) }, strict),
    answer: pageOf(grants.SEAT),
  },
  'PUT /companies/:company/seats/:application/:user': {
    body: Type.Object({ ...BOUNDS, restore_grants: optional(Type.Boolean()) }, strict),
    answer: Type.Object({ starts_at: maybe(MOMENT), ends_at: maybe(MOMENT), restored_grants: Type.Integer() }),
  },
  'DELETE /companies/:company/seats/:application/:user': { answer: null },
  'GET /companies/:company/members/:user/grants': {
    query: Type.Object({ ...PAGE, application: optional(APPLICATION), revoked: yesOrNo }, strict),
    answer: pageOf(grants.GRANT),
  },
  'POST /companies/:company/members/:user/grants': {
    body: Type.Object({ application: APPLICATION, ...grants.WHAT, ...BOUNDS, reason: grants.REASON }, strict),
    answer: grants.GRANT,
  },
  'DELETE /companies/:company/grants/:grant': {
    query: Type.Object({ cascade: yesOrNo }, strict),
    answer: Type.Object({ revoked: Type.Array(ID) }),
  },
  'GET /companies/:company/members/:user/rights/:application': { answer: grants.RIGHTS },
  'PUT /companies/:company/members/:user/rights/:application': {
    query: Type.Object({ preview: yesOrNo }, strict),
    body: Type.Object(
      {
        seat: optional(Type.Object(BOUNDS, strict)),
        grants: Type.Array(Type.Object({ ...grants.WHAT, ...BOUNDS, reason: grants.REASON }, strict), {
          maxItems: 2_000,
        }),
      },
      strict,
    ),
    answer: grants.CHANGE,
  },
  'GET /applications/:application/endpoints': { answer: listOf(endpoints.ENDPOINT) },
  'POST /applications/:application/endpoints': { body: endpoints.WANTED, answer: endpoints.NEW_ENDPOINT },
  'GET /applications/:application/endpoints/:endpoint': { answer: endpoints.ENDPOINT },
  'PATCH /applications/:application/endpoints/:endpoint': { body: endpoints.CHANGES, answer: endpoints.ENDPOINT },
  'DELETE /applications/:application/endpoints/:endpoint': { answer: null },
  'POST /applications/:application/endpoints/:endpoint/secret': {
    body: endpoints.ROTATION,
    answer: endpoints.ROTATED,
  },
  'POST /applications/:application/endpoints/:endpoint/ping': { answer: deliveryShape.DELIVERY_WITH_ATTEMPTS },
  'POST /applications/:application/endpoints/:endpoint/resend': { answer: null },
  'GET /applications/:application/endpoints/:endpoint/deliveries': {
    query: Type.Object(deliveries.QUERY, strict),
    answer: pageOf(deliveryShape.DELIVERY),
  },
  'GET /applications/:application/endpoints/:endpoint/deliveries/:delivery': {
    answer: deliveryShape.DELIVERY_WITH_ATTEMPTS,
  },
  'POST /applications/:application/endpoints/:endpoint/deliveries/:delivery/replay': {
    answer: deliveryShape.DELIVERY,
  },
  'POST /applications/:application/endpoints/:endpoint/replay': {
    body: deliveries.REPLAY,
    answer: deliveries.REPLAYED,
  },
  'GET /applications': { query: paged, answer: pageOf(applications.APPLICATION_SHAPE) },
  'POST /applications': {
    body: Type.Object({ id: APPLICATION, name: applications.NAME, ...applications.FIELDS }, strict),
    answer: applications.APPLICATION_SHAPE,
  },
  'GET /applications/:application': { answer: applications.APPLICATION_SHAPE },
  'PATCH /applications/:application': {
    body: Type.Object({ name: optional(applications.NAME), ...applications.FIELDS }, fields),
    answer: applications.APPLICATION_SHAPE,
  },
  'POST /applications/:application/secret': { answer: Type.Object({ secret: Type.String() }) },
  'DELETE /applications/:application/secret': { answer: null },
  'GET /applications/:application/permissions': { answer: listOf(applications.PERMISSION) },
  'GET /applications/:application/roles': { answer: listOf(roles.ROLE) },
  'POST /applications/:application/roles': { body: Type.Object(roles.NEW_ROLE, strict), answer: roles.ROLE },
  'GET /applications/:application/roles/:key': { answer: roles.ROLE },
  'PATCH /applications/:application/roles/:key': role,
  'DELETE /applications/:application/roles/:key': { answer: null },
  'GET /applications/:application/licenses': { query: paged, answer: pageOf(licenses.LICENSE) },
  'GET /explain': {
    query: Type.Object(
      {
        user: Type.String({ minLength: 1, maxLength: 600 }),
        company: explain.COMPANY,
        application: APPLICATION,
        permission: PERMISSION,
        at: explain.AT,
      },
      strict,
    ),
    answer: explain.DECISION,
  },
  'GET /explain/holders': {
    query: Type.Object(
      { ...PAGE, company: explain.COMPANY, application: APPLICATION, permission: PERMISSION, at: explain.AT },
      strict,
    ),
    answer: pageOf(explain.HOLDER),
  },
  'GET /explain/company': {
    query: Type.Object(
      { ...PAGE, company: explain.COMPANY, application: optional(APPLICATION), at: explain.AT },
      strict,
    ),
    answer: pageOf(explain.MEMBER_RIGHTS),
  },
  'GET /api-keys': { query: paged, answer: pageOf(apiKeys.KEY) },
  'POST /api-keys': { body: apiKeys.WANTED, answer: apiKeys.NEW_KEY },
  'GET /api-keys/:key': { answer: apiKeys.KEY },
  'DELETE /api-keys/:key': { answer: null },
  'GET /impersonations': {
    query: Type.Object(impersonations.QUERY, strict),
    answer: pageOf(impersonations.IMPERSONATION),
  },
  'POST /impersonations': { body: impersonations.WANTED, answer: impersonations.STARTED },
  'GET /impersonations/:impersonation': { answer: impersonations.IMPERSONATION },
  'DELETE /impersonations/:impersonation': { answer: null },
  'GET /audit': { query: Type.Object({ ...PAGE, ...audit.FILTERS }, strict), answer: pageOf(audit.ENTRY) },
  'GET /audit/state': { answer: audit.STATE },
  'GET /audit/export': {
    query: Type.Object({ ...audit.FILTERS, format: Type.Enum(['csv', 'ndjson']) }, strict),
    answer: 'lines',
  },
  'DELETE /users/:user/tokens/:token': { answer: null },
  'GET /statistics': {
    query: Type.Object({ company: optional(ID), application: optional(APPLICATION) }, strict),
    answer: statistics.STATISTICS,
  },
  'GET /upstream': { answer: upstream.UPSTREAM },
  'GET /upstream/users': {
    query: Type.Object(upstream.QUERY, strict),
    answer: pageOf(upstream.UPSTREAM_USER),
  },
  'GET /applications/:application/manifest': { answer: manifest.MANIFEST },
  'POST /applications/:application/manifest/plan': { body: manifest.WANTED_MANIFEST, answer: manifest.PLAN },
  'PUT /applications/:application/manifest': { body: manifest.WANTED_MANIFEST, answer: manifest.PLAN },
  'GET /export': { answer: 'lines' },
  'GET /imports': { query: paged, answer: pageOf(imports.IMPORT) },
  'POST /imports': {
    body: Type.Object(
      {
        kind: Type.Enum(['users']),
        name: text('', 200),
        digest: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
        total: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
        options: optional(imports.OPTIONS),
      },
      strict,
    ),
    answer: imports.IMPORT,
  },
  'POST /imports/check': {
    body: Type.Object(
      { from: optional(imports.PLACE), rows: imports.ROWS, options: optional(imports.OPTIONS) },
      strict,
    ),
    answer: Type.Object({ rows: imports.REPORTS }),
  },
  'GET /imports/:import': { answer: imports.IMPORT },
  'POST /imports/:import/rows': {
    body: Type.Object({ from: imports.PLACE, rows: imports.ROWS }, strict),
    answer: Type.Object({ import: imports.IMPORT, rows: imports.REPORTS }),
  },
} satisfies Record<string, Form>

/** Written out, so that two types of the same fields are the same however they were made. */
type Plain<T> = T extends readonly (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T

/** Optional fields may be undefined in JavaScript, which JSON leaves out; a list that is given is only read. */
type Given<T> = T extends readonly (infer E)[]
  ? readonly Given<E>[]
  : T extends object
    ? { [K in keyof T]: object extends Pick<T, K> ? Given<T[K]> | undefined : Given<T[K]> }
    : T

/** In an address everything is text: the client takes numbers and yes or no. An act of a newer server is none of our words. */
type Asked<T> = {
  [K in keyof T]: K extends 'limit'
    ? number | undefined
    : K extends 'act'
      ? string | undefined
      : [T[K]] extends ['true' | 'false' | undefined]
        ? boolean | undefined
        : T[K]
}

type OfServer = {
  [L in keyof typeof FORMS]: ((typeof FORMS)[L] extends { query: infer Q extends TSchema }
    ? { query: Asked<Given<Static<Q>>> }
    : unknown) &
    ((typeof FORMS)[L] extends { body: infer B extends TSchema } ? { body: Given<Static<B>> } : unknown) &
    // A schema may be anything, a text too.
    ((typeof FORMS)[L] extends { answer: 'lines' }
      ? { answer: string }
      : (typeof FORMS)[L] extends { answer: infer A extends TSchema }
        ? { answer: Static<A> }
        : { answer: null })
}

type OfClient = { [L in keyof AdminCalls]: AdminCalls[L] }

/** What is answered may be what is sent elsewhere: whether its optional fields say that they may be undefined is one. */
type Call<C> = C extends { answer: infer A } ? Plain<Omit<C, 'answer'> & { answer: Given<A> }> : never

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? (<T>() => T extends B ? 1 : 2) extends <T>() => T extends A ? 1 : 2
      ? true
      : false
    : false

/** The addresses where client and server differ, or that one of them lacks. */
type Different =
  | Exclude<keyof OfServer, keyof OfClient>
  | Exclude<keyof OfClient, keyof OfServer>
  | {
      [L in keyof OfServer & keyof OfClient]: Same<Call<OfServer[L]>, Call<OfClient[L]>> extends true ? never : L
    }[keyof OfServer & keyof OfClient]

/** The compiler names the address that is wrong. */
const agreed: { [L in Different]: 'the client has another form' } = {}

/** That the comparison sees what it should: a field more or less, another type, optional or not, null or not. */
export const told = {
  same: true satisfies Same<Plain<{ a: string; b?: number[] }>, Plain<{ a: string } & { b?: readonly number[] }>>,
  // @ts-expect-error one may be left out
  optional: true satisfies Same<Plain<{ a?: string }>, Plain<{ a: string }>>,
  // @ts-expect-error one may be null
  nullable: true satisfies Same<Plain<{ a: string | null }>, Plain<{ a: string }>>,
  // @ts-expect-error one has more
  more: true satisfies Same<Plain<{ a: string; b: string }>, Plain<{ a: string }>>,
  // @ts-expect-error one is narrower, deep within
  narrower: true satisfies Same<Plain<{ a: { b: 'x' | 'y' }[] }>, Plain<{ a: { b: string }[] }>>,
}

/** What a form checks, without its words for people. */
function bare(form: unknown): unknown {
  const text = JSON.stringify(form, (key, value) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  )
  return text === undefined ? undefined : JSON.parse(text)
}

test('the forms that the client is held against are those of the router: of every route, and no other', async () => {
  await using server = await startServer('sqlite')
  const routes = await listAdminRoutes(server.ctx)
  assert.deepEqual(agreed, {})
  assert.deepEqual(Object.keys(FORMS).sort(), [...routes.keys()].sort())
  for (const [line, form] of Object.entries<Form>(FORMS)) {
    const { querystring, body, response = {} } = routes.get(line) ?? {}
    const [[status, answer] = []] = Object.entries(response)
    assert.deepEqual(bare(querystring), bare(form.query ?? Type.Object({}, strict)), `the query of ${line}`)
    assert.deepEqual(bare(body), bare(form.body), `the body of ${line}`)
    if (form.answer === null) assert.equal(status, '204', line)
    else if (form.answer === 'lines') assert.ok(answer && 'content' in answer, line)
    else assert.deepEqual(bare(answer), bare(form.answer), `the answer of ${line}`)
  }
})
