import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Call, call, signIn } from '../support/calls.ts'
import { ACME, ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const SECRET = 'the-vault-opens-at-nine'
const OTHER = 'the-cellar-opens-at-ten'

function basic(text: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

const PROVED: [string, Record<string, string>][] = [
  ['X-LICENSE-SECRET', { 'x-license-secret': SECRET }],
  ['Basic', basic(`vault:${SECRET}`)],
  ['basic, in lower case', { authorization: basic(`vault:${SECRET}`).authorization?.replace('Basic', 'basic') ?? '' }],
  ['X-LICENSE-SECRET beside another Authorization', { 'x-license-secret': SECRET, authorization: 'Bearer x' }],
]

const NOT_PROVED: [string, Record<string, string>][] = [
  ['nothing', {}],
  ['an empty one', { 'x-license-secret': '' }],
  ['a wrong one', { 'x-license-secret': 'the-vault-opens-at-ten' }],
  ['one in another case', { 'x-license-secret': SECRET.toUpperCase() }],
  ['the beginning', { 'x-license-secret': SECRET.slice(0, -1) }],
  ['one and more', { 'x-license-secret': `${SECRET}.` }],
  ["another application's", { 'x-license-secret': OTHER }],
  ["another application's, by Basic", basic(`cellar:${OTHER}`)],
  ["another application's name with this secret", basic(`cellar:${SECRET}`)],
  ["this application's name with another's secret", basic(`vault:${OTHER}`)],
  ['no name', basic(`:${SECRET}`)],
  ['a name only', basic('vault')],
  ['no base64', { authorization: `Basic vault:${SECRET}` }],
  ['a bearer', { authorization: `Bearer ${SECRET}` }],
  ['a wrong one beside a right Basic', { 'x-license-secret': 'wrong', ...basic(`vault:${SECRET}`) }],
]

for (const database of databases) {
  describe(`an application that has a secret must send it, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
      await server.seed({
        applications: [
          { id: 'cellar', name: 'Cellar', secret: OTHER },
          { id: 'colon', name: 'Colon', secret: 'with:colons:in-it' },
        ],
      })
    })
    after(() => server[Symbol.asyncDispose]())

    /** Every call there is. */
    const everything = async (headers: Record<string, string>, rich: boolean) => {
      const oneTime = await server.impersonate({ user: ANNA, company: ACME, application: 'vault', reason: 'a test' })
      const token = await issue(server, ANNA, 'vault')
      const wish: Call = { module: 'vault', headers, rich, token }
      return [
        await signIn(server, ANNA, PASSWORD, wish),
        await call(server, 'GET users/profile/', wish),
        await call(server, 'GET get-permissions/', wish),
        await call(server, `GET get-company-permissions/${ACME}/`, wish),
        await call(server, 'POST impersonation-validation/', { ...wish, body: { token: oneTime } }),
        await call(server, 'POST sign-out/', wish),
      ]
    }

    for (const [how, headers] of PROVED) {
      test(`by ${how}`, async () => {
        for (const { status, text } of await everything(headers, false)) assert.equal(status, 200, text)
      })
    }

    for (const [how, headers] of NOT_PROVED) {
      test(`refused: ${how}`, async () => {
        for (const { status, body, text } of await everything(headers, true)) {
          assert.equal(status, 401, text)
          assert.equal(body.code, 'application_secret_required')
          assert.ok(!('errors' in body) && !text.includes(SECRET))
        }
      })
    }

    test('without it nothing more is learnt: not whether a password, a token or a one-time token was right', async () => {
      const texts = new Set<string>()
      const token = await issue(server, ANNA, 'vault')
      for (const [username, password] of [
        [ANNA, PASSWORD],
        [ANNA, 'wrong'],
        ['nobody@acme.test', 'x'],
        [7, null],
      ]) {
        texts.add((await signIn(server, username, password, { module: 'vault' })).text)
      }
      for (const each of [token, 'clt_none', undefined, await issue(server, ANNA, 'crm')]) {
        texts.add((await call(server, 'GET get-permissions/', { module: 'vault', token: each })).text)
      }
      for (const each of [
        await server.impersonate({ user: ANNA, company: ACME, application: 'vault', reason: 'x' }),
        'x',
      ]) {
        texts.add(
          (await call(server, 'POST impersonation-validation/', { module: 'vault', body: { token: each } })).text,
        )
      }
      assert.equal(texts.size, 1, [...texts].join('\n'))
    })

    test('a secret may have colons', async () => {
      const wish = { module: 'colon', ...{ rich: true } }
      const { body } = await signIn(server, ANNA, PASSWORD, { ...wish, headers: basic('colon:with:colons:in-it') })
      // The secret was right: what is missing is a company.
      assert.equal(body.code, 'no_access')
      const wrong = await signIn(server, ANNA, PASSWORD, { ...wish, headers: basic('colon:with:colons') })
      assert.equal(wrong.body.code, 'application_secret_required')
    })

    test('an application without one takes no notice of what is sent', async () => {
      for (const [, headers] of [...PROVED, ...NOT_PROVED]) {
        assert.equal((await signIn(server, ANNA, PASSWORD, { headers })).status, 200)
      }
    })

    test('a new secret takes the place of the old one at once, and the library sends it', async () => {
      const vault = (secret: string) => server.license('vault', { secret }).authenticate(ANNA, PASSWORD)
      await vault(SECRET)
      await server.seed({ applications: [{ id: 'vault', secret: 'the-vault-opens-at-noon' }] })
      await assert.rejects(vault(SECRET), { code: 'application_secret_required' })
      const session = await vault('the-vault-opens-at-noon')
      assert.ok(session.permissions.has('open_door', ACME))
      await server.seed({ applications: [{ id: 'vault', secret: SECRET }] })
      await assert.rejects(session.getUser(), { code: 'application_secret_required' })
    })
  })
}
