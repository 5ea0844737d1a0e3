import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { LicenseClient, type LicenseClientOptions, LicenseServerUnavailable } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, ONE_TIME, PASSWORD, startHouse } from './house.ts'
import { deadUrl, type Handler, inTurn, type StandIn, send, startServer } from './stand-in.ts'

const GOOD = { permissions: [{ company_id: 'a', company_name: 'A', permissions: ['use_app'] }] }
const good: Handler = (_seen, response) => send(response, 200, GOOD)
const reset: Handler = (_seen, response) => response.socket?.destroy()
const half: Handler = (_seen, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' })
  response.write('{"permissions": ', () => response.socket?.destroy())
}
const silent: Handler = () => {}
const unavailable =
  (status: number, headers: Record<string, string> = {}): Handler =>
  (_seen, response) =>
    send(response, status, { message: 'Not now.' }, headers)

async function start(
  t: TestContext,
  handler: Handler,
  options: LicenseClientOptions = {},
): Promise<StandIn & { license: LicenseClient }> {
  // Backoff is random up to a limit; here it is none at all, and what counts is how often was asked.
  t.mock.method(Math, 'random', () => 0)
  const server = await startServer(t, handler)
  return { ...server, license: new LicenseClient(APPLICATION, { baseUrl: server.url, ...options }) }
}

test('a call that only reads is repeated when the server is out of reach', async (t) => {
  for (const passing of [reset, half, unavailable(502), unavailable(503), unavailable(504), unavailable(408)]) {
    const { license, seen } = await start(t, inTurn(passing, passing, good))
    const permissions = await license.session('clt_1').getPermissions()
    assert.equal(permissions.has('use_app', 'a'), true)
    assert.equal(seen.length, 3)
  }
})

test('it is repeated twice unless told, then the call ends', async (t) => {
  for (const [options, requests] of [
    [{}, 3],
    [{ retries: 0 }, 1],
    [{ retries: 1 }, 2],
    [{ retries: undefined }, 3],
  ] as const) {
    for (const handler of [reset, unavailable(503)]) {
      const { license, seen } = await start(t, handler, options)
      await assert.rejects(license.session('clt_1').getUser(), LicenseServerUnavailable)
      assert.equal(seen.length, requests)
    }
  }
})

test('a password and a one-time token are sent once, whatever happens', async (t) => {
  for (const handler of [
    reset,
    half,
    unavailable(503),
    unavailable(503, { 'Retry-After': '0' }),
    unavailable(429, { 'Retry-After': '0' }),
  ]) {
    const { license, seen } = await start(t, inTurn(handler, good))
    await assert.rejects(license.authenticate(EMAIL, PASSWORD))
    assert.equal(seen.length, 1)
    const other = await start(t, inTurn(handler, good))
    await assert.rejects(other.license.validateImpersonation(ONE_TIME))
    assert.equal(other.seen.length, 1)
  }
})

test('what the same request would meet again is not repeated', async (t) => {
  for (const status of [400, 401, 403, 409, 429, 500]) {
    const { license, seen } = await start(t, unavailable(status))
    await assert.rejects(license.session('clt_1').getUser())
    assert.equal(seen.length, 1, String(status))
  }
  const { license, seen } = await start(t, (_seen, response) => send(response, 200, '<html>'))
  await assert.rejects(license.session('clt_1').getUser(), { name: 'UnexpectedAnswer' })
  assert.equal(seen.length, 1)
})

test('Retry-After is waited for where that fits in the timeout, and told where it does not', async (t) => {
  for (const status of [503, 429]) {
    const soon = await start(t, inTurn(unavailable(status, { 'Retry-After': '0' }), good))
    assert.equal((await soon.license.session('clt_1').getPermissions()).isEmpty, false)
    assert.equal(soon.seen.length, 2)

    const late = await start(t, inTurn(unavailable(status, { 'Retry-After': '60' }), good), { timeout: 5_000 })
    await assert.rejects(late.license.session('clt_1').getPermissions(), { status, retryAfter: 60 })
    assert.equal(late.seen.length, 1)
  }
})

test('a sign-out is repeated; that the token is dead by then is what was wanted', async (t) => {
  const dead = unavailable(401)
  for (const lost of [reset, half, unavailable(503)]) {
    const { license, seen } = await start(t, inTurn(lost, dead))
    await license.session('clt_1').signOut()
    assert.equal(seen.length, 2)
  }
  const { license, seen } = await start(t, reset)
  await assert.rejects(license.session('clt_1').signOut(), { code: 'unreachable' })
  assert.equal(seen.length, 3)
})

