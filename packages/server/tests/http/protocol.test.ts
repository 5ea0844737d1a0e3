import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { type Call, call, signIn } from '../support/calls.ts'
import { ACME, ANNA, GLOBEX, issue, PASSWORD, SMALL_HOUSE, user } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const DAY = 86_400_000
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

// docs/PROTOCOL.md, call by call: what every release of the old clients can read, and what ours gets besides.
const COMPANIES = [{ company_id: '', company_name: '', permissions: [''] }]
const NAMED = { id: '', name: '' }
const EXPIRY = { expires_at: '', expires_in: 0 }
const USER = { id: '', first_name: '', last_name: '', email: '', company: NAMED, companies: [NAMED] }
const FROZEN = {
  'POST authenticate/': { token: '', permissions: COMPANIES },
  'GET users/profile/': { first_name: '', last_name: '', email: '' },
  'GET get-permissions/': { permissions: COMPANIES },
  [`GET get-company-permissions/${ACME}/`]: { permissions: [''] },
  'POST impersonation-validation/': { user: '', company: '', auth_token: '' },
  'POST sign-out/': {},
}
const RICHER: Record<keyof typeof FROZEN, object> = {
  'POST authenticate/': { ...FROZEN['POST authenticate/'], ...EXPIRY, user: USER },
  'GET users/profile/': { ...USER, ...EXPIRY },
  'GET get-permissions/': { ...FROZEN['GET get-permissions/'], ...EXPIRY },
  [`GET get-company-permissions/${ACME}/`]: { permissions: [''] },
  'POST impersonation-validation/': {
    ...FROZEN['POST impersonation-validation/'],
    ...EXPIRY,
    reason: '',
    impersonated_by: null,
    user_info: USER,
  },
  'POST sign-out/': {},
}

