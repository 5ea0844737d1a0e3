import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { BadCredentials, LicenseClient, NoAccess, UnknownApplication } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, FORMS, firstCompanyId, PASSWORD, startHouse, toldCompanies } from './house.ts'
import { send, sendProblem, startServer } from './stand-in.ts'

for (const form of FORMS) {
  test(`${form}: the right password gives a token and the permissions of each company`, async (t) => {
    const house = await startHouse(t, form)
    const session = await new LicenseClient(APPLICATION, { baseUrl: house.url }).authenticate(EMAIL, PASSWORD)
    assert.ok(house.tokens.has(session.token))
    assert.deepEqual(
      session.permissions.companies.map((company) => company.name),
      toldCompanies(form),
    )
    const acme = firstCompanyId(form)
    assert.equal(session.permissions.has('create_invoice', acme), true)
    assert.equal(session.permissions.has('delete_invoice', acme), false)
    assert.equal(session.permissions.has('create_invoice', 'globex-id'), false)
    assert.deepEqual([...session.permissions.items()][0], {
      permission: 'use_app',
      companyId: acme,
      companyName: 'ACME',
    })
  })

  test(`${form}: a wrong password is BadCredentials, and gives nothing`, async (t) => {
    const house = await startHouse(t, form)
    const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
    const refused = { name: 'BadCredentials', code: 'bad_credentials', status: 401, requestId: 'req-1' }
    await assert.rejects(license.authenticate(EMAIL, 'correct-horse-1'), refused)
    await assert.rejects(license.authenticate('nobody@acme.test', PASSWORD), BadCredentials)
    assert.equal(house.tokens.size, 0)
  })

  test(`${form}: the right password without a company left is NoAccess`, async (t) => {
    const house = await startHouse(t, form)
    house.companies = []
    const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
    await assert.rejects(license.authenticate(EMAIL, PASSWORD), { name: 'NoAccess', code: 'no_access' })
    await assert.rejects(license.authenticate(EMAIL, 'wrong'), BadCredentials)
  })
}

test('a sign-in sends name and password once, as the protocol has it', async (t) => {
  const house = await startHouse(t, 'rich')
  await new LicenseClient(APPLICATION, { baseUrl: house.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(house.seen.length, 1)
  const [seen] = house.seen
  assert.equal(seen?.method, 'POST')
  assert.equal(seen?.path, '/api/v1/auth/authenticate/')
  assert.deepEqual(JSON.parse(seen?.body ?? ''), { username: EMAIL, password: PASSWORD })
  assert.equal(seen?.headers['x-license-module'], APPLICATION)
  assert.equal(seen?.headers['x-license-token'], undefined)
  assert.equal(seen?.headers['x-license-secret'], undefined)
})

test('an application with a secret is let in with it, and refused without', async (t) => {
  const house = await startHouse(t, 'rich')
  house.secret = 'cls_s3cret'
  const session = await new LicenseClient(APPLICATION, { baseUrl: house.url, secret: 'cls_s3cret' }).authenticate(
    EMAIL,
    PASSWORD,
  )
  assert.equal(session.permissions.has('use_app', 'acme-id'), true)
  for (const secret of [undefined, 'cls_other']) {
    const license = new LicenseClient(APPLICATION, { baseUrl: house.url, secret })
    const refused = { name: 'UnknownApplication', code: 'application_secret_required' }
    await assert.rejects(license.authenticate(EMAIL, PASSWORD), refused)
  }
})

test("the end user's address goes along where it is told, and what can be none is refused before anything is sent", async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  for (const userAddress of ['192.0.2.7', '2001:db8::1', '::ffff:192.0.2.7', '::1'])
    await license.authenticate(EMAIL, PASSWORD, { userAddress })
  await license.authenticate(EMAIL, PASSWORD, { userAddress: undefined })
  assert.deepEqual(
    house.seen.map(({ headers }) => headers['x-license-user-address']),
    ['192.0.2.7', '2001:db8::1', '::ffff:192.0.2.7', '::1', undefined],
  )
  for (const userAddress of ['', '192.0.2.7:80', 'fe80::1%eth0', '192.0.2.7, 10.0.0.1', '192.0.2.7\r\nX-A: b', 7])
    await assert.rejects(
      // @ts-expect-error: a program may hand on what is no text.
      license.authenticate(EMAIL, PASSWORD, { userAddress }),
      { name: 'TypeError', message: /userAddress must be one IP address/ },
    )
  assert.equal(house.seen.length, 5)
})

test('an unknown application is not taken for a wrong password where the server tells', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient('other', { baseUrl: house.url })
  await assert.rejects(license.authenticate(EMAIL, PASSWORD), UnknownApplication)
})