test('a server that nobody runs is unavailable, never a wrong password', async () => {
  const license = new LicenseClient(APPLICATION, { baseUrl: await deadUrl(), retries: 0 })
  const expected = { name: 'LicenseServerUnavailable', code: 'unreachable', status: undefined, message: /ECONNREFUSED/ }
  await assert.rejects(license.authenticate(EMAIL, PASSWORD), expected)
  await assert.rejects(license.session('clt_1').getUser(), expected)
  // A name with several addresses fails with several errors.
  const name = new LicenseClient(APPLICATION, {
    baseUrl: (await deadUrl()).replace('127.0.0.1', 'localhost'),
    retries: 0,
  })
  await assert.rejects(name.authenticate(EMAIL, PASSWORD), expected)
})

test('a slow server is unavailable: before the head, and within the body', async (t) => {
  const slowBody: Handler = (_seen, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.write('{"token": ')
  }
  const slowRefusal: Handler = (_seen, response) => {
    response.writeHead(401, { 'Content-Type': 'application/json' })
    response.write('{"message": ')
  }
  const expected = { name: 'LicenseServerUnavailable', code: 'timeout' }
  for (const handler of [silent, slowBody, slowRefusal]) {
    const { license } = await start(t, handler, { timeout: 60_000 })
    await assert.rejects(license.authenticate(EMAIL, PASSWORD, { timeout: 50 }), expected)
    await assert.rejects(license.session('clt_1').getPermissions({ timeout: 50 }), expected)
    const impatient = new LicenseClient(APPLICATION, { baseUrl: license.baseUrl, timeout: 50 })
    await assert.rejects(impatient.authenticate(EMAIL, PASSWORD), expected)
  }
})

test('the timeout holds for a fetch that ignores the signal, and for one call of several requests', async (t) => {
  let asked = 0
  const deaf = new LicenseClient(APPLICATION, {
    testMode: true,
    timeout: 50,
    fetch: () => {
      asked++
      return new Promise(() => {})
    },
  })
  await assert.rejects(deaf.authenticate(EMAIL, PASSWORD), { code: 'timeout' })
  await assert.rejects(deaf.session('clt_1').getPermissions(), { code: 'timeout' })
  assert.equal(asked, 2)

  const { license } = await start(
    t,
    inTurn((_seen, response) => send(response, 200, { user: EMAIL, company: 'a', auth_token: 'clt_1' }), silent),
  )
  await assert.rejects(license.validateImpersonation(ONE_TIME, { timeout: 200 }), { code: 'timeout' })
})

test('a call has 10 seconds unless told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const license = new LicenseClient(APPLICATION, { testMode: true, fetch: () => new Promise(() => {}) })
  let ended = false
  const call = assert
    .rejects(license.authenticate(EMAIL, PASSWORD), { code: 'timeout', message: /10000 ms/ })
    .then(() => {
      ended = true
    })
  t.mock.timers.tick(9_999)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(ended, false)
  t.mock.timers.tick(1)
  await call
})

test("the caller's signal ends a call with its own reason", async (t) => {
  const reason = new Error('The browser went away.')
  const calls: ((license: LicenseClient, signal: AbortSignal) => Promise<unknown>)[] = [
    (license, signal) => license.authenticate(EMAIL, PASSWORD, { signal }),
    (license, signal) => license.validateImpersonation(ONE_TIME, { signal }),
    (license, signal) => license.session('clt_1').getUser({ signal }),
    (license, signal) => license.session('clt_1').getPermissions({ signal }),
    (license, signal) => license.session('clt_1').getCompanyPermissions('a', { signal }),
    (license, signal) => license.session('clt_1').signOut({ signal }),
  ]
  for (const call of calls) {
    const controller = new AbortController()
    const { license, seen } = await start(t, () => controller.abort(reason))
    await assert.rejects(call(license, controller.signal), (error) => error === reason)
    assert.equal(seen.length, 1)

    const before = await start(t, good)
    await assert.rejects(call(before.license, AbortSignal.abort(reason)), (error) => error === reason)
    assert.equal(before.seen.length, 0)
  }
})

test('a wait between two tries ends with the signal too', async (t) => {
  const controller = new AbortController()
  const { license, seen } = await start(t, unavailable(503, { 'Retry-After': '30' }), { timeout: 60_000 })
  const call = license.session('clt_1').getUser({ signal: controller.signal })
  while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
  // The answer is on its way; by now, or soon, the call is waiting.
  setTimeout(() => controller.abort(), 50)
  await assert.rejects(call, { name: 'AbortError' })
  assert.equal(seen.length, 1)
})

test('a call leaves nothing behind on a signal that lives long', async (t) => {
  const { signal } = new AbortController()
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  const session = await license.authenticate(EMAIL, PASSWORD, { signal })
  await session.getPermissions({ signal })
  await assert.rejects(session.getCompanyPermissions('none', { signal }))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('a redirect is not followed: neither password nor token travels to another host', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const other = await startServer(t, good)
    const { license, seen } = await start(t, (_seen, response) =>
      send(response, status, '', { Location: `${other.url}/api/v1/auth/authenticate/` }),
    )
    await assert.rejects(license.authenticate(EMAIL, PASSWORD), { name: 'UnexpectedAnswer', status })
    await assert.rejects(license.session('clt_1').getUser(), { name: 'UnexpectedAnswer', status })
    assert.equal(seen.length, 2)
    assert.equal(other.seen.length, 0)
  }
})

