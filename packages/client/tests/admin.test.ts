import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { type TestContext, test } from 'node:test'
import { format, inspect } from 'node:util'
import {
  LicenseAdmin,
  type LicenseAdminOptions,
  LicenseError,
  LicenseServerUnavailable,
  Refused,
  TooManyAttempts,
  UnexpectedAnswer,
} from 'cloudspot-license-api/admin'
import { deadUrl, type Handler, inTurn, type StandIn, send, sendProblem, startServer } from './stand-in.ts'

const KEY = 'clk_canary_key'
const USER = { id: 'u1', email: 'anna@acme.test', first_name: 'Anna', last_name: '', active: true, companies: [] }
const good: Handler = (_seen, response) => send(response, 200, USER, { ETag: '"1"' })
const none: Handler = (_seen, response) => response.writeHead(204, { 'X-Request-Id': 'req-1' }).end()
const reset: Handler = (_seen, response) => response.socket?.destroy()
const silent: Handler = () => {}
const problem =
  (status: number, code: string, more: object = {}): Handler =>
  (_seen, response) =>
    sendProblem(response, status, code, more)

type Options = Partial<Omit<LicenseAdminOptions, 'apiKey' | 'credentials' | 'baseUrl'>>

async function start(
  t: TestContext,
  handler: Handler,
  options: Options = {},
): Promise<StandIn & { admin: LicenseAdmin }> {
  // Backoff is random up to a limit; here it is none at all.
  t.mock.method(Math, 'random', () => 0)
  const server = await startServer(t, handler)
  return { ...server, admin: new LicenseAdmin({ baseUrl: server.url, apiKey: KEY, ...options }) }
}

const reads = (admin: LicenseAdmin) => [
  () => admin.users.get('u1'),
  () => admin.users.list().page(),
  () => admin.statistics.get(),
  () => admin.manifest.plan('crm', { manifest: { permissions: [] } }),
  () => admin.imports.check({ rows: [] }),
  () => admin.rights.preview({ company: 'c', user: 'u', application: 'a' }, { grants: [] }, { ifMatch: '"1"' }),
]
const changes = (admin: LicenseAdmin) => [
  () => admin.users.create({ email: 'anna@acme.test' }),
  () => admin.users.update('u1', { active: false }),
  () => admin.users.remove('u1'),
  () => admin.users.setPassword('u1', 'canary password'),
  () => admin.seats.give({ company: 'c', application: 'a', user: 'u' }),
  () => admin.rights.replace({ company: 'c', user: 'u', application: 'a' }, { grants: [] }, { ifMatch: '"1"' }),
  () => admin.manifest.apply('crm', { manifest: { permissions: [] } }, { ifMatch: '"1"' }),
  () => admin.imports.rows('i1', { from: 0, rows: [] }),
]

test('a call goes to its address with the key, the name of this client and what was given', async (t) => {
  const { admin, seen } = await start(t, good)
  await admin.users.update('a/b', { first_name: 'Ä', pin: undefined }, { timeout: 5_000 })
  const [call] = seen
  assert.equal(`${call?.method} ${call?.path}`, 'PATCH /api/v1/admin/users/a%2Fb')
  assert.equal(call?.headers.authorization, `Bearer ${KEY}`)
  assert.match(String(call?.headers['x-license-client']), /^cloudspot-license-api\/\d/)
  assert.equal(call?.headers['content-type'], 'application/json')
  assert.equal(call?.headers.cookie, undefined)
  assert.equal(call?.body, '{"first_name":"Ä"}')

  await admin.roles.update({ application: 'crm', key: 'k' }, { name: 'x' }, { ifMatch: '"7"' })
  assert.equal(seen[1]?.headers['if-match'], '"7"')
  await admin.users.get('u1')
  assert.equal(seen[2]?.headers['content-type'], undefined)
  assert.equal(seen[2]?.body, '')
})

