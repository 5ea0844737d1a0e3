import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LicenseClient } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, IMPERSONATED, ONE_TIME, startHouse } from './house.ts'
import { send, startServer } from './stand-in.ts'

for (const form of ['plain', 'rich'] as const) {
  test(`${form}: a one-time token begins a session as the user, in one company`, async (t) => {
    const house = await startHouse(t, form)
    const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
    const session = await license.validateImpersonation(ONE_TIME)
    assert.equal(session.token, IMPERSONATED)
    assert.equal(session.impersonation?.username, EMAIL)
    assert.equal(session.impersonation?.companyId, 'acme-id')
    assert.equal(session.permissions.has('create_invoice', 'acme-id'), true)
    assert.equal(session.permissions.has('use_app', 'globex-id'), false)
    // Also where the server tells of all companies.
    await session.getPermissions()
    assert.deepEqual(
      session.permissions.companies.map((company) => company.id),
      ['acme-id'],
    )
    const before = house.seen.length
    await assert.rejects(session.getCompanyPermissions('globex-id'), { name: 'CompanyNotAccessible' })
    assert.equal(house.seen.length, before)
  })

  test(`${form}: a one-time token works once`, async (t) => {
    const house = await startHouse(t, form)
    const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
    await license.validateImpersonation(ONE_TIME)
    const refused = { name: 'NoValidToken', code: 'invalid_impersonation', status: 401 }
    await assert.rejects(license.validateImpersonation(ONE_TIME), refused)
    await assert.rejects(license.validateImpersonation('00000000-0000-4000-8000-000000000000'), refused)
  })
}

test('our server tells who is behind it, why, and when it ends; a plain one does not', async (t) => {
  const rich = await startHouse(t, 'rich')
  const session = await new LicenseClient(APPLICATION, { baseUrl: rich.url }).validateImpersonation(ONE_TIME)
  assert.deepEqual(session.impersonation?.impersonatedBy, { name: 'sam@support.test', email: 'sam@support.test' })
  assert.equal(session.impersonation?.reason, 'Ticket 7')
  assert.ok(session.impersonation?.endsAt instanceof Date)
  assert.equal(session.user?.firstName, 'Anna')

  const plain = await startHouse(t, 'plain')
  const bare = await new LicenseClient(APPLICATION, { baseUrl: plain.url }).validateImpersonation(ONE_TIME)
  assert.deepEqual(bare.impersonation, {
    username: EMAIL,
    companyId: 'acme-id',
    impersonatedBy: null,
    reason: null,
    endsAt: null,
  })
})

test('behind it may be a key that is nobody’s, and a server may tell an address alone', async (t) => {
  const told: [object, object][] = [
    [
      { name: 'the help desk', email: null },
      { name: 'the help desk', email: null },
    ],
    [{ email: 'sam@support.test' }, { name: 'sam@support.test', email: 'sam@support.test' }],
  ]
  for (const [sent, read] of told) {
    const server = await startServer(t, ({ path }, response) =>
      send(
        response,
        200,
        path.endsWith('/impersonation-validation/')
          ? { user: EMAIL, company: 'acme-id', auth_token: IMPERSONATED, impersonated_by: sent }
          : { permissions: ['use_app'] },
      ),
    )
    const session = await new LicenseClient(APPLICATION, { baseUrl: server.url }).validateImpersonation(ONE_TIME)
    assert.deepEqual(session.impersonation?.impersonatedBy, read)
  }
})

test('a plain server refuses a one-time token with any 4xx of its', async (t) => {
  for (const status of [400, 401, 403, 404]) {
    const server = await startServer(t, (_seen, response) => send(response, status, { message: 'No.' }))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
    await assert.rejects(license.validateImpersonation(ONE_TIME), { name: 'NoValidToken', status })
  }
})

test('an impersonation into a company without permissions is NoAccess', async (t) => {
  const server = await startServer(t, ({ path }, response) =>
    send(
      response,
      200,
      path.endsWith('/impersonation-validation/')
        ? { user: EMAIL, company: 'acme-id', auth_token: IMPERSONATED }
        : { permissions: [] },
    ),
  )
  const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
  await assert.rejects(license.validateImpersonation(ONE_TIME), { name: 'NoAccess' })
})

test('what can not be a one-time token is not sent', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  for (const odd of ['', 'a b', 'a\r\nb', undefined, null, 7, {}]) {
    await assert.rejects(license.validateImpersonation(odd as never), { name: 'NoValidToken' }) // as JavaScript could call it
  }
  assert.equal(house.seen.length, 0)
})