test('what a fetch brings that followed a redirect all the same is not believed', async (t) => {
  const other = await startServer(t, good)
  const { license } = await start(t, (_seen, response) => send(response, 302, '', { Location: other.url }), {
    fetch: (url, init) => fetch(url, { ...init, redirect: 'follow' }),
  })
  await assert.rejects(license.session('clt_1').getPermissions(), { name: 'UnexpectedAnswer' })
})

test('an endless answer is cut off and its connection closed; one within the limit is read', async (t) => {
  let closed: Promise<unknown> | undefined
  const endless: Handler = (_seen, response) => {
    closed = once(response, 'close')
    response.writeHead(200, { 'Content-Type': 'application/json' })
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(16_384)));
    }
    response.on('drain', more)
    more()
  }
  const { license, seen } = await start(t, endless, { maxAnswerBytes: 100_000 })
  await assert.rejects(license.session('clt_1').getPermissions(), { name: 'UnexpectedAnswer', message: /100000 bytes/ })
  await closed
  assert.equal(seen.length, 1)
  const small = await start(t, good, { maxAnswerBytes: JSON.stringify(GOOD).length })
  assert.equal((await small.license.session('clt_1').getPermissions()).isEmpty, false)
  const tooSmall = await start(t, good, { maxAnswerBytes: JSON.stringify(GOOD).length - 1 })
  await assert.rejects(tooSmall.license.session('clt_1').getPermissions(), { name: 'UnexpectedAnswer' })
})

test('the limit counts what is unpacked, and 5,000,000 bytes are it unless told', async (t) => {
  const packed = (bytes: number): Handler => {
    const body = gzipSync(JSON.stringify(GOOD).padEnd(bytes))
    return (_seen, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
      response.end(body)
    }
  }
  const longest = await start(t, packed(5_000_000))
  assert.equal((await longest.license.session('clt_1').getPermissions()).isEmpty, false)
  const tooLong = await start(t, packed(5_000_001))
  const refused = { name: 'UnexpectedAnswer', message: /5000000 bytes/ }
  await assert.rejects(tooLong.license.session('clt_1').getPermissions(), refused)
})

test('text that is no UTF-8 is no answer', async (t) => {
  const { license } = await start(t, (_seen, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))
  })
  await assert.rejects(license.session('clt_1').getUser(), { name: 'UnexpectedAnswer' })
})

test('a fetch of your own is called plainly, with the headers of the protocol and without a cache', async () => {
  const calls: { url: string; init: RequestInit; self: unknown }[] = []
  const license = new LicenseClient(APPLICATION, {
    baseUrl: 'https://license.example/',
    secret: 'cls_1',
    async fetch(this: unknown, url, init) {
      calls.push({ url, init, self: this })
      return Response.json(GOOD)
    },
  })
  await license.session('clt_1').getPermissions()
  const [call] = calls
  assert.equal(call?.url, 'https://license.example/api/v1/auth/get-permissions/')
  assert.equal(call?.self, undefined)
  assert.equal(call?.init.redirect, 'manual')
  assert.equal(call?.init.cache, 'no-store')
  assert.equal(call?.init.body, undefined)
  const headers = new Headers(call?.init.headers)
  assert.equal(headers.get('Content-Type'), 'application/json')
  assert.equal(headers.get('X-LICENSE-MODULE'), APPLICATION)
  assert.equal(headers.get('X-LICENSE-TOKEN'), 'clt_1')
  assert.equal(headers.get('X-LICENSE-SECRET'), 'cls_1')
  assert.match(headers.get('X-LICENSE-CLIENT') ?? '', /^cloudspot-license-api\/\d+\.\d+\.\d+$/)
})

test('a platform whose requests know no cache is not told of one', async (t) => {
  const { Request } = globalThis
  t.after(() => {
    globalThis.Request = Request
  })
  globalThis.Request = class {} as never // as in older workers
  let seen: RequestInit | undefined
  const license = new LicenseClient(APPLICATION, {
    testMode: true,
    async fetch(_url, init) {
      seen = init
      return Response.json(GOOD)
    },
  })
  await license.session('clt_1').getPermissions()
  assert.ok(seen && !('cache' in seen))
})

test('a fetch that throws at once, or answers without a stream, is handled like any other', async () => {
  const options = { testMode: true, retries: 0 }
  const throwing = new LicenseClient(APPLICATION, {
    ...options,
    fetch: () => {
      throw new Error('no network here')
    },
  })
  await assert.rejects(throwing.session('clt_1').getUser(), { code: 'unreachable' })
  const streamless = new LicenseClient(APPLICATION, {
    ...options,
    fetch: async () => Object.defineProperty(Response.json(GOOD), 'body', { value: null }),
  })
  assert.equal((await streamless.session('clt_1').getPermissions()).isEmpty, false)
})
