import assert from 'node:assert/strict'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as package1 from 'cloudspot-license-api'
import { BadCredentials, LicenseClient, LicenseError, NoValidToken, UnexpectedAnswer } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, ONE_TIME, PASSWORD } from './house.ts'
import { send, sendProblem, startServer } from './stand-in.ts'

type CallName = 'sign-in' | 'profile' | 'permissions' | 'company' | 'impersonation' | 'sign-out'

function call(license: LicenseClient, name: CallName): Promise<unknown> {
  const session = license.session('clt_1')
  switch (name) {
    case 'sign-in':
      return license.authenticate(EMAIL, PASSWORD)
    case 'profile':
      return session.getUser()
    case 'permissions':
      return session.getPermissions()
    case 'company':
      return session.getCompanyPermissions('acme-id')
    case 'impersonation':
      return license.validateImpersonation(ONE_TIME)
    case 'sign-out':
      return session.signOut()
  }
}

test('a plain server is judged by the call and the status', async (t) => {
  const cases: [CallName, number, string, string][] = [
    ['sign-in', 400, 'BadCredentials', 'bad_credentials'],
    ['sign-in', 401, 'BadCredentials', 'bad_credentials'],
    ['sign-in', 413, 'BadCredentials', 'bad_credentials'],
    ['sign-in', 403, 'NoAccess', 'no_access'],
    ['sign-in', 404, 'LicenseError', 'not_found'],
    ['sign-in', 405, 'LicenseError', 'method_not_allowed'],
    ['sign-in', 415, 'LicenseError', 'refused'],
    ['sign-in', 408, 'LicenseServerUnavailable', 'request_timeout'],
    ['sign-in', 429, 'TooManyAttempts', 'too_many_attempts'],
    ['sign-in', 500, 'LicenseServerUnavailable', 'internal_error'],
    ['sign-in', 502, 'LicenseServerUnavailable', 'unavailable'],
    ['sign-in', 503, 'LicenseServerUnavailable', 'unavailable'],
    ['sign-in', 504, 'LicenseServerUnavailable', 'unavailable'],
    ['profile', 401, 'NoValidToken', 'invalid_token'],
    ['profile', 403, 'NoValidToken', 'invalid_token'],
    ['profile', 404, 'LicenseError', 'not_found'],
    ['permissions', 401, 'NoValidToken', 'invalid_token'],
    ['permissions', 403, 'NoValidToken', 'invalid_token'],
    ['company', 401, 'NoValidToken', 'invalid_token'],
    ['company', 404, 'CompanyNotAccessible', 'company_not_accessible'],
    ['company', 500, 'LicenseServerUnavailable', 'internal_error'],
    ['impersonation', 401, 'NoValidToken', 'invalid_impersonation'],
    ['impersonation', 409, 'LicenseError', 'refused'],
    ['sign-out', 403, 'NoValidToken', 'invalid_token'],
    ['sign-out', 405, 'LicenseError', 'method_not_allowed'],
  ]
  for (const [name, status, kind, code] of cases) {
    const server = await startServer(t, (_seen, response) => send(response, status, { message: 'A sentence.' }))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url, retries: 0 })
    const expected = { name: kind, code, status, message: 'A sentence.', requestId: 'req-1' }
    await assert.rejects(call(license, name), expected, `${name} ${status}`)
  }
})