test('in a browser it goes by the cookie, and a key never travels with one', async () => {
  const inits: RequestInit[] = []
  const options = {
    baseUrl: 'https://license.example',
    fetch: async (_url: string, init: RequestInit) => {
      inits.push(init)
      return Response.json(USER)
    },
  }
  await new LicenseAdmin({ ...options, credentials: 'include' }).users.get('u1')
  await new LicenseAdmin({ ...options, apiKey: KEY }).users.get('u1')
  assert.deepEqual(
    inits.map(({ credentials, headers }) => [credentials, new Headers(headers).get('Authorization')]),
    [
      ['include', null],
      ['omit', `Bearer ${KEY}`],
    ],
  )
  // By a header of its own no other site's form can make such a request.
  assert.ok(new Headers(inits[0]?.headers).has('X-License-Client'))
})

test('an option that can not be right is told at once, and never shown', () => {
  const baseUrl = 'https://license.example'
  const wrong: [object, RegExp][] = [
    [{ baseUrl }, /apiKey/],
    [{ baseUrl, apiKey: KEY, credentials: 'include' }, /not both/],
    [{ baseUrl, apiKey: '' }, /apiKey/],
    [{ baseUrl, apiKey: `${KEY}\r\nX: y` }, /apiKey/],
    [{ baseUrl, credentials: 'omit' }, /credentials/],
    [{ apiKey: KEY }, /baseUrl/],
    [{ baseUrl: 'license.example', apiKey: KEY }, /baseUrl/],
    [{ baseUrl: `https://me:${KEY}@license.example`, apiKey: KEY }, /baseUrl/],
    [{ baseUrl, apiKey: KEY, timeout: 0 }, /timeout/],
    [{ baseUrl, apiKey: KEY, retries: 11 }, /retries/],
    [{ baseUrl, apiKey: KEY, maxAnswerBytes: 0 }, /maxAnswerBytes/],
    [{ baseUrl, apiKey: KEY, fetch: 'fetch' }, /fetch/],
  ]
  for (const [options, message] of wrong) {
    assert.throws(
      () => new LicenseAdmin(options as never),
      (error: Error) => error instanceof TypeError && message.test(error.message) && !error.message.includes(KEY),
    )
  }
})

test('a refusal tells its code, what to do, each wrong field and the request', async (t) => {
  const errors = [{ path: '/body/email', message: 'is missing' }, { path: 7 }, null]
  const { admin } = await start(t, problem(400, 'invalid_input', { detail: '/body/email is missing.', errors }))
  const error = await admin.users.create({} as never).catch((reason) => reason)
  assert.ok(error instanceof Refused && error instanceof LicenseError && !(error instanceof UnexpectedAnswer))
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    name: 'Refused',
    message: '/body/email is missing.',
    code: 'invalid_input',
    status: 400,
    requestId: 'req-1',
    errors: [{ path: '/body/email', message: 'is missing' }],
  })
  assert.match(inspect(error), /^Refused: \/body\/email is missing\.[\s\S]*\/body\/email/)
})

test('each answer that is none of what was asked has its kind of error', async (t) => {
  const page: Handler = (_seen, response) => send(response, 404, '<html>', { 'Content-Type': 'text/html' })
  const other: [Handler, new (...given: never[]) => LicenseError, Partial<LicenseError>][] = [
    [problem(401, 'invalid_api_key'), Refused, { code: 'invalid_api_key' }],
    [problem(403, 'scope_missing'), Refused, { code: 'scope_missing' }],
    [problem(404, 'not_found'), Refused, { code: 'not_found' }],
    [problem(412, 'changed_meanwhile'), Refused, { code: 'changed_meanwhile' }],
    [problem(418, 'of_a_newer_server'), Refused, { code: 'of_a_newer_server' }],
    [problem(429, 'too_many_attempts', { retry_after: 60 }), TooManyAttempts, { retryAfter: 60 }],
    [problem(500, 'internal_error'), LicenseServerUnavailable, { code: 'internal_error' }],
    [problem(503, 'database_unavailable'), LicenseServerUnavailable, { code: 'database_unavailable' }],
    [(_seen, response) => send(response, 502, '<html>'), LicenseServerUnavailable, { code: 'unavailable' }],
    [(_seen, response) => send(response, 408, ''), LicenseServerUnavailable, { code: 'request_timeout' }],
    [page, UnexpectedAnswer, { status: 404 }],
    [(_seen, response) => send(response, 401, { message: 'Who?' }), UnexpectedAnswer, { status: 401 }],
    [(_seen, response) => send(response, 302, '', { Location: '/' }), UnexpectedAnswer, { status: 302 }],
    [(_seen, response) => send(response, 200, '<html>'), UnexpectedAnswer, { status: 200 }],
    [(_seen, response) => send(response, 200, '[]'), UnexpectedAnswer, { status: 200 }],
    [(_seen, response) => send(response, 200, '{}'), UnexpectedAnswer, { status: 200 }],
    [none, UnexpectedAnswer, { status: 204 }],
    [reset, LicenseServerUnavailable, { code: 'unreachable' }],
    [silent, LicenseServerUnavailable, { code: 'timeout' }],
  ]
  for (const [handler, kind, fields] of other) {
    const { admin } = await start(t, handler, { retries: 0, ...(handler === silent && { timeout: 150 }) })
    const error = await admin.users.get('u1').catch((reason) => reason)
    assert.ok(error instanceof kind, `${error} is no ${kind.name}`)
    for (const [name, value] of Object.entries(fields))
      assert.equal(error[name as keyof LicenseError], value, String(error))
    assert.ok(error.message.length > 10 && !error.message.includes('undefined'), error.message)
  }
})

