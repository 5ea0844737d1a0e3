import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { CompanyNotAccessible, LicenseClient, NoAccess, NoValidToken, type Session } from 'cloudspot-license-api'
import {
  APPLICATION,
  EMAIL,
  FORMS,
  type Form,
  firstCompanyId,
  type House,
  PASSWORD,
  startHouse,
  toldCompanies,
} from './house.ts'
import { send, sendProblem, startServer } from './stand-in.ts'

async function signIn(t: TestContext, form: Form): Promise<{ house: House; license: LicenseClient; session: Session }> {
  const house = await startHouse(t, form)
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  return { house, license, session: await license.authenticate(EMAIL, PASSWORD) }
}

for (const form of FORMS) {
  const acme = firstCompanyId(form)

  test(`${form}: a token alone is enough to ask again; before that, nothing is allowed`, async (t) => {
    const { license, session } = await signIn(t, form)
    const again = license.session(session.token)
    assert.equal(again.permissions.has('use_app', acme), false)
    assert.equal(again.permissions.isEmpty, true)
    const permissions = await again.getPermissions()
    assert.equal(permissions, again.permissions)
    assert.deepEqual(
      permissions.companies.map((company) => company.name),
      toldCompanies(form),
    )
    assert.equal(permissions.has('create_invoice', acme), true)
    assert.equal(permissions.has('create_invoice', 'globex-id'), false)
  })

  test(`${form}: what was revoked is gone with the next answer`, async (t) => {
    const { house, session } = await signIn(t, form)
    assert.equal(session.permissions.has('create_invoice', acme), true)
    for (const company of house.companies) company.permissions = ['use_app']
    await session.getPermissions()
    assert.equal(session.permissions.has('create_invoice', acme), false)
    assert.equal(session.permissions.has('use_app', acme), true)
  })

  test(`${form}: one company is asked for by its id; another one is not accessible`, async (t) => {
    const { house, session } = await signIn(t, form)
    const [first] = house.companies
    if (first) first.permissions = ['use_app', 'list_invoices']
    assert.deepEqual(await session.getCompanyPermissions(acme), ['use_app', 'list_invoices'])
    assert.equal(session.permissions.has('create_invoice', acme), false)
    assert.equal(session.permissions.has('list_invoices', acme), true)
    const refused = { name: 'CompanyNotAccessible', code: 'company_not_accessible' }
    await assert.rejects(session.getCompanyPermissions('no-such-company'), refused)
  })

  test(`${form}: the profile has names, email and company`, async (t) => {
    const { session } = await signIn(t, form)
    const user = await session.getUser()
    assert.equal(user, session.user)
    assert.deepEqual([user.firstName, user.lastName, user.email], ['Anna', 'Ames', EMAIL])
    assert.deepEqual(user.company, { id: acme, name: 'ACME' })
    assert.deepEqual(
      user.companies.map((company) => company.name),
      toldCompanies(form),
    )
    assert.equal(user.id, form === 'rich' ? 'anna-id' : undefined)
    assert.equal(user.pin, undefined)
  })

  test(`${form}: a dead token is NoValidToken, and leaves no permission behind`, async (t) => {
    const calls: ((session: Session) => Promise<unknown>)[] = [
      (session) => session.getPermissions(),
      (session) => session.getPermissions({ allowEmpty: true }),
      (session) => session.getUser(),
      (session) => session.getCompanyPermissions(acme),
    ]
    for (const call of calls) {
      const { house, session } = await signIn(t, form)
      await call(session)
      assert.equal(session.permissions.has('use_app', acme), true)
      house.tokens.clear()
      await assert.rejects(call(session), { name: 'NoValidToken', code: 'invalid_token', status: 401 })
      assert.equal(session.permissions.has('use_app', acme), false)
      assert.deepEqual(session.permissions.companies, [])
      assert.equal(session.user, null)
    }
  })

  test(`${form}: no company left is NoAccess, unless empty is allowed; the permissions are empty either way`, async (t) => {
    const { house, session } = await signIn(t, form)
    house.companies = []
    await assert.rejects(session.getPermissions(), { name: 'NoAccess', code: 'no_access' })
    assert.deepEqual(session.permissions.companies, [])
    const permissions = await session.getPermissions({ allowEmpty: true })
    assert.equal(permissions.isEmpty, true)
    assert.equal((await session.getUser()).company, null)
  })
}

