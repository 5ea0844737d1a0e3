// The published Python packages, as they are, against our server: every call that each release has, allowed and refused.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { databases, startServer } from '../packages/server/tests/support/server.ts'
import { prepareEnvironments } from './environments.ts'
import {
  assertAllowed,
  assertNothingSent,
  assertOwnFault,
  assertPermissions,
  assertRefused,
  assertSent,
  assertUser,
  type Call,
  calls,
  companyOf,
  type Row,
  readTable,
  type Status,
} from './expectations.ts'
import { acme, applicationsOf, globex, hooli, house, password, peopleOf, usersOf } from './house.ts'
import { type PythonClient, type Step, startPythonClient } from './python-client.ts'
import { releases } from './table.ts'

/** What the test needs of a server, beside the calls that the packages make. */
interface Server {
  url: string
  seed(part: unknown): Promise<unknown>
  impersonate(wanted: { user: string; company: string; application: string; reason: string }): Promise<string>
  lift(): Promise<void>
}

/** The only place that knows how a server is started, filled and stopped. */
async function withServer(database: (typeof databases)[number], show: (server: Server) => Promise<void>) {
  await using server = await startServer(database)
  await server.seed(house)
  await show(server)
}

const environments = await prepareEnvironments()
const missing = 'missing' in environments ? environments.missing : undefined
// On a person's machine the reason is said and the rest goes on; where everything counts, it fails.
const skip = process.env.CI ? false : (missing ?? false)

for (const database of databases) {
  test(`the published Python packages, with ${database}`, { skip }, async (t) => {
    if ('missing' in environments) assert.fail(environments.missing)
    await withServer(database, async (server) => {
      for (const row of readTable(releases)) {
        await t.test(row.release, async (t) => {
          await using python = await startPythonClient(environments.python(row.release), `${server.url}/api/v1`)
          assert.equal(python.release, row.release)
          await showRelease(t, row, python, server)
        })
      }
    })
  })
}