test('a list or a state that comes without what belongs to it is no answer', async (t) => {
  for (const body of [{ items: null }, { items: {} }, { users: [] }, { items: [], next_cursor: 7 }]) {
    const { admin } = await start(t, (_seen, response) => send(response, 200, body))
    await assert.rejects(admin.users.list().page(), UnexpectedAnswer)
    await assert.rejects(admin.users.list().toArray(), UnexpectedAnswer)
  }
  const circle = await start(t, (_seen, response) => send(response, 200, { items: [USER], next_cursor: 'again' }))
  await assert.rejects(circle.admin.users.list().toArray(), { name: 'UnexpectedAnswer', message: /next_cursor/ })
  assert.equal(circle.seen.length, 2)
  const { admin } = await start(t, (_seen, response) => send(response, 200, { key: 'k' }))
  await assert.rejects(admin.roles.get({ application: 'a', key: 'k' }), { name: 'UnexpectedAnswer', message: /ETag/ })
  // A proxy that compresses makes it a weak one, by which the server would know nothing again.
  const weak = await start(t, (_seen, response) => send(response, 200, { key: 'k' }, { ETag: 'W/"7"' }))
  assert.equal((await weak.admin.roles.get({ application: 'a', key: 'k' })).etag, '"7"')
})

test('what only asks is repeated while the server is out of reach', async (t) => {
  const answer: Handler = (_seen, response) => send(response, 200, { items: [], next_cursor: null })
  for (const passing of [
    reset,
    problem(502, 'unavailable'),
    problem(503, 'database_unavailable'),
    problem(408, 'late'),
  ]) {
    const { admin, seen } = await start(t, inTurn(passing, passing, answer))
    await admin.users.list().page()
    assert.equal(seen.length, 3)
  }
  for (const nth of reads(new LicenseAdmin({ baseUrl: 'http://x.test', apiKey: KEY })).keys()) {
    const { admin, seen } = await start(t, reset)
    await assert.rejects(reads(admin)[nth]?.() ?? assert.fail())
    assert.equal(seen.length, 3)
  }
})

test('a change is sent once, and where nobody knows whether it was done the error says so', async (t) => {
  const doubt = /It may have been done all the same: look before you send it again\.$/
  for (const nth of changes(new LicenseAdmin({ baseUrl: 'http://x.test', apiKey: KEY })).keys()) {
    for (const handler of [reset, problem(502, 'unavailable'), problem(503, 'database_unavailable')]) {
      const { admin, seen } = await start(t, inTurn(handler, good))
      await assert.rejects(changes(admin)[nth]?.() ?? assert.fail(), {
        name: 'LicenseServerUnavailable',
        message: doubt,
      })
      assert.equal(seen.length, 1)
    }
  }
  const { admin } = await start(t, silent, { timeout: 100 })
  await assert.rejects(admin.users.remove('u1'), { code: 'timeout', message: doubt })
  // Nobody was there; and what only asks does nothing.
  const nobody = new LicenseAdmin({ baseUrl: await deadUrl(), apiKey: KEY, retries: 0 })
  for (const call of [() => nobody.users.remove('u1'), () => nobody.users.get('u1')]) {
    const error = await call().catch((reason) => reason)
    assert.equal(error.code, 'unreachable')
    assert.match(error.message, /\(ECONNREFUSED\): see that it runs there$/)
  }
})

