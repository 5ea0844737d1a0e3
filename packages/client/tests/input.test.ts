import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LicenseClient } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, PASSWORD, startHouse } from './house.ts'

test('the address is taken with or without /api/v1 and slashes', () => {
  const cases = [
    ['https://license.example', 'https://license.example'],
    ['https://license.example/', 'https://license.example'],
    ['https://license.example/api/v1', 'https://license.example'],
    ['https://license.example/api/v1/', 'https://license.example'],
    ['https://license.example/api/v1//', 'https://license.example'],
    ['https://license.example/house/api/v1/', 'https://license.example/house'],
    ['https://license.example/house//', 'https://license.example/house'],
    ['  https://license.example\n', 'https://license.example'],
    ['HTTP://License.Example:8000/', 'http://license.example:8000'],
    ['http://[::1]:8000', 'http://[::1]:8000'],
    [new URL('https://license.example/api/v1/'), 'https://license.example'],
  ] as const
  for (const [baseUrl, expected] of cases) {
    assert.equal(new LicenseClient(APPLICATION, { baseUrl }).baseUrl, expected, String(baseUrl))
  }
})

test('requests go under /api/v1 of it', async (t) => {
  const house = await startHouse(t, 'rich')
  for (const suffix of ['', '/', '/api/v1', '/api/v1/']) {
    await new LicenseClient(APPLICATION, { baseUrl: house.url + suffix }).authenticate(EMAIL, PASSWORD)
  }
  assert.deepEqual([...new Set(house.seen.map((seen) => seen.path))], ['/api/v1/auth/authenticate/'])
})

test('an address that can not be right is a mistake at once, and is not repeated in the message', () => {
  const wrong = [
    undefined,
    '',
    'license.example',
    'localhost:8000',
    '/api/v1',
    'ftp://license.example',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http:license.example',
    'http:/license.example',
    'http://',
    'http:///license.example',
    'http://license.example:99999',
    'https://license.example/?',
    'https://license.example/?x=1',
    'https://license.example/#top',
    'https://anna:canary@license.example',
    'https://canary@license.example',
    7,
    {},
  ]
  for (const baseUrl of wrong) {
    const make = () => new LicenseClient(APPLICATION, { baseUrl: baseUrl as never }) // as JavaScript could call it
    assert.throws(
      make,
      (error) => error instanceof TypeError && /baseUrl/.test(error.message) && !/canary/.test(error.message),
    )
  }
  assert.throws(() => new LicenseClient(APPLICATION, undefined as never), /baseUrl is missing/)
})

test('test mode means localhost:8000, whatever the address; a wrong address is told all the same', () => {
  assert.equal(new LicenseClient(APPLICATION, { testMode: true }).baseUrl, 'http://localhost:8000')
  const both = { testMode: true, baseUrl: 'https://license.example' }
  assert.equal(new LicenseClient(APPLICATION, both).baseUrl, 'http://localhost:8000')
  assert.equal(new LicenseClient(APPLICATION, { ...both, testMode: false }).baseUrl, 'https://license.example')
  assert.throws(() => new LicenseClient(APPLICATION, { testMode: true, baseUrl: 'nonsense' }), TypeError)
})

test('an option that can not be right is a mistake at once', () => {
  const baseUrl = 'https://license.example'
  for (const id of ['', 'a b', 'a\r\nX-Admin: 1', 'ä', undefined, null, 7]) {
    assert.throws(() => new LicenseClient(id as never, { baseUrl }), TypeError) // as JavaScript could call it
  }
  const wrong = [
    { secret: '' },
    { secret: 'canary\r\nX-Admin: 1' },
    { secret: 'canary ä' },
    { timeout: 0 },
    { timeout: -1 },
    { timeout: Number.NaN },
    { timeout: Number.POSITIVE_INFINITY },
    { timeout: '10' },
    { retries: -1 },
    { retries: 11 },
    { retries: 1.5 },
    { maxAnswerBytes: 0 },
    { fetch: 'https' },
  ]
  for (const options of wrong) {
    const make = () => new LicenseClient(APPLICATION, { baseUrl, ...(options as object) })
    assert.throws(make, (error) => error instanceof TypeError && !/canary/.test(error.message), JSON.stringify(options))
  }
  const fine = { baseUrl, secret: 'cls_1', timeout: 1, retries: 10, maxAnswerBytes: 1, fetch }
  assert.equal(new LicenseClient(APPLICATION, fine).applicationId, APPLICATION)
})