test('our server tells the user and the end of the token with the sign-in; a plain one does not', async (t) => {
  const rich = await startHouse(t, 'rich')
  const session = await new LicenseClient(APPLICATION, { baseUrl: rich.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(session.user?.id, 'anna-id')
  assert.deepEqual(session.user?.company, { id: 'acme-id', name: 'ACME' })
  assert.equal(session.impersonation, null)

  const plain = await startHouse(t, 'plain')
  const bare = await new LicenseClient(APPLICATION, { baseUrl: plain.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(bare.user, null)
  assert.equal(bare.expiresAt, null)
})

test("the end of the token follows this machine's clock, however wrong the server's is", async (t) => {
  const house = await startHouse(t, 'rich') // its expires_at is in 2001, its expires_in an hour
  mock.timers.enable({ apis: ['Date'], now: Date.parse('2031-05-05T10:00:00Z') })
  t.after(() => mock.timers.reset())
  const session = await new LicenseClient(APPLICATION, { baseUrl: house.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(session.expiresAt?.toISOString(), '2031-05-05T11:00:00.000Z')
})

test('a server that tells only the moment of the end is believed', async (t) => {
  const permissions = [{ company_id: 'a', company_name: 'A', permissions: ['use_app'] }]
  const server = await startServer(t, (_seen, response) =>
    send(response, 200, { token: 'clt_1', permissions, expires_at: '2031-05-05T11:00:00.000Z' }),
  )
  const session = await new LicenseClient(APPLICATION, { baseUrl: server.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(session.expiresAt?.toISOString(), '2031-05-05T11:00:00.000Z')
})

test('a sign-in without any permission is NoAccess, also where the server said 200', async (t) => {
  const bodies = [
    { token: 'clt_1', permissions: [] },
    { token: 'clt_1', permissions: [{ company_id: 'a', company_name: 'A', permissions: [] }] },
    { token: 'clt_1', company_id: 'a', company_name: 'A', permissions: [] },
    { token: 'clt_1', company: null, permissions: [{ permission: 'use_app' }] },
  ]
  for (const body of bodies) {
    const server = await startServer(t, (_seen, response) => send(response, 200, body))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
    await assert.rejects(license.authenticate(EMAIL, PASSWORD), NoAccess, JSON.stringify(body))
  }
})

test('what is no string is no name or password, and is not sent', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  for (const odd of [undefined, null, 7, ['x'], { $ne: '' }]) {
    await assert.rejects(license.authenticate(EMAIL, odd as never), BadCredentials) // as JavaScript could call it
    await assert.rejects(license.authenticate(odd as never, PASSWORD), BadCredentials)
  }
  assert.equal(house.seen.length, 0)
})

test('what the server can not take of what was typed is BadCredentials; what it can not read at all is not', async (t) => {
  const cases = [
    [400, 'invalid_input', 'BadCredentials'],
    [413, 'body_too_large', 'BadCredentials'],
    [400, 'malformed_request', 'LicenseError'],
    [403, 'account_disabled', 'NoAccess'],
    [403, 'password_must_change', 'NoAccess'],
  ] as const
  for (const [status, code, name] of cases) {
    const server = await startServer(t, (_seen, response) => sendProblem(response, status, code))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
    await assert.rejects(license.authenticate(EMAIL, '\0'), { name, code, status })
  }
})

test('one client signs many users in at once, and keeps none of them', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) => license.authenticate(EMAIL, index % 2 ? PASSWORD : 'wrong')),
  )
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    Array.from({ length: 10 }, (_, index) => (index % 2 ? 'fulfilled' : 'rejected')),
  )
  await assert.rejects(license.session('clt_nobody').getPermissions(), { name: 'NoValidToken' })
})