test('a server that does not know the flat dialect is asked at most once for it', async (t) => {
  const server = await startServer(t, (_seen, response) => send(response, 404, { message: 'No such address.' }))
  const session = new LicenseClient(APPLICATION, { baseUrl: server.url }).session('clt_1')
  await assert.rejects(session.getPermissions(), { name: 'LicenseError', code: 'not_found', status: 404 })
  assert.equal(server.seen.filter(({ path }) => path === '/api/v1/auth/get-permissions/').length, 1)
  assert.ok(server.seen.length <= 3)
})

test('in the flat dialect no company gets the permissions of another, also when the company changes in between', async (t) => {
  let company = { company_id: 'a', company_name: 'A' }
  const slugs: Record<string, string[]> = { a: ['use_app', 'is_superuser'], b: ['use_app'] }
  const server = await startServer(t, ({ path }, response) => {
    const permissions = (slugs[company.company_id] ?? []).map((permission) => ({ permission }))
    if (path.endsWith('/profile/')) return send(response, 200, { first_name: '', last_name: '', email: '', ...company })
    send(response, 200, path.endsWith('/authenticate/') ? { token: 'clt_1', ...company, permissions } : { permissions })
    // The user moves to another company right after this answer.
    if (path.endsWith('/users/permissions/')) company = { company_id: 'b', company_name: 'B' }
  })
  const session = await new LicenseClient(APPLICATION, { baseUrl: server.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(session.permissions.has('is_superuser', 'a'), true)
  await session.getPermissions()
  assert.deepEqual(session.permissions.companies, [{ id: 'b', name: 'B', permissions: ['use_app'] }])
})

test("the oldest dialect's word for a company gives way to its id, wherever the server tells that too", async (t) => {
  const acme = { id: 'acme-id', name: 'ACME' }
  const names = { first_name: 'Anna', last_name: 'Ames', email: EMAIL }
  const permissions = [{ permission: 'use_app' }]
  const told = [{ ...acme, permissions: ['use_app'] }]
  const server = await startServer(t, ({ path }, response) => {
    if (path.endsWith('/profile/')) return send(response, 200, { ...names, company: 'ACME', companies: [acme] })
    const user = { ...names, company: acme, companies: [acme] }
    send(
      response,
      200,
      path.endsWith('/permissions/') ? { permissions } : { token: 'clt_1', company: 'ACME', permissions, user },
    )
  })
  const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
  const session = await license.authenticate(EMAIL, PASSWORD)
  assert.deepEqual(session.permissions.companies, told)
  await session.getPermissions()
  assert.deepEqual(session.permissions.companies, told)
  assert.deepEqual((await session.getUser()).company, acme)
})

test('a flat answer that tells its company is believed, without asking for the profile', async (t) => {
  const server = await startServer(t, ({ path }, response) =>
    path.endsWith('/users/permissions/')
      ? send(response, 200, { company_id: 'a', company_name: 'A', permissions: [{ permission: 'use_app' }] })
      : send(response, 200, { token: 'clt_1', company_id: 'a', permissions: [{ permission: 'use_app' }] }),
  )
  const session = await new LicenseClient(APPLICATION, { baseUrl: server.url }).authenticate(EMAIL, PASSWORD)
  await session.getPermissions()
  assert.deepEqual(session.permissions.companies, [{ id: 'a', name: 'A', permissions: ['use_app'] }])
  assert.equal(server.seen.length, 2)
})

test('a company that is gone takes its permissions along, and no other', async (t) => {
  const { house, session } = await signIn(t, 'rich')
  house.companies = house.companies.slice(1)
  await assert.rejects(session.getCompanyPermissions('acme-id'), CompanyNotAccessible)
  assert.equal(session.permissions.has('use_app', 'acme-id'), false)
  assert.equal(session.permissions.has('use_app', 'globex-id'), true)
})

test('one company asked for with a token alone is known afterwards, the others are not', async (t) => {
  const { license, session } = await signIn(t, 'plain')
  const again = license.session(session.token)
  await again.getCompanyPermissions('globex-id')
  assert.deepEqual(again.permissions.companies, [
    { id: 'globex-id', name: '', permissions: ['use_app', 'list_invoices'] },
  ])
})

test('what the server says when it is down changes nothing that is known', async (t) => {
  let down = false
  const permissions = [{ company_id: 'a', company_name: 'A', permissions: ['use_app'] }]
  const server = await startServer(t, (_seen, response) =>
    down ? sendProblem(response, 503, 'busy') : send(response, 200, { token: 'clt_1', permissions }),
  )
  const license = new LicenseClient(APPLICATION, { baseUrl: server.url, retries: 0 })
  const session = await license.authenticate(EMAIL, PASSWORD)
  down = true
  await assert.rejects(session.getPermissions(), { name: 'LicenseServerUnavailable', code: 'busy' })
  assert.equal(session.permissions.has('use_app', 'a'), true)
})

test('an application that is switched off, or a user who is, has no permissions any more', async (t) => {
  const { house, session } = await signIn(t, 'rich')
  house.applicationActive = false
  await assert.rejects(session.getPermissions(), { name: 'UnknownApplication' })
  assert.equal(session.permissions.isEmpty, true)

  const server = await startServer(t, ({ path }, response) =>
    path.endsWith('/authenticate/')
      ? send(response, 200, { token: 'clt_1', permissions: [{ company_id: 'a', permissions: ['use_app'] }] })
      : sendProblem(response, 403, 'account_disabled'),
  )
  const other = await new LicenseClient(APPLICATION, { baseUrl: server.url }).authenticate(EMAIL, PASSWORD)
  assert.equal(other.permissions.isEmpty, false)
  await assert.rejects(other.getUser(), { name: 'NoAccess', code: 'account_disabled' })
  assert.equal(other.permissions.isEmpty, true)
})

/** A server that keeps its answers back until told. */
async function heldServer(
  t: TestContext,
): Promise<{ session: Session; answers: ((body: object) => void)[]; asked(count: number): Promise<void> }> {
  const answers: ((body: object) => void)[] = []
  let noticed = () => {}
  const server = await startServer(t, (_seen, response: ServerResponse) => {
    answers.push((body) => send(response, 'message' in body ? 401 : 200, body))
    noticed()
  })
  const session = new LicenseClient(APPLICATION, { baseUrl: server.url }).session('clt_1')
  const asked = async (count: number) => {
    while (answers.length < count) {
      await new Promise<void>((resolve) => {
        noticed = resolve
      })
    }
  }
  return { session, answers, asked }
}

const acmeWith = (...permissions: string[]) => ({
  permissions: [{ company_id: 'acme-id', company_name: 'ACME', permissions }],
})

test('an answer that was overtaken brings nothing back', async (t) => {
  const { session, answers, asked } = await heldServer(t)
  const early = session.getPermissions()
  await asked(1)
  const late = session.getPermissions()
  await asked(2)
  answers[1]?.(acmeWith('use_app'))
  await late
  answers[0]?.(acmeWith('use_app', 'create_invoice'))
  await early
  assert.equal(session.permissions.has('create_invoice', 'acme-id'), false)
  assert.equal(session.permissions.has('use_app', 'acme-id'), true)
})

test('one company, asked for later, is not undone by all of them, asked for earlier', async (t) => {
  const { session, answers, asked } = await heldServer(t)
  const all = session.getPermissions()
  await asked(1)
  const one = session.getCompanyPermissions('acme-id')
  await asked(2)
  answers[1]?.({ permissions: ['use_app'] })
  await one
  answers[0]?.({
    permissions: [
      ...acmeWith('use_app', 'create_invoice').permissions,
      { company_id: 'globex-id', company_name: 'Globex', permissions: ['use_app'] },
    ],
  })
  await all
  assert.equal(session.permissions.has('create_invoice', 'acme-id'), false)
  assert.equal(session.permissions.has('use_app', 'acme-id'), true)
  assert.equal(session.permissions.has('use_app', 'globex-id'), true)
  // Asked for last, all of them count again.
  const last = session.getPermissions()
  await asked(3)
  answers[2]?.(acmeWith('use_app', 'create_invoice'))
  await last
  assert.equal(session.permissions.has('create_invoice', 'acme-id'), true)
  assert.equal(session.permissions.has('use_app', 'globex-id'), false)
})

test('after the server said that the token is dead, no answer under way brings permissions back', async (t) => {
  const { session, answers, asked } = await heldServer(t)
  const early = session.getPermissions({ allowEmpty: true })
  await asked(1)
  const late = session.getUser()
  await asked(2)
  answers[1]?.({ message: 'Dead.' })
  await assert.rejects(late, NoValidToken)
  answers[0]?.(acmeWith('use_app'))
  assert.equal((await early).isEmpty, true)
  assert.equal(session.permissions.isEmpty, true)
})

test('without leave to be empty, an answer that came too late is NoAccess', async (t) => {
  const { session, answers, asked } = await heldServer(t)
  const early = session.getPermissions()
  await asked(1)
  const out = session.signOut()
  await asked(2)
  answers[1]?.({})
  await out
  answers[0]?.(acmeWith('use_app'))
  await assert.rejects(early, NoAccess)
  assert.equal(session.permissions.isEmpty, true)
})

test('after sign-out the token is dead', async (t) => {
  const { house, license, session } = await signIn(t, 'rich')
  const { token } = session
  await session.signOut()
  assert.equal(house.tokens.has(token), false)
  assert.equal(session.permissions.isEmpty, true)
  assert.equal(session.user, null)
  await assert.rejects(license.session(token).getUser(), NoValidToken)
  // Signing out what is signed out is no error.
  await session.signOut()
})

test('a sign-out that the server did not confirm is an error, and this side forgets all the same', async (t) => {
  const { house, session } = await signIn(t, 'plain') // knows no sign-out
  await assert.rejects(session.signOut(), { name: 'LicenseError', code: 'not_found' })
  assert.equal(house.tokens.has(session.token), true)
  assert.equal(session.permissions.isEmpty, true)

  const rich = await signIn(t, 'rich')
  rich.house.applicationActive = false
  await assert.rejects(rich.session.signOut(), { name: 'UnknownApplication' })

  const proxy = await startServer(t, (_seen, response) =>
    send(response, 200, '<html>welcome</html>', { 'Content-Type': 'text/html' }),
  )
  const other = new LicenseClient(APPLICATION, { baseUrl: proxy.url }).session('clt_1')
  await assert.rejects(other.signOut(), { name: 'UnexpectedAnswer' })

  const forbidden = await startServer(t, (_seen, response) => send(response, 403, { message: 'No.' }))
  await assert.rejects(
    new LicenseClient(APPLICATION, { baseUrl: forbidden.url }).session('clt_1').signOut(),
    NoValidToken,
  )
})

test('the PIN is there where the application gets it', async (t) => {
  for (const form of ['plain', 'rich'] as const) {
    const { house, session } = await signIn(t, form)
    house.pin = '123456'
    assert.equal((await session.getUser()).pin, '123456')
    house.pin = null
    assert.equal((await session.getUser()).pin, null)
    house.pin = undefined
    assert.equal((await session.getUser()).pin, undefined)
  }
})

test('a plain profile has the first company that the session knows, else none', async (t) => {
  const { license, session } = await signIn(t, 'plain')
  const again = license.session(session.token)
  assert.equal((await again.getUser()).company, null)
  assert.deepEqual((await again.getUser()).companies, [])
  await again.getPermissions()
  assert.deepEqual((await again.getUser()).company, { id: 'acme-id', name: 'ACME' })
})