test('a timeout of a call that can not be right is a mistake, and nothing is sent', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  for (const timeout of [0, -5, Number.NaN, 3e9]) {
    await assert.rejects(license.authenticate(EMAIL, PASSWORD, { timeout }), TypeError)
    await assert.rejects(license.session('clt_1').getPermissions({ timeout }), TypeError)
  }
  assert.equal(house.seen.length, 0)
})

test('a company id stays one segment of the path, whatever is in it', async (t) => {
  const house = await startHouse(t, 'rich')
  house.tokens.add('clt_1')
  const session = new LicenseClient(APPLICATION, { baseUrl: house.url }).session('clt_1')
  const odd = [
    'a/b',
    '../users/profile',
    '..%2f..%2fadmin',
    '%2e%2e',
    '...',
    './',
    'a?x=1',
    'a#b',
    'a\\..\\b',
    ' ',
    '\0',
    'a\r\nX-Admin: 1',
    'ä€😀',
    ';a=1',
    '//evil.example/',
    'http://evil.example/',
  ]
  for (const id of odd) {
    house.companies = [{ id, name: 'Odd', permissions: ['use_app'] }]
    assert.deepEqual(await session.getCompanyPermissions(id), ['use_app'], id)
    const path = house.seen.at(-1)?.path ?? ''
    const segment = /^\/api\/v1\/auth\/get-company-permissions\/([^/?#\\]+)\/$/.exec(path)?.[1]
    assert.equal(decodeURIComponent(segment ?? ''), id)
    assert.equal(house.seen.at(-1)?.headers['x-admin'], undefined)
  }
})

test('what can not be a segment is no company, and is not sent', async (t) => {
  const house = await startHouse(t, 'rich')
  house.tokens.add('clt_1')
  const session = new LicenseClient(APPLICATION, { baseUrl: house.url }).session('clt_1')
  for (const id of ['.', '..', '\ud800', 'x'.repeat(201)]) {
    await assert.rejects(session.getCompanyPermissions(id), { name: 'CompanyNotAccessible' })
  }
  for (const none of ['', undefined, null, 7, {}, ['acme-id']]) {
    await assert.rejects(session.getCompanyPermissions(none as never), TypeError) // as JavaScript could call it
  }
  assert.equal(house.seen.length, 0)
  assert.equal((await session.getCompanyPermissions('acme-id')).length, 3)
})

test('what can not be a token is none: NoValidToken, and nothing is sent', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  const odd = ['', ' ', 'a b', 'a\r\nX-Admin: 1', 'a\0', 'tökén', '😀', 'x'.repeat(5_000), undefined, null, 7, {}]
  for (const token of odd) {
    const session = license.session(token as never) // as JavaScript could call it
    const refused = { name: 'NoValidToken', code: 'invalid_token', status: undefined }
    await assert.rejects(session.getUser(), refused)
    await assert.rejects(session.getPermissions(), refused)
    await assert.rejects(session.getCompanyPermissions('acme-id'), refused)
    await session.signOut()
  }
  assert.equal(house.seen.length, 0)
})

test('a name or password of any text arrives as it was typed', async (t) => {
  const house = await startHouse(t, 'rich')
  const license = new LicenseClient(APPLICATION, { baseUrl: house.url })
  for (const text of ['', ' ', 'a"b\\c', '\0', '😀', '\ud800', '"}\r\n', 'x'.repeat(100_000)]) {
    await assert.rejects(license.authenticate(text, text), { name: 'BadCredentials' })
    assert.deepEqual(JSON.parse(house.seen.at(-1)?.body ?? ''), { username: text, password: text })
  }
})