test('our server is judged by its codes', async (t) => {
  const cases: [CallName, number, string, string][] = [
    ['sign-in', 401, 'bad_credentials', 'BadCredentials'],
    ['sign-in', 401, 'unknown_application', 'UnknownApplication'],
    ['sign-in', 401, 'application_secret_required', 'UnknownApplication'],
    ['sign-in', 401, 'something_new', 'LicenseError'],
    ['sign-in', 403, 'no_access', 'NoAccess'],
    ['sign-in', 403, 'account_disabled', 'NoAccess'],
    ['sign-in', 404, 'not_found', 'LicenseError'],
    ['sign-in', 415, 'unsupported_media_type', 'LicenseError'],
    ['sign-in', 408, 'request_timeout', 'LicenseServerUnavailable'],
    ['sign-in', 429, 'too_many_attempts', 'TooManyAttempts'],
    ['sign-in', 500, 'internal_error', 'LicenseServerUnavailable'],
    ['sign-in', 503, 'shutting_down', 'LicenseServerUnavailable'],
    // A server that is down never says that the password is wrong.
    ['sign-in', 503, 'bad_credentials', 'LicenseServerUnavailable'],
    ['profile', 401, 'invalid_token', 'NoValidToken'],
    ['profile', 401, 'something_new', 'NoValidToken'],
    ['profile', 401, 'unknown_application', 'UnknownApplication'],
    ['profile', 403, 'something_new', 'LicenseError'],
    ['permissions', 401, 'invalid_token', 'NoValidToken'],
    ['company', 404, 'company_not_accessible', 'CompanyNotAccessible'],
    ['company', 404, 'not_found', 'LicenseError'],
    ['impersonation', 401, 'invalid_impersonation', 'NoValidToken'],
    ['impersonation', 401, 'unknown_application', 'UnknownApplication'],
    ['sign-out', 401, 'unknown_application', 'UnknownApplication'],
  ]
  for (const [name, status, code, kind] of cases) {
    const server = await startServer(t, (_seen, response) => sendProblem(response, status, code))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url, retries: 0 })
    const expected = { name: kind, code, status, message: `Refused: ${code}.`, requestId: 'req-1' }
    await assert.rejects(call(license, name), expected, `${name} ${status} ${code}`)
  }
})

test('what is no answer of a License server is UnexpectedAnswer, never a wrong password or a dead token', async (t) => {
  const html = { 'Content-Type': 'text/html; charset=utf-8' }
  const pages = [
    [200, '<html>Sign in to the network</html>', html],
    [401, '<html>Who are you?</html>', html],
    [403, '<html>Blocked</html>', html],
    [404, '<html>Nothing here</html>', html],
    [404, '', {}],
    [401, { error: 'unauthorized' }, {}],
    [401, ['message'], {}],
    [200, 'null', {}],
    [200, '[]', {}],
    [200, '"token"', {}],
    [200, '{"token": "clt_1", "permi', {}],
    [200, '', {}],
    [200, '['.repeat(100_000), {}],
  ] as const
  for (const [status, body, headers] of pages) {
    const server = await startServer(t, (_seen, response) => send(response, status, body, headers))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url, retries: 0 })
    for (const name of ['sign-in', 'profile', 'permissions', 'company', 'impersonation', 'sign-out'] as const) {
      const expected = { name: 'UnexpectedAnswer', code: 'unexpected_answer', status }
      await assert.rejects(call(license, name), expected, `${name} ${status} ${String(body).slice(0, 40)}`)
    }
  }
})

test('a page in front of a server that is down still means that it is down', async (t) => {
  for (const status of [500, 502, 503, 504]) {
    const server = await startServer(t, (_seen, response) =>
      send(response, status, '<html>Bad gateway</html>', { 'Content-Type': 'text/html' }),
    )
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url, retries: 0 })
    await assert.rejects(call(license, 'sign-in'), { name: 'LicenseServerUnavailable', status })
    await assert.rejects(call(license, 'profile'), { name: 'LicenseServerUnavailable', status })
  }
})