test('a change is repeated where the server says that it did nothing yet', async (t) => {
  for (const passing of [
    problem(503, 'shutting_down'),
    problem(503, 'busy'),
    problem(429, 'too_many_attempts', { retry_after: 0 }),
  ]) {
    for (const nth of changes(new LicenseAdmin({ baseUrl: 'http://x.test', apiKey: KEY })).keys()) {
      const { admin, seen } = await start(t, inTurn(passing, passing, good))
      await changes(admin)[nth]?.()
      assert.equal(seen.length, 3)
    }
  }
  const { admin, seen } = await start(t, problem(503, 'busy', { detail: 'Try again.' }))
  await assert.rejects(admin.users.remove('u1'), { code: 'busy', message: 'Try again.' })
  assert.equal(seen.length, 3)
})

test('a list that is stopped asks no further; each use asks anew', async (t) => {
  const { admin, seen } = await start(t, (asked, response) => {
    const from = Number(new URL(asked.path, 'http://x.test').searchParams.get('cursor') ?? 0)
    send(response, 200, { items: [{ id: from }, { id: from + 1 }], next_cursor: from === 4 ? null : String(from + 2) })
  })
  const list = admin.companies.list({ q: 'a&b' })
  assert.equal(seen.length, 0)
  for await (const company of list) if (Number(company.id) === 1) break
  assert.deepEqual(
    seen.map(({ path }) => path),
    ['/api/v1/admin/companies?q=a%26b&limit=100'],
  )
  assert.deepEqual(
    (await list.toArray()).map(({ id }) => id),
    [0, 1, 2, 3, 4, 5],
  )
  assert.equal(seen.length, 4)
  assert.deepEqual((await list.page({ limit: 1, cursor: '4' })).next_cursor, null)
  assert.equal(seen[4]?.path, '/api/v1/admin/companies?q=a%26b&limit=1&cursor=4')
})

test("the caller's signal ends a call with its own reason, and nothing stays on it", async (t) => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const { admin } = await start(t, () => controller.abort(reason))
  await assert.rejects(admin.users.get('u1', { signal: controller.signal }), (error) => error === reason)
  await assert.rejects(admin.users.list({}, { signal: controller.signal }).toArray(), (error) => error === reason)
  const fine = await start(t, good)
  const { signal } = new AbortController()
  await fine.admin.users.get('u1', { signal })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('neither the client nor an error shows the key or a password, even where the server repeats them', async (t) => {
  const secrets = [KEY, 'canary password']
  const echo = await start(t, ({ body, headers }, response) => {
    const all = `${body} ${headers.authorization}`
    sendProblem(response, 400, 'invalid_input', { detail: all, errors: [{ path: '/body', message: all }] })
  })
  const failing = new LicenseAdmin({
    baseUrl: 'https://license.example',
    apiKey: KEY,
    retries: 0,
    fetch: async (_url, init) => {
      throw Object.assign(new Error(`sent ${JSON.stringify(init)}`), { request: init })
    },
  })
  const shown: unknown[] = [echo.admin, ...Object.values(echo.admin), echo.admin.users.list()]
  for (const admin of [echo.admin, failing])
    for (const call of [() => admin.users.setPassword('u1', 'canary password'), () => admin.whoami()])
      shown.push(await call().catch((error) => error))
  for (const value of shown) {
    const texts = [
      inspect(value, { depth: 20, showHidden: true }),
      inspect(new Proxy(value as object, {}), { showProxy: true, depth: 20 }),
      format('%o %j', value, value),
      JSON.stringify(value),
      JSON.stringify({ ...(value as object) }),
      String(value),
      String((value as Error).stack),
    ]
    for (const text of texts) for (const secret of secrets) assert.ok(!text.includes(secret), text)
  }
  assert.match(inspect(echo.admin), /^LicenseAdmin \{ baseUrl: 'http/)
})
