import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { CloudspotLicenseAPI, LicenseClient, LicenseError, User } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, ONE_TIME, PASSWORD, startHouse } from './house.ts'
import { send, startServer } from './stand-in.ts'

const SECRET = 'cls_canary_secret'

/** Every way by which a value may get into a log. */
function shownWays(value: unknown): string[] {
  return [
    inspect(value),
    inspect(value, { depth: 20, showHidden: true, getters: false }),
    inspect({ nested: [value] }, { depth: 20 }),
    inspect(new Proxy(value as object, {}), { showProxy: true, depth: 20 }),
    format('%o %j', value, value),
    JSON.stringify(value) ?? '',
    JSON.stringify(Object.entries(value as object)),
    JSON.stringify({ ...(value as object) }),
    String(value),
  ]
}

function assertHidden(value: unknown, secrets: readonly string[]): void {
  for (const text of shownWays(value)) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} shows in: ${text}`)
  }
}

test('neither client nor session nor user shows token, secret, password or PIN', async (t) => {
  const house = await startHouse(t, 'rich')
  house.secret = SECRET
  house.pin = '271828'
  const options = { baseUrl: house.url, secret: SECRET }
  const license = new LicenseClient(APPLICATION, options)
  const session = await license.authenticate(EMAIL, PASSWORD)
  const api = new CloudspotLicenseAPI(APPLICATION, { ...options, token: session.token })
  await api.getPermissions()
  await api.getUser()
  const impersonated = await license.validateImpersonation(ONE_TIME)
  assert.equal(session.user?.pin, '271828')
  const secrets = [session.token, impersonated.token, SECRET, PASSWORD, ONE_TIME, '271828']
  for (const value of [
    license,
    session,
    session.user,
    session.permissions,
    api,
    impersonated,
    new User({ pin: '271828' }),
  ]) {
    assertHidden(value, secrets)
  }
})

test('what is shown is still worth reading', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  const session = await license.authenticate(EMAIL, PASSWORD)
  assert.match(inspect(license), /^LicenseClient \{ applicationId: 'crm'/)
  assert.match(inspect(session), /^Session \{[\s\S]*ACME/)
  assert.match(inspect(session.permissions), /^Permissions \[[\s\S]*use_app/)
  assert.equal(JSON.parse(JSON.stringify(session)).user.email, EMAIL)
  const error = await license.authenticate(EMAIL, 'wrong').catch((reason) => reason)
  assert.match(inspect(error), /^BadCredentials: [\s\S]*code: 'bad_credentials'[\s\S]*status: 401/)
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    name: 'BadCredentials',
    message: 'Refused: bad_credentials.',
    code: 'bad_credentials',
    status: 401,
    requestId: 'req-1',
  })
})

test('an error shows nothing that was sent, even where the server repeats it', async (t) => {
  const sent = ['clt_canary_token', SECRET, PASSWORD, ONE_TIME]
  const echo = await startServer(t, ({ body, headers }, response) => {
    const all = `${body} ${headers['x-license-token']} ${headers['x-license-secret']}`
    send(response, 401, { message: all, code: 'refused_here', request_id: 'req-1' })
  })
  const license = new LicenseClient(APPLICATION, { baseUrl: echo.url, secret: SECRET })
  const errors = await Promise.all([
    license.authenticate(EMAIL, PASSWORD).catch((error) => error),
    license.validateImpersonation(ONE_TIME).catch((error) => error),
    license
      .session('clt_canary_token')
      .getUser()
      .catch((error) => error),
  ])
  for (const error of errors) {
    assert.ok(error instanceof LicenseError)
    assertHidden(error, sent)
    for (const secret of sent) assert.ok(!String(error.stack).includes(secret))
  }
  // A sentence without them is kept.
  const plain = await startServer(t, (_seen, response) => send(response, 401, { message: 'Try again.' }))
  const other = new LicenseClient(APPLICATION, { baseUrl: plain.url, secret: SECRET })
  await assert.rejects(other.authenticate(EMAIL, PASSWORD), { message: 'Try again.' })
})

test('an answer that can not be read is not quoted', async (t) => {
  for (const body of [
    '<html>clt_canary_token</html>',
    '{"token": "clt_canary_token"',
    '{"token": ["clt_canary_token"]}',
  ]) {
    const server = await startServer(t, (_seen, response) => send(response, 200, body))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
    const error = await license.authenticate(EMAIL, PASSWORD).catch((reason) => reason)
    assert.equal(error.name, 'UnexpectedAnswer')
    assertHidden(error, ['clt_canary_token'])
    assert.equal(error.cause, undefined)
  }
})

test("an injected fetch's error is shown by its message only, and not at all where that holds what was sent", async () => {
  const secrets = ['clt_canary_token', SECRET]
  const failing = (message: string) =>
    new LicenseClient(APPLICATION, {
      testMode: true,
      secret: SECRET,
      retries: 0,
      fetch: async (_url, init) => {
        throw Object.assign(new Error(message), { request: init })
      },
    })
  const open = await failing('tunnel closed')
    .session('clt_canary_token')
    .getUser()
    .catch((error) => error)
  assert.equal(open.name, 'LicenseServerUnavailable')
  assertHidden(open, secrets)
  assert.match(inspect(open), /tunnel closed/)
  assert.equal(open.cause.message, 'tunnel closed')

  const telling = await failing('sent clt_canary_token')
    .session('clt_canary_token')
    .getUser()
    .catch((error) => error)
  assertHidden(telling, secrets)
  assert.equal(telling.cause, undefined)
})