test('an answer of a wrong shape names the place, and quotes nothing', async (t) => {
  const company = { company_id: 'a', company_name: 'A', permissions: ['use_app'] }
  const names = { first_name: 'Anna', last_name: 'Ames', email: EMAIL }
  const cases: [CallName, object, string][] = [
    ['sign-in', { permissions: [company] }, '/token'],
    ['sign-in', { token: 'canary value', permissions: [company] }, '/token'],
    ['sign-in', { token: 7, permissions: [company] }, '/token'],
    ['sign-in', { token: 'clt_1' }, '/permissions'],
    ['sign-in', { token: 'clt_1', permissions: { canary: 1 } }, '/permissions'],
    ['sign-in', { token: 'clt_1', permissions: ['canary'] }, '/company_id'],
    ['sign-in', { token: 'clt_1', permissions: [{ permission: 'canary' }] }, '/company_id'],
    ['sign-in', { token: 'clt_1', permissions: [null] }, '/permissions/0'],
    ['sign-in', { token: 'clt_1', permissions: [company, { permissions: [] }] }, '/permissions/1/company_id'],
    ['sign-in', { token: 'clt_1', permissions: [{ ...company, company_id: 7 }] }, '/permissions/0/company_id'],
    ['sign-in', { token: 'clt_1', permissions: [{ ...company, permissions: 'canary' }] }, '/permissions/0/permissions'],
    ['sign-in', { token: 'clt_1', permissions: [{ ...company, permissions: [7] }] }, '/permissions/0/permissions/0'],
    ['sign-in', { token: 'clt_1', permissions: [company], expires_in: 'canary' }, '/expires_in'],
    ['sign-in', { token: 'clt_1', permissions: [company], expires_in: -1 }, '/expires_in'],
    ['sign-in', { token: 'clt_1', permissions: [company], expires_at: 'canary' }, '/expires_at'],
    ['sign-in', { token: 'clt_1', permissions: [company], user: 'canary' }, '/user'],
    ['sign-in', { token: 'clt_1', permissions: [company], user: { first_name: 7 } }, '/user/first_name'],
    ['profile', { first_name: 'Anna', last_name: 'Ames' }, '/email'],
    ['profile', { ...names, pin: 123456 }, '/pin'],
    ['profile', { ...names, company: { name: 'A' } }, '/company/id'],
    ['profile', { ...names, companies: [{ id: 'a', name: 'A' }, 'canary'] }, '/companies/1'],
    ['permissions', { permissions: 'canary' }, '/permissions'],
    ['company', {}, '/permissions'],
    ['company', { permissions: [{ slug: 'canary' }] }, '/permissions/0/permission'],
    ['impersonation', { user: EMAIL, company: 'a' }, '/auth_token'],
    ['impersonation', { user: EMAIL, company: '', auth_token: 'clt_1' }, '/company'],
    [
      'impersonation',
      { user: EMAIL, company: 'a', auth_token: 'clt_1', impersonated_by: 'canary' },
      '/impersonated_by',
    ],
  ]
  for (const [name, body, place] of cases) {
    const server = await startServer(t, (_seen, response) => send(response, 200, body))
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
    await assert.rejects(call(license, name), (error) => {
      assert.ok(error instanceof UnexpectedAnswer)
      assert.ok(error.message.includes(`in the answer, ${place} is not`), `${place}: ${error.message}`)
      assert.ok(!error.message.includes('canary'))
      return true
    })
  }
})

test('unknown fields are no error, and neither are names that are null', async (t) => {
  const server = await startServer(t, ({ path }, response) =>
    send(
      response,
      200,
      path.endsWith('/profile/')
        ? { first_name: null, last_name: 'Ames', email: EMAIL, shoe_size: 42, company: { id: 'a', name: 'A', vat: 1 } }
        : { token: 'clt_1', shoe_size: 42, permissions: [{ company_id: 'a', permissions: ['use_app'], vat: 1 }] },
    ),
  )
  const session = await new LicenseClient(APPLICATION, { baseUrl: server.url }).authenticate(EMAIL, PASSWORD)
  assert.deepEqual(session.permissions.companies, [{ id: 'a', name: '', permissions: ['use_app'] }])
  const user = await session.getUser()
  assert.deepEqual([user.firstName, user.lastName, user.company], ['', 'Ames', { id: 'a', name: 'A' }])
})

test('how long to wait is told in seconds, from either form of the header, else from the problem; a day at most', async (t) => {
  const date = { Date: 'Tue, 01 Jan 2030 00:00:00 GMT' }
  const cases: [Record<string, string>, object, number | undefined][] = [
    [{ 'Retry-After': '7' }, {}, 7],
    [{ 'Retry-After': 'Tue, 01 Jan 2030 00:00:30 GMT', ...date }, {}, 30],
    [{ 'Retry-After': 'Tue, 01 Jan 2019 00:00:30 GMT', ...date }, {}, 0],
    [{}, { retry_after: 9 }, 9],
    [{ 'Retry-After': '99999999999999999999' }, {}, 86_400],
    [{ 'Retry-After': 'soon' }, {}, undefined],
    [{}, { retry_after: 'soon' }, undefined],
    [{}, {}, undefined],
  ]
  for (const [headers, body, retryAfter] of cases) {
    const server = await startServer(t, (_seen, response) =>
      send(response, 429, { code: 'too_many_attempts', ...body }, headers),
    )
    const license = new LicenseClient(APPLICATION, { baseUrl: server.url })
    await assert.rejects(
      call(license, 'sign-in'),
      { name: 'TooManyAttempts', retryAfter },
      JSON.stringify([headers, body]),
    )
  }
})