async function showRelease(t: TestContext, row: Row, python: PythonClient, server: Server) {
  const people = peopleOf(row.release)
  const { anna } = people
  const { crm, shop, desk, closed } = applicationsOf(row.dialect)
  await server.seed({ users: usersOf(people, row.dialect) })

  const annasRights = [
    { company_id: acme.id, company_name: acme.name, permissions: ['create_invoice', 'list_invoices', 'use_app'] },
    { company_id: globex.id, company_name: globex.name, permissions: ['use_app'] },
  ]

  function ask(call: Call, args: unknown[], other: Partial<Step> = {}) {
    return python.perform({ application: crm, call, arguments: args, ...other })
  }

  await t.test('the right password: a token and the permissions of each company', async () => {
    const answer = await ask('authenticate', [anna.email, password])
    if (!assertAllowed(row, 'authenticate', answer)) return
    assertPermissions(row, row['sign-in'], answer, annasRights)
    // A flat dialect tells the company at once.
    const unasked = { first_name: null, last_name: null, email: null, ...companyOf(row, acme) }
    if (row.dialect !== 'v1') assert.deepEqual(answer.holds?.user, unasked)
    if (row['sign-in'] === 'blank') assert.equal(answer.holds?.token, null)
    else assert.match(answer.holds?.token ?? '', /^\S{20,100}$/)
  })

  await t.test('the name in any case and with blanks around it is the same name', async () => {
    const answer = await ask('authenticate', [`  ${anna.email.toUpperCase()} `, password])
    if (assertAllowed(row, 'authenticate', answer)) assertPermissions(row, row['sign-in'], answer, annasRights)
  })

  await t.test('a sign-in that is refused is BadCredentials, and nothing is kept', async () => {
    const { wanda } = people
    const megabyte = 'x'.repeat(2 ** 20)
    const refusals: [what: string, application: string | null, name: unknown, password: unknown, status: Status][] = [
      ['a wrong password', crm, wanda.email, 'wrong', 401],
      ['the right password with NUL after it', crm, wanda.email, `${password}\0`, '4xx'],
      ['the right password in capitals', crm, wanda.email, password.toUpperCase(), 401],
      ['an unknown name', crm, `no.${wanda.email}`, password, 401],
      ['a user without a company', crm, people.nora.email, password, 403],
      ['a switched off user', crm, people.otto.email, password, 403],
      ['a user whose only license has ended', crm, people.edda.email, password, 403],
      ['an application where the user has no company', shop, people.leon.email, password, 403],
      ['an unknown application', 'no-such-application', anna.email, password, 401],
      ['a switched off application', closed, anna.email, password, 401],
      ['no application', null, wanda.email, password, 401],
      ['an empty application', '', wanda.email, password, 401],
      ['empty texts', crm, '', '', '4xx'],
      ['None', crm, null, null, '4xx'],
      ['None as the password', crm, wanda.email, null, '4xx'],
      ['numbers', crm, 12, 34.5, '4xx'],
      ['a true password', crm, wanda.email, true, '4xx'],
      ['lists', crm, [wanda.email], [password], '4xx'],
      ['objects', crm, { email: wanda.email }, { $ne: null }, '4xx'],
      ['NUL', crm, '\0', '\0', '4xx'],
      ['NUL in the name', crm, `${wanda.email}\0`, password, '4xx'],
      ['lone surrogates', crm, '\ud800', '\udfff', '4xx'],
      ['a lone surrogate in the password', crm, wanda.email, `${password}\ud800`, '4xx'],
      ['a megabyte of name', crm, megabyte, password, '4xx'],
      ['a megabyte of password', crm, wanda.email, megabyte, '4xx'],
      ['many megabytes', crm, megabyte.repeat(4), megabyte.repeat(4), '4xx'],
    ]
    for (const [what, application, name, secret, status] of refusals) {
      const answer = await ask('authenticate', [name, secret], { application })
      await server.lift()
      assertRefused(row, 'authenticate', answer, status, what)
      assert.equal(answer.holds?.token, null, what)
      assert.deepEqual(answer.holds?.permissions, [], what)
    }
  })

  await t.test('after the sign-in, the same object asks for profile and permissions', async () => {
    assertAllowed(row, 'authenticate', await ask('authenticate', [anna.email, password], { on: 'anna' }))
    const asked = {
      get_user: await ask('get_user', [], { on: 'anna' }),
      get_permissions: await ask('get_permissions', [], { on: 'anna' }),
      get_company_permissions: await ask('get_company_permissions', [acme.id], { on: 'anna' }),
    }
    if (row['sign-in'] !== 'works') {
      for (const [call, answer] of Object.entries(asked)) {
        if (answer.lacking === undefined) assertNothingSent(answer)
        else assert.equal(row[calls[call as keyof typeof asked].column], 'lacks') // A key that was written above.
      }
      return
    }
    if (assertAllowed(row, 'get_user', asked.get_user)) assertUser(row, asked.get_user, anna)
    if (assertAllowed(row, 'get_permissions', asked.get_permissions)) {
      assertPermissions(row, row.permissions, asked.get_permissions, annasRights)
    }
    if (assertAllowed(row, 'get_company_permissions', asked.get_company_permissions)) {
      assert.deepEqual(asked.get_company_permissions.returned, annasRights[0]?.permissions)
    }
  })

  await t.test('a fresh object with a token, at its making or in the call, is told the same', async () => {
    const token = await signIn(server, anna.email, crm)
    for (const [args, made] of [
      [[token], {}],
      [[], { token }],
    ] as const) {
      const profile = await ask('get_user', [...args], made)
      if (assertAllowed(row, 'get_user', profile)) assertUser(row, profile, anna)
      const permissions = await ask('get_permissions', [...args], made)
      if (assertAllowed(row, 'get_permissions', permissions)) {
        assertPermissions(row, row.permissions, permissions, annasRights)
      }
      for (const company of annasRights) {
        const answer = await ask('get_company_permissions', [company.company_id, ...args], made)
        if (assertAllowed(row, 'get_company_permissions', answer)) {
          assert.deepEqual(answer.returned, row.company === 'blank' ? null : company.permissions)
        }
      }
    }
  })

  await t.test('a pin reaches only an application that is told pins', async () => {
    const token = await signIn(server, anna.email, desk)
    const answer = await ask('get_user', [token], { application: desk })
    assertSent(row, answer, 'get_user', 200)
    if (row.pin === 'crashes') {
      assert.equal(answer.crashed, 'AttributeError')
      assert.match(answer.message ?? '', /'pin'/)
    } else assertUser(row, answer, anna, { pin: anna.pin })
  })

  await t.test('without a token nothing is sent', async () => {
    for (const [call, args] of [
      ['get_user', []],
      ['get_user', ['']],
      ['get_permissions', []],
      ['get_company_permissions', [acme.id]],
    ] as const) {
      const answer = await ask(call, [...args])
      if (row[calls[call].column] === 'lacks') assert.equal(answer.lacking, call)
      else if (row[calls[call].column] === 'crashes') assertOwnFault(answer)
      else assertNothingSent(answer)
    }
  })

  await t.test('a company that is none, or not this user’s, is the same Exception', async () => {
    const token = await signIn(server, anna.email, crm)
    const unknown = await ask('get_company_permissions', ['8e0f5c1e-4a57-4a6e-9f0a-00000000dead', token])
    assertRefused(row, 'get_company_permissions', unknown, 404, 'an unknown company')
    const foreign = await ask('get_company_permissions', [hooli.id, token])
    assertRefused(row, 'get_company_permissions', foreign, 404, 'a company of others')
    assert.equal(foreign.message, unknown.message)
    for (const odd of ['', ' ', 'no-such', null, 12, acme.name, 'a/b', 'é', '\0', "x' or '1'='1", 'x'.repeat(5000)]) {
      const answer = await ask('get_company_permissions', [odd, token])
      assertRefused(row, 'get_company_permissions', answer, '4xx', `the company ${JSON.stringify(odd).slice(0, 40)}`)
    }
  })

  await t.test('a dead token is NoValidToken, and an Exception where one company is asked for', async () => {
    const live = await signIn(server, anna.email, crm)
    const signedOut = await signIn(server, anna.email, crm)
    await signOut(server, signedOut, crm)
    const ofOneSwitchedOff = await signIn(server, people.gina.email, crm)
    await server.seed({ users: [{ email: people.gina.email, active: false }] })
    const dead: [what: string, application: string | null, token: string, status: Status][] = [
      ['a token that never was one', crm, 'no-such-token', 401],
      ['a live token with a letter more', crm, `${live}x`, 401],
      ['a live token without its last letter', crm, live.slice(0, -1), 401],
      ['a token that signed out', crm, signedOut, 401],
      ['a token of a user who was switched off', crm, ofOneSwitchedOff, 401],
      ['a token of another application', crm, await signIn(server, anna.email, shop), 401],
      ['a live token in an unknown application', 'no-such-application', live, 401],
      ['a live token in a switched off application', closed, live, 401],
      ['a live token without an application', null, live, 401],
      ['a token beyond ASCII', crm, 'é', '4xx'],
      ['a token of 20,000 letters', crm, 'x'.repeat(20_000), '4xx'],
    ]
    for (const [what, application, token, status] of dead) {
      const other = { application, token }
      assertRefused(row, 'get_user', await ask('get_user', [], other), status, what)
      assertRefused(row, 'get_permissions', await ask('get_permissions', [], other), status, what)
      const company = await ask('get_company_permissions', [acme.id], other)
      assertRefused(row, 'get_company_permissions', company, status, what)
    }
    assertAllowed(row, 'get_user', await ask('get_user', [live]))
  })

  await t.test('who leaves the last company while the token lives: a profile, no companies', async () => {
    const { leon } = people
    const token = await signIn(server, leon.email, crm)
    await server.seed({ users: [{ email: leon.email, companies: [{ company: acme.id, active: false }] }] })
    const profile = await ask('get_user', [token])
    if (assertAllowed(row, 'get_user', profile)) assertUser(row, profile, leon, { company: null })
    const permissions = await ask('get_permissions', [token])
    if (assertAllowed(row, 'get_permissions', permissions)) assertPermissions(row, row.permissions, permissions, [])
    const company = await ask('get_company_permissions', [acme.id, token])
    assertRefused(row, 'get_company_permissions', company, 404, 'the company that was left')
    assertRefused(row, 'authenticate', await ask('authenticate', [leon.email, password]), 403, 'the next sign-in')
  })

  if (row.dialect !== 'v1')
    return t.test('nobody acts as a user there: it has no call that would let somebody in', async () => {
      const wanted = { user: anna.email, company: acme.id, application: crm, reason: 'the invoices look wrong' }
      await assert.rejects(server.impersonate(wanted), { code: 'not_in_dialect' })
    })

  await t.test('a one-time token becomes one user’s sign-in in one company, once', async () => {
    const wanted = { user: anna.email, company: acme.id, application: crm, reason: 'the invoices look wrong' }
    const oneTime = await server.impersonate(wanted)
    const answer = await ask('validate_impersonation', [oneTime])
    if (assertAllowed(row, 'validate_impersonation', answer)) {
      const { user, company, auth_token: token } = answer.returned as Record<string, string | null>
      const blank = row.impersonation === 'blank'
      assert.deepEqual([user, company], blank ? [null, null] : [anna.email, acme.id])
      if (token) {
        const own = await ask('get_company_permissions', [acme.id, token])
        assert.deepEqual(own.returned, annasRights[0]?.permissions)
        const other = await ask('get_company_permissions', [globex.id, token])
        assertRefused(row, 'get_company_permissions', other, 404, 'another company of the impersonated user')
        assertPermissions(row, row.permissions, await ask('get_permissions', [token]), annasRights.slice(0, 1))
      } else assert.ok(blank)
    }
    // The release that can't read the answer has used it up all the same.
    const again = await ask('validate_impersonation', [oneTime])
    assertRefused(row, 'validate_impersonation', again, 401, 'a second time')
  })

  await t.test('a one-time token that is none here is an object with an error', async () => {
    const wanted = { user: anna.email, company: acme.id, application: shop, reason: 'the cart looks wrong' }
    const forShop = await server.impersonate(wanted)
    const refusals: [what: string, application: string | null, token: unknown, status: Status][] = [
      ['one that never was', crm, '0b7e9d5c-6f0e-4c9b-8a53-9c1f3a1e7d11', 401],
      ['one made for another application', crm, forShop, 401],
      ['an unknown application', 'no-such-application', forShop, 401],
      ['no application', null, forShop, 401],
      ['the token of a sign-in', crm, await signIn(server, anna.email, crm), 401],
      ['an empty text', crm, '', '4xx'],
      ['None', crm, null, '4xx'],
      ['a number', crm, 1, '4xx'],
      ['a list', crm, [forShop], '4xx'],
      ['NUL', crm, '\0', '4xx'],
      ['a lone surrogate', crm, '\ud800', '4xx'],
      ['a megabyte', crm, 'x'.repeat(2 ** 20), '4xx'],
    ]
    for (const [what, application, token, status] of refusals) {
      const answer = await ask('validate_impersonation', [token], { application })
      assertRefused(row, 'validate_impersonation', answer, status, what)
    }
  })
}

/** As an application does that keeps the token between requests; also for the release that keeps none. */
async function signIn(server: Server, email: string, application: string): Promise<string> {
  const response = await post(
    server,
    'authenticate',
    { 'X-LICENSE-MODULE': application },
    { username: email, password },
  )
  const { token } = (await response.json()) as { token: string }
  return token
}

async function signOut(server: Server, token: string, application: string) {
  await post(server, 'sign-out', { 'X-LICENSE-MODULE': application, 'X-LICENSE-TOKEN': token }, {})
}

async function post(server: Server, call: string, headers: Record<string, string>, body: unknown) {
  const response = await fetch(`${server.url}/api/v1/auth/${call}/`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200, `${call} to go on with`)
  return response
}