for (const database of databases) {
  describe(`the frozen calls, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
    })
    after(() => server[Symbol.asyncDispose]())

    /** What a call needs to succeed. */
    const success = async (line: string, module: string): Promise<Call> => {
      if (line.startsWith('POST authenticate')) return { module, body: { username: ANNA, password: PASSWORD } }
      if (line.startsWith('POST impersonation')) {
        const wish = { user: ANNA, company: ACME, application: module, reason: 'A call to the desk' }
        return { module, body: { token: await server.impersonate(wish) } }
      }
      return { module, token: await issue(server, ANNA, module) }
    }

    for (const [line, keys] of Object.entries(FROZEN)) {
      for (const slash of ['with', 'without']) {
        const target = slash === 'with' ? line : line.replace(/\/$/, '')
        test(`an old client gets exactly the frozen keys, ${slash} a slash at the end: ${line}`, async () => {
          const reply = await call(server, target, await success(line, 'crm'))
          assert.equal(reply.status, 200, reply.text)
          assert.deepEqual(keysOf(reply.body), keysOf(keys))
          assert.match(reply.headers.get('content-type') ?? '', /^application\/json/)
          assert.equal(reply.headers.get('cache-control'), 'no-store')
          assert.ok(reply.headers.get('x-request-id'))
        })
      }

      test(`our client gets exactly the documented keys: ${line}`, async () => {
        const reply = await call(server, line, { ...(await success(line, 'crm')), rich: true })
        assert.equal(reply.status, 200, reply.text)
        assert.deepEqual(keysOf(reply.body), keysOf(RICHER[line as keyof typeof RICHER]))
        if ('expires_at' in reply.body) {
          assert.match(reply.body.expires_at, RFC3339)
          assert.ok(Number.isInteger(reply.body.expires_in))
          assert.ok(
            Math.abs(Date.parse(reply.body.expires_at) - server.clock.now() - reply.body.expires_in * 1000) < 5_000,
          )
        }
      })
    }

    test('a header that names no client gets the frozen keys', async () => {
      const token = await issue(server, ANNA, 'crm')
      const profile = (name: string) =>
        call(server, 'GET users/profile/', { token, headers: { 'x-license-client': name } })
      for (const name of ['', 'no version', 'a/b/c', '/1', 'x/', 'é/1', 'a/1, a/1', `${'a'.repeat(65)}/1`]) {
        assert.deepEqual(keysOf((await profile(name)).body), keysOf(FROZEN['GET users/profile/']), name)
      }
      assert.deepEqual(keysOf((await profile('my-own.client/2.0')).body), keysOf(RICHER['GET users/profile/']))
    })

    test('the PIN is told only where the application exposes it', async () => {
      const tokens = { crm: await issue(server, ANNA, 'crm'), shop: await issue(server, ANNA, 'shop') }
      for (const rich of [false, true]) {
        const inCrm = await call(server, 'GET users/profile/', { rich, token: tokens.crm })
        const inShop = await call(server, 'GET users/profile/', { rich, module: 'shop', token: tokens.shop })
        assert.ok(!('pin' in inCrm.body))
        assert.equal(inShop.body.pin, '4711')
        assert.deepEqual(keysOf(inShop.body), keysOf({ ...(rich ? RICHER : FROZEN)['GET users/profile/'], pin: '' }))
      }
      const signedIn = await signIn(server, ANNA, PASSWORD, { module: 'shop', rich: true })
      assert.equal(signedIn.body.user.pin, '4711')
      assert.ok(!('pin' in (await signIn(server, ANNA, PASSWORD, { rich: true })).body.user))
    })

    test('a PIN that nobody has is null', async () => {
      await server.seed({
        users: [user('no-pin@acme.test', { companies: [{ company: ACME, grants: [{ application: 'shop' }] }] })],
      })
      const token = await issue(server, 'no-pin@acme.test', 'shop')
      assert.equal((await call(server, 'GET users/profile/', { module: 'shop', token })).body.pin, null)
    })

    test('the name is taken in any case and with blanks around; the answer has it in lower case', async () => {
      for (const username of [ANNA, 'ANNA@ACME.TEST', '  Anna@Acme.test\n']) {
        const { status, body } = await signIn(server, username, PASSWORD, { rich: true })
        assert.equal(status, 200)
        assert.equal(body.user.email, ANNA)
      }
      assert.equal((await signIn(server, 'an na@acme.test', PASSWORD)).status, 401)
    })

    test('companies come by name, then id; slugs by code point', async () => {
      const ids = ['ffffffff-0000-4000-8000-000000000002', 'ffffffff-0000-4000-8000-000000000001']
      const names = ['🏠 House', 'beta', 'Zebra', '＊Star', 'Beta', 'Éclair', '10', '9', 'Béta']
      const slugs = ['z', 'Z', 'a:b', 'a.b', 'a_b', 'a-b', 'use_', 'use_apple', '0', 'A0']
      // The same name twice can not be seeded; it comes from a rename in another tool.
      await server.seed({
        companies: [...names.map((name) => ({ name })), ...ids.map((id, at) => ({ id, name: `twin ${at}` }))],
        applications: [{ id: 'order', name: 'Order', permissions: slugs.map((slug) => ({ slug })) }],
        licenses: [...names, ...ids].map((company) => ({ company, application: 'order', from: '2020-01-01' })),
        users: [
          user('order@house.test', {
            companies: [...names, ...ids].map((company) => ({
              company,
              grants: [{ application: 'order', permissions: slugs }],
            })),
          }),
        ],
      })
      await server.ctx.db.transaction((tx) =>
        tx.updateTable('companies').set({ name: 'Twin' }).where('id', 'in', ids).execute(),
      )
      const token = await issue(server, 'order@house.test', 'order')
      const { body } = await call(server, 'GET get-permissions/', { module: 'order', token })
      assert.deepEqual(
        body.permissions.map((each: { company_name: string }) => each.company_name),
        ['10', '9', 'Beta', 'Béta', 'Twin', 'Twin', 'Zebra', 'beta', 'Éclair', '＊Star', '🏠 House'],
      )
      assert.deepEqual(
        body.permissions.filter((each: { company_name: string }) => each.company_name === 'Twin').map(idOf),
        [...ids].sort(),
      )
      const sorted = ['0', 'A0', 'Z', 'a-b', 'a.b', 'a:b', 'a_b', 'use_', 'use_app', 'use_apple', 'z']
      for (const each of body.permissions) assert.deepEqual(each.permissions, sorted)
      const one = await call(server, `GET get-company-permissions/${ids[0]}/`, { module: 'order', token })
      assert.deepEqual(one.body, { permissions: sorted })
    })

    test('one company answers what the list says of it; its id in any case', async () => {
      const token = await issue(server, ANNA, 'crm')
      const all = await call(server, 'GET get-permissions/', { token })
      assert.deepEqual(all.body.permissions, [
        { company_id: ACME, company_name: 'ACME', permissions: ['create_invoice', 'list_invoices', 'use_app'] },
        { company_id: GLOBEX, company_name: 'Globex', permissions: ['approve_invoice', 'list_invoices', 'use_app'] },
      ])
      for (const id of [GLOBEX, GLOBEX.toUpperCase()]) {
        const { body } = await call(server, `GET get-company-permissions/${id}/`, { token })
        assert.deepEqual(body, { permissions: ['approve_invoice', 'list_invoices', 'use_app'] })
      }
    })

    test("a company that is not this user's reads like one that is none", async () => {
      const token = await issue(server, 'carla@globex.test', 'crm')
      const others = [ACME, '00000000-0000-4000-8000-000000000000', 'ACME', '1', 'null', '..%2f..', '%00', '😀']
      for (const rich of [false, true]) {
        const replies = await Promise.all(
          others.map((id) => call(server, `GET get-company-permissions/${id}/`, { token, rich })),
        )
        const texts = replies.map(({ status, text }) => `${status} ${withoutRequestId(text)}`)
        assert.deepEqual([...new Set(texts)].length, 1, texts.join('\n'))
        assert.match(texts[0] ?? '', /^404 /)
      }
      assert.equal((await call(server, `GET get-company-permissions/${GLOBEX}/`, { token })).status, 200)
    })

    test('a sign-in with no company left is refused; with a live token the lists are empty', async () => {
      const email = 'hanna@acme.test'
      const companies = [{ company: ACME, grants: [{ application: 'crm' }] }]
      await server.seed({ users: [user(email, { first_name: 'Hanna', companies })] })
      const { token } = (await signIn(server, email, PASSWORD)).body
      await server.seed({ users: [{ email, companies: [{ company: ACME, active: false }] }] })

      const refused = await signIn(server, email, PASSWORD)
      assert.equal(refused.status, 403)
      assert.deepEqual(Object.keys(refused.body), ['message'])
      assert.equal((await signIn(server, email, PASSWORD, { rich: true })).body.code, 'no_access')
      // Without the right password nothing of this is told.
      assert.equal((await signIn(server, email, 'a wrong password', { rich: true })).body.code, 'bad_credentials')

      assert.deepEqual((await call(server, 'GET get-permissions/', { token })).body, { permissions: [] })
      assert.equal((await call(server, `GET get-company-permissions/${ACME}/`, { token })).status, 404)
      const profile = await call(server, 'GET users/profile/', { token, rich: true })
      assert.equal(profile.status, 200)
      assert.deepEqual([profile.body.first_name, profile.body.company, profile.body.companies], ['Hanna', null, []])
    })

    test('the company of a user is the primary one among those it may use, else the one joined first', async () => {
      const email = 'ivan@acme.test'
      const grants = [{ application: 'crm' }]
      await server.seed({ users: [user(email, { companies: [{ company: GLOBEX, grants }] })] })
      server.clock.advance(1_000)
      await server.seed({ users: [{ email, companies: [{ company: ACME, grants }] }] })
      const token = await issue(server, email, 'crm')
      const primary = async () => (await call(server, 'GET users/profile/', { token, rich: true })).body.company.name
      assert.equal(await primary(), 'Globex')
      await server.seed({ users: [{ email, companies: [{ company: ACME, primary: true }] }] })
      assert.equal(await primary(), 'ACME')
      await server.seed({ users: [{ email, companies: [{ company: ACME, active: false }] }] })
      assert.equal(await primary(), 'Globex')
    })

    test('a switched-off account is told so, after the right password only', async () => {
      const reply = await signIn(server, 'felix@acme.test', PASSWORD, { rich: true })
      assert.deepEqual([reply.status, reply.body.code], [403, 'account_disabled'])
      assert.equal((await signIn(server, 'felix@acme.test', 'not his', { rich: true })).body.code, 'bad_credentials')
    })

    describe('a revocation is visible in the very next answer', () => {
      const member = (more: object) => ({ users: [{ email: ANNA, companies: [{ company: ACME, ...more }] }] })
      const license = (more: object) => ({ licenses: [{ company: ACME, application: 'crm', ...more }] })
      const rows: { what: string; off: HouseFile; on: HouseFile; answer: number | 'one company less' }[] = [
        {
          what: 'the user',
          off: { users: [{ email: ANNA, active: false }] },
          on: { users: [{ email: ANNA, active: true }] },
          answer: 401,
        },
        {
          what: 'the application',
          off: { applications: [{ id: 'crm', active: false }] },
          on: { applications: [{ id: 'crm', active: true }] },
          answer: 401,
        },
        {
          what: 'the company',
          off: { companies: [{ id: ACME, active: false }] },
          on: { companies: [{ id: ACME, active: true }] },
          answer: 'one company less',
        },
        {
          what: 'the membership',
          off: member({ active: false }),
          on: member({ active: true }),
          answer: 'one company less',
        },
        {
          what: 'the license, suspended',
          off: license({ suspended: true }),
          on: license({ suspended: false }),
          answer: 'one company less',
        },
        {
          what: 'the license, ended',
          off: license({ until: '2021-01-01' }),
          on: license({ until: null }),
          answer: 'one company less',
        },
        {
          what: 'the seat, ended',
          off: member({ grants: [{ application: 'crm', seat: { ends_at: '2021-01-01' } }] }),
          on: member({ grants: [{ application: 'crm', seat: { ends_at: null } }] }),
          answer: 'one company less',
        },
      ]
      for (const { what, off, on, answer } of rows) {
        test(what, async () => {
          const token = await issue(server, ANNA, 'crm')
          const ask = () => call(server, 'GET get-permissions/', { token })
          const whole = await ask()
          assert.equal(whole.body.permissions.length, 2)
          await server.seed(off)
          const less = await ask()
          if (answer === 'one company less') assert.deepEqual(less.body.permissions.map(idOf), [GLOBEX])
          else assert.deepEqual([less.status, Object.keys(less.body)], [answer, ['message']])
          await server.seed(on)
          if (answer === 'one company less') return assert.deepEqual((await ask()).body, whole.body)
          // Whoever is switched on again signs in again: the old sign-ins stay ended.
          assert.equal((await ask()).status, 401)
          const anew = await issue(server, ANNA, 'crm')
          assert.deepEqual((await call(server, 'GET get-permissions/', { token: anew })).body, whole.body)
        })
      }

      test('a tree that changed', async () => {
        const token = await issue(server, ANNA, 'crm')
        const slugs = async () =>
          (await call(server, `GET get-company-permissions/${ACME}/`, { token })).body.permissions
        const tree = (needs: string) => ({
          applications: [{ id: 'crm', permissions: [{ slug: 'create_invoice', needs }] }],
        })
        await server.seed(tree('approve_invoice'))
        assert.deepEqual(await slugs(), ['approve_invoice', 'create_invoice', 'list_invoices', 'use_app'])
        await server.seed(tree('list_invoices'))
        assert.deepEqual(await slugs(), ['create_invoice', 'list_invoices', 'use_app'])
      })
    })

    test('what starts and ends does so by the clock, to the millisecond', async () => {
      await using timed = await startServer(database, { house: SMALL_HOUSE })
      const now = Date.parse('2030-01-01T12:00:00Z')
      timed.clock.stopAt(now)
      const at = (milliseconds: number) => new Date(now + milliseconds).toISOString()
      const email = 'jana@acme.test'
      const grants = [
        { application: 'crm', seat: { starts_at: at(1_000), ends_at: at(9_000) } },
        { application: 'crm', permissions: ['list_invoices'], starts_at: at(3_000) },
        { application: 'crm', roles: ['clerk'], starts_at: at(2_000), ends_at: at(4_000) },
      ]
      await timed.seed({ users: [user(email, { companies: [{ company: ACME, grants }] })] })
      const token = await issue(timed, email, 'crm')
      const slugs = async () => {
        const { body } = await call(timed, 'GET get-permissions/', { token })
        return body.permissions[0]?.permissions ?? []
      }
      const expected: [number, string[]][] = [
        [0, []],
        [999, []],
        [1_000, ['use_app']],
        [1_999, ['use_app']],
        [2_000, ['create_invoice', 'list_invoices', 'use_app']],
        [3_999, ['create_invoice', 'list_invoices', 'use_app']],
        [4_000, ['list_invoices', 'use_app']],
        [8_999, ['list_invoices', 'use_app']],
        [9_000, []],
        [DAY, []],
      ]
      for (const [milliseconds, permissions] of expected) {
        timed.clock.stopAt(now + milliseconds)
        assert.deepEqual(await slugs(), permissions, `after ${milliseconds} ms`)
      }
    })

    test('health is told without a word about the house', async () => {
      assert.deepEqual((await call(server, 'GET /livez', { module: null })).body, { status: 'live' })
      assert.deepEqual((await call(server, 'GET /readyz', { module: null })).body, { status: 'ready' })
    })

    test("a caller's own request id comes back; what is none gets one", async () => {
      const own = await call(server, 'GET /livez', { headers: { 'x-request-id': 'trace.1-a_B' } })
      assert.equal(own.headers.get('x-request-id'), 'trace.1-a_B')
      const odd = await call(server, 'GET /livez', { headers: { 'x-request-id': 'a b"><script>' } })
      assert.match(odd.headers.get('x-request-id') ?? '', /^[A-Za-z0-9_-]+$/)
    })
  })
}

function idOf(each: { company_id: string }): string {
  return each.company_id
}

function withoutRequestId(text: string): string {
  return text.replace(/"request_id":"[^"]+"/, '"request_id":""')
}

/** The keys at every level, in a list; a list counts as its entries, which must all be alike. */
function keysOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((each) => keysOf(each, `${path}[]`)))].sort()
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value)
    .flatMap(([key, each]) => [`${path}.${key}`, ...keysOf(each, `${path}.${key}`)])
    .sort()
}