test('a sentence of the server is kept to one line of moderate length', async (t) => {
  const server = await startServer(t, (_seen, response) =>
    send(response, 401, { message: `No.\r\n2030-01-01 forged log line\u2028${'x'.repeat(5_000)}` }),
  )
  await assert.rejects(call(new LicenseClient(APPLICATION, { baseUrl: server.url }), 'sign-in'), (error) => {
    assert.ok(error instanceof BadCredentials)
    assert.doesNotMatch(error.message, /[\r\n\u2028]/)
    assert.ok(error.message.length <= 500)
    return true
  })
})

type Package = typeof package1

/** The error classes of one copy of the package. */
function kindsOf(copy: Package) {
  return {
    BadCredentials: copy.BadCredentials,
    NoValidToken: copy.NoValidToken,
    NoAccess: copy.NoAccess,
    UnknownApplication: copy.UnknownApplication,
    CompanyNotAccessible: copy.CompanyNotAccessible,
    TooManyAttempts: copy.TooManyAttempts,
    LicenseServerUnavailable: copy.LicenseServerUnavailable,
    UnexpectedAnswer: copy.UnexpectedAnswer,
  }
}

const kinds = kindsOf(package1)
const names = Object.keys(kinds) as (keyof typeof kinds)[] // its own keys

/** The package once more, from a folder of its own, as a second installed copy is. */
async function secondCopy(t: { after(clean: () => Promise<void>): void }): Promise<Package> {
  const entry = fileURLToPath(import.meta.resolve('cloudspot-license-api'))
  const folder = await mkdtemp(join(tmpdir(), 'license-copy-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await cp(dirname(entry), join(folder, 'copy'), { recursive: true })
  await cp(fileURLToPath(import.meta.resolve('cloudspot-license-api/package.json')), join(folder, 'package.json'))
  return import(pathToFileURL(join(folder, 'copy', entry.slice(dirname(entry).length + 1))).href)
}

test('instanceof holds across two copies of the package, and only for the right kind', async (t) => {
  const package2 = await secondCopy(t)
  const others = kindsOf(package2)
  for (const made of names) {
    const error = new others[made]('Made by the other copy.', { code: 'x' })
    assert.notEqual(kinds[made], others[made])
    assert.ok(error instanceof LicenseError)
    for (const asked of names) {
      assert.equal(error instanceof kinds[asked], made === asked, `${made} instanceof ${asked}`)
      assert.equal(new kinds[made]('Ours.', { code: 'x' }) instanceof others[asked], made === asked)
    }
  }
  const base = new package2.LicenseError('A general one.', { code: 'refused' })
  assert.ok(base instanceof LicenseError)
  for (const asked of names) assert.ok(!(base instanceof kinds[asked]))
})

test('an error that a second copy really threw is caught by kind', async (t) => {
  const package2 = await secondCopy(t)
  const server = await startServer(t, (_seen, response) => sendProblem(response, 401, 'bad_credentials'))
  const license = new package2.LicenseClient(APPLICATION, { baseUrl: server.url })
  await assert.rejects(license.authenticate(EMAIL, PASSWORD), (error) => {
    assert.ok(error instanceof BadCredentials)
    assert.ok(!(error instanceof NoValidToken))
    return true
  })
})

test('what is no error of ours is none, and a class derived by an application is matched by the usual rule', () => {
  for (const other of [new Error('x'), { name: 'BadCredentials', code: 'bad_credentials' }, null, undefined, 'x', 7]) {
    assert.ok(!((other as unknown) instanceof LicenseError))
    assert.ok(!((other as unknown) instanceof BadCredentials))
  }
  class WrongPin extends BadCredentials {}
  const pin = new WrongPin('The PIN is wrong.', { code: 'bad_credentials' })
  assert.ok(pin instanceof WrongPin && pin instanceof BadCredentials && pin instanceof LicenseError)
  assert.ok(!(pin instanceof NoValidToken))
  assert.ok(!(new BadCredentials('x', { code: 'bad_credentials' }) instanceof WrongPin))
})

test('the name is its own for each kind, also in the stack', () => {
  for (const kind of names) {
    const error = new kinds[kind]('A sentence.', { code: 'x' })
    assert.equal(error.name, kind)
    assert.ok(error.stack?.startsWith(`${kind}: A sentence.`))
  }
})
