import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { LicenseClient } from 'cloudspot-license-api'
import { ask, askFor, makeKey } from '../support/admin.ts'
import { type Call, call, type Reply, signIn } from '../support/calls.ts'
import { ACME, ANNA, FLAT_HOUSE, GLOBEX, issue, PASSWORD, user } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const CLERK = ['create_invoice', 'list_invoices', 'use_app'].map((permission) => ({ permission }))
const APPROVER = ['approve_invoice', 'list_invoices', 'use_app'].map((permission) => ({ permission }))

/** An application of each dialect, with the keys in which it names a company. */
const APPLICATIONS = {
  till: (id: string | null, name: string | null) => ({ company_id: id, company_name: name }),
  press: (_id: string | null, name: string | null) => ({ company: name }),
}

const PROFILE = 'GET users/profile/'
const PERMISSIONS = 'GET users/permissions/'
const FLAT_CALLS = [PROFILE, PERMISSIONS]
/** Of v1 alone. */
const V1_CALLS = ['GET get-permissions/', `GET get-company-permissions/${ACME}/`]

for (const database of databases) {
  describe(`the flat dialects, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: FLAT_HOUSE })
    })
    after(() => server[Symbol.asyncDispose]())

    for (const [module, company] of Object.entries(APPLICATIONS)) {
      const ofAnna = { first_name: 'Anna', last_name: 'Ames', email: ANNA }

      test(`exactly the keys of the dialect: ${module}`, async () => {
        for (const slash of ['/', '']) {
          const at = (line: string) => line.replace(/\/$/, slash)
          const credentials = { username: ANNA, password: PASSWORD }
          const signedIn = await call(server, at('POST authenticate/'), { module, body: credentials })
          const { token } = signedIn.body
          assert.match(token, /^clt_/)
          assertAnswer(signedIn, { token, ...company(ACME, 'ACME'), permissions: CLERK })
          assertAnswer(await call(server, at(PROFILE), { module, token }), { ...ofAnna, ...company(ACME, 'ACME') })
          assertAnswer(await call(server, at(PERMISSIONS), { module, token }), { permissions: CLERK })
          assertAnswer(await call(server, at('POST sign-out/'), { module, token }), {})
          assert.equal((await call(server, PROFILE, { module, token })).status, 401)
        }
      })

      test(`no PIN, also where the application exposes it, but to our client: ${module}`, async () => {
        await server.seed({ applications: [{ id: module, exposes_pin: true }] })
        const token = await issue(server, ANNA, module)
        assertAnswer(await call(server, PROFILE, { module, token }), { ...ofAnna, ...company(ACME, 'ACME') })
        assert.equal((await call(server, PROFILE, { module, token, rich: true })).body.pin, '4711')
        await server.seed({ applications: [{ id: module, exposes_pin: false }] })
        assert.ok(!('pin' in (await call(server, PROFILE, { module, token, rich: true })).body))
      })

      test(`a sign-in that is refused: ${module}`, async () => {
        await server.seed({ applications: [{ id: 'closed', name: 'Closed', dialect: 'flat-0.2', active: false }] })
        const refusals: [what: string, name: unknown, password: unknown, status: number, other?: Call][] = [
          ['a wrong password', ANNA, 'not hers', 401],
          ['an unknown name', 'nobody@acme.test', PASSWORD, 401],
          ['a switched off user', 'felix@acme.test', PASSWORD, 403],
          ['a user without a company', 'gina@example.test', PASSWORD, 403],
          ['an unknown application', ANNA, PASSWORD, 401, { module: 'none' }],
          ['a switched off application', ANNA, PASSWORD, 401, { module: 'closed' }],
          ['no application', ANNA, PASSWORD, 401, { module: null }],
          ['no name', null, PASSWORD, 400],
          ['a list', ANNA, [PASSWORD], 400],
          ['a broken text', '\ud800', PASSWORD, 400],
          ['16 kB', ANNA, 'x'.repeat(16 * 1024), 413],
        ]
        const tokens = (await allTables(server)).tokens
        for (const [what, name, password, status, other] of refusals) {
          assertRefused(await signIn(server, name, password, { module, ...other }), status, what)
          await server.lift()
        }
        for (let count = 0; count < 6; count++) await signIn(server, ANNA, 'not hers', { module })
        assertRefused(await signIn(server, ANNA, PASSWORD, { module }), 429, 'too many wrong passwords')
        await server.lift()
        assert.deepEqual((await allTables(server)).tokens, tokens)
        assert.equal((await signIn(server, ANNA, PASSWORD, { module })).status, 200)
      })

      test(`a token that is none here: ${module}`, async () => {
        const live = await issue(server, ANNA, module)
        const elsewhere = await issue(server, ANNA, module === 'till' ? 'press' : 'till')
        const out = await issue(server, ANNA, module)
        await call(server, 'POST sign-out/', { module, token: out })
        const dead: [string, Call][] = [
          ['no token', { module }],
          ['a token that never was', { module, token: 'clt_none' }],
          ['a letter more', { module, token: `${live}x` }],
          ['signed out', { module, token: out }],
          ['of another application', { module, token: elsewhere }],
          ['without an application', { module: null, token: live }],
          ['in an unknown application', { module: 'none', token: live }],
        ]
        for (const line of FLAT_CALLS) {
          for (const [what, wish] of dead) assertRefused(await call(server, line, wish), 401, `${line}: ${what}`)
          assert.equal((await call(server, line, { module, token: live })).status, 200)
        }
      })

      test(`the calls of v1 are not there, and use nothing up: ${module}`, async () => {
        const token = await issue(server, ANNA, module)
        for (const line of V1_CALLS) assertRefused(await call(server, line, { module, token }), 404, line)
        // Who asks is looked at first, as everywhere.
        for (const line of V1_CALLS) assertRefused(await call(server, line, { module, token: 'clt_none' }), 401, line)

        const wish = { user: ANNA, company: GLOBEX, application: module, reason: 'A call to the desk' }
        await assert.rejects(server.impersonate(wish), { code: 'not_in_dialect' })
        // Begun before the application became one of a flat dialect.
        const dialect = module === 'till' ? 'flat-0.2' : 'flat-0.1'
        await server.seed({ applications: [{ id: module, dialect: 'v1' }] })
        const oneTime = { module, body: { token: await server.impersonate(wish) } }
        await server.seed({ applications: [{ id: module, dialect }] })
        const validate = (more: Call = {}) => call(server, 'POST impersonation-validation/', { ...oneTime, ...more })
        assertRefused(await validate(), 404, 'an old client')
        const { status, body } = await validate({ rich: true })
        assert.deepEqual([status, body.user, body.company], [200, ANNA, GLOBEX])

        // It is for the one company, though another is the primary one.
        const impersonated = { module, token: body.auth_token }
        assertAnswer(await call(server, PERMISSIONS, impersonated), { permissions: APPROVER })
        assertAnswer(await call(server, PROFILE, impersonated), { ...ofAnna, ...company(GLOBEX, 'Globex') })
      })

      test(`with a live token and no company left, the profile names none and the list is empty: ${module}`, async () => {
        const email = `hanna.${module}@acme.test`
        const grants = [{ application: module, permissions: ['list_invoices'] }]
        await server.seed({ users: [user(email, { first_name: 'Hanna', companies: [{ company: ACME, grants }] })] })
        const { token } = (await signIn(server, email, PASSWORD, { module })).body
        assertAnswer(await call(server, PERMISSIONS, { module, token }), {
          permissions: [{ permission: 'list_invoices' }, { permission: 'use_app' }],
        })
        await server.seed({ users: [{ email, companies: [{ company: ACME, active: false }] }] })
        const names = { first_name: 'Hanna', last_name: '', email }
        assertAnswer(await call(server, PROFILE, { module, token }), { ...names, ...company(null, null) })
        assertAnswer(await call(server, PERMISSIONS, { module, token }), { permissions: [] })
        assertRefused(await signIn(server, email, PASSWORD, { module }), 403, 'the next sign-in')
        assertRefused(await signIn(server, email, 'not hers', { module }), 401, 'without the right password')
      })

      test(`our client is answered as in any application: ${module}`, async () => {
        const inCrm = await server.license('crm').authenticate(ANNA, PASSWORD)
        const session = await server.license(module).authenticate(ANNA, PASSWORD)
        assert.deepEqual(session.permissions, inCrm.permissions)
        assert.deepEqual(await session.getPermissions(), await inCrm.getPermissions())
        assert.deepEqual(await session.getUser(), await inCrm.getUser())
        assert.deepEqual([...(await session.getCompanyPermissions(GLOBEX))], APPROVER.map(slugOf))
        const rich = { module, token: session.token, rich: true }
        assert.equal((await call(server, PERMISSIONS, rich)).body.code, 'not_found')
        await session.signOut()
        await assert.rejects(session.getUser(), { code: 'invalid_token' })
      })

      test(`a client that reads the flat dialect by itself reads ours: ${module}`, async () => {
        const license = new LicenseClient(module, { baseUrl: server.url, fetch: withoutName })
        const session = await license.authenticate(ANNA, PASSWORD)
        const slugs = (companies: Iterable<{ name: string; permissions: Iterable<string> }>) =>
          [...companies].map(({ name, permissions }) => [name, [...permissions]])
        const expected = [['ACME', CLERK.map(slugOf)]]
        assert.deepEqual(slugs(session.permissions.companies), expected)
        assert.deepEqual(slugs((await session.getPermissions()).companies), expected)
        const { company: own, email } = await session.getUser()
        assert.deepEqual([own?.name, email], ['ACME', ANNA])
        await assert.rejects(license.authenticate(ANNA, 'not hers'))
      })
    }

    test('the call of the flat dialects is not there for an application of v1', async () => {
      const token = await issue(server, ANNA, 'crm')
      for (const rich of [false, true]) {
        assert.equal((await call(server, PERMISSIONS, { token, rich })).status, 404)
        assert.equal((await call(server, 'GET get-permissions/', { token, rich })).status, 200)
      }
      assertRefused(await call(server, PERMISSIONS, { token }), 404, 'an old client')
      assertRefused(await call(server, PERMISSIONS, { token: 'clt_none' }), 401, 'a dead token')
    })

    test('the dialect is set over the API and in house files, and holds from the next answer on', async () => {
      const key = await makeKey(server)
      const made = await askFor(201, server, key, 'POST /applications', {
        body: { id: 'new', name: 'New', dialect: 'flat-0.1' },
      })
      assert.equal(made.dialect, 'flat-0.1')
      const companies = [{ company: ACME, grants: [{ application: 'new' }] }]
      await server.seed({ licenses: [{ company: ACME, application: 'new' }], users: [{ email: ANNA, companies }] })
      const token = await issue(server, ANNA, 'new')
      const company = async () => {
        const { body } = await call(server, PROFILE, { module: 'new', token })
        const { first_name: _first, last_name: _last, email: _email, ...rest } = body
        return rest
      }
      const patch = (body: object) => askFor(200, server, key, 'PATCH /applications/new', { body })
      assert.deepEqual(await company(), { company: 'ACME' })
      assert.equal((await patch({ dialect: 'flat-0.2' })).dialect, 'flat-0.2')
      assert.deepEqual(await company(), { company_id: ACME, company_name: 'ACME' })
      assert.equal((await patch({ name: 'Newer' })).dialect, 'flat-0.2')
      await server.seed({ applications: [{ id: 'new', name: 'Newest' }] })
      assert.deepEqual(await company(), { company_id: ACME, company_name: 'ACME' })
      const seeded = await server.seed({ applications: [{ id: 'new', dialect: 'v1' }] })
      assert.equal(seeded.applications.changed, 1)
      assert.deepEqual(await company(), {})
      assert.equal((await call(server, 'GET get-permissions/', { module: 'new', token })).status, 200)

      const { items } = await askFor(200, server, key, 'GET /audit?act=application.changed&target=new')
      const moves = items.map(({ data }: { data: Change }) => [data.before.dialect, data.after.dialect])
      assert.deepEqual(moves.reverse(), [
        ['flat-0.1', 'flat-0.2'],
        ['flat-0.2', 'flat-0.2'],
      ])

      assert.equal(
        (await askFor(201, server, key, 'POST /applications', { body: { id: 'd', name: 'D' } })).dialect,
        'v1',
      )
      for (const dialect of ['v2', 'flat', '', null, 1, ['v1']]) {
        const wrong = await ask(server, key, 'PATCH /applications/new', { body: { dialect } })
        assert.equal(wrong.status, 400, JSON.stringify(dialect))
        assert.ok(wrong.body.errors.some(({ path }: { path: string }) => path === '/body/dialect'))
      }
      assert.equal((await askFor(200, server, key, 'GET /applications/new')).dialect, 'v1')
    })
  })
}

type Change = { before: { dialect: string }; after: { dialect: string } }

function slugOf({ permission }: { permission: string }): string {
  return permission
}

/** These keys with these values and no others, as JSON that is not kept. */
function assertAnswer(reply: Reply, expected: object): void {
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(reply.body, expected)
  assert.match(reply.headers.get('content-type') ?? '', /^application\/json; charset=utf-8$/)
  assert.equal(reply.headers.get('cache-control'), 'no-store')
}

function assertRefused(reply: Reply, status: number, what: string): void {
  assert.equal(reply.status, status, `${what}: ${reply.text}`)
  assert.deepEqual(Object.keys(reply.body), ['message'], what)
  assert.match(reply.body.message, /^[A-Z].* .*\w/, what)
}

/** As a client that does not say who it is. */
function withoutName(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.delete('x-license-client')
  return fetch(url, { ...init, headers })
}
