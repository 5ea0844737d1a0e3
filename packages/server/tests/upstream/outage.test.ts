import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { LicenseServerUnavailable } from 'cloudspot-license-api'
import { signIn } from '../support/calls.ts'
import { PASSWORD } from '../support/house.ts'
import { startOldServer } from '../support/old-server.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'
import { ACME, MIA, NEW_HOUSE, OLD_PASSWORD, oldCompany, oldUser } from './house.ts'

const companies = [oldCompany(ACME, 'ACME', 'create_invoice')]
const json = { 'content-type': 'application/json' }
const say =
  (status: number, text: string, headers: Record<string, string> = json) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end(text)
const message = '{"message":"no"}'
const good = JSON.stringify({ token: 't', permissions: companies })
/** The same with something else in it. */
const withThat = (change: object) => say(200, JSON.stringify({ token: 't', permissions: companies, ...change }))
const company = (change: object) => withThat({ permissions: [{ ...companies[0], ...change }] })

/** What is neither yes nor no, by what it is; `profile` where the sign-in is answered well. */
const OUTAGES: [what: string, answer: (response: ServerResponse) => void, profile?: 'profile'][] = [
  ['its own error', say(500, message)],
  ['a gateway', say(502, '<html>Bad gateway</html>', { 'content-type': 'text/html' })],
  ['a page of a proxy', say(200, '<html>Welcome</html>', { 'content-type': 'text/html' })],
  ['a page that refuses', say(403, '<html>Forbidden</html>', { 'content-type': 'text/html' })],
  ['a refusal of another form', say(401, '{"detail":"no"}')],
  ['a redirect', say(302, '', { location: 'https://elsewhere.example/' })],
  ['its own throttle', say(429, message, { ...json, 'retry-after': '17' })],
  ['another success', say(201, good)],
  [
    'a body that breaks off',
    (response) =>
      void response.writeHead(200, { ...json, 'content-length': '9999' }).write(good, () => response.destroy()),
  ],
  ['a connection that breaks off', (response) => void response.destroy()],
  ['more than a megabyte', say(200, good + ' '.repeat(1_100_000))],
  [
    'bytes that are no text',
    (response) => void response.writeHead(200, json).end(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
  ],
  ['no object', say(200, '[]')],
  ['no token', say(200, JSON.stringify({ permissions: companies }))],
  ['a token with a line end', withThat({ token: 'a\r\nx-evil: 1' })],
  ['no list', withThat({ permissions: {} })],
  ['a list of nothing', withThat({ permissions: [null] })],
  ['a company without an id', company({ company_id: undefined })],
  ['an id that is none', company({ company_id: "1' or '1'='1" })],
  ['a name too long', company({ company_name: 'x'.repeat(101) })],
  ['a name of blanks', company({ company_name: '  ' })],
  ['a name with a NUL', company({ company_name: 'AC\0ME' })],
  ['half of a pair in a name', company({ company_name: 'AC\ud800ME' })],
  ['a permission that is no text', company({ permissions: ['use_app', { slug: 'x' }] })],
  ['a permission too long', company({ permissions: ['use_app', 'x'.repeat(101)] })],
  [
    'too many companies',
    withThat({
      permissions: Array.from({ length: 201 }, (_, at) => ({
        ...companies[0],
        company_id: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
        permissions: [],
      })),
    }),
  ],
  ['too many permissions', company({ permissions: Array.from({ length: 20_001 }, (_, at) => `p${at}`) })],
  ['a flat answer with another list', withThat({ company_id: ACME, company_name: 'ACME' })],
  ['a profile that refuses', say(401, message), 'profile'],
  ['a profile that fails', say(500, message), 'profile'],
  ['a profile without an address', say(200, '{"first_name":"a","last_name":"b"}'), 'profile'],
  [
    'a name of a person too long',
    say(200, JSON.stringify({ first_name: 'x'.repeat(151), last_name: '', email: MIA })),
    'profile',
  ],
  [
    'a pin too long',
    say(200, JSON.stringify({ first_name: '', last_name: '', email: MIA, pin: '1234567' })),
    'profile',
  ],
]

const isProfile = (url = '') => url.endsWith('users/profile/')

/** All but what was noted of it. */
async function stored(server: TestServer): Promise<object> {
  const { refusals: _noted, ...rest } = await allTables(server)
  return rest
}

/** Past the pause that comes after some failures. */
function afterPause({ clock }: TestServer): void {
  clock.advance(5_001)
}

for (const database of databases) {
  describe(`an old server that says neither yes nor no (${database})`, () => {
    test('is never a wrong password, counts as no try, and leaves nothing behind', async () => {
      await using old = await startOldServer({ [MIA]: oldUser(MIA, companies) })
      await using server = await startServer(database, { house: NEW_HOUSE, env: old.env })
      const before = await stored(server)
      for (const [what, answer, at] of OUTAGES) {
        old.behave = ({ url }, response) => {
          if (isProfile(url) !== (at === 'profile')) return false
          answer(response)
          return true
        }
        afterPause(server)
        const rich = await signIn(server, MIA, OLD_PASSWORD, { rich: true })
        assert.deepEqual([rich.status, rich.body?.code], [503, 'upstream_unavailable'], `${what}: ${rich.text}`)
        const wait = what === 'its own throttle' ? '17' : '5'
        assert.deepEqual([rich.headers.get('retry-after'), String(rich.body.retry_after)], [wait, wait], what)
        const plain = await signIn(server, MIA, OLD_PASSWORD)
        assert.deepEqual([plain.status, Object.keys(plain.body)], [503, ['message']], what)
        assert.deepEqual(await stored(server), before, what)
      }
      afterPause(server)
      await assert.rejects(
        server.license('crm').authenticate(MIA, OLD_PASSWORD),
        (error) => error instanceof LicenseServerUnavailable && error.code === 'upstream_unavailable',
      )
      // As if nothing had been: no wait, and all comes along.
      old.behave = () => false
      afterPause(server)
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
    })

    test('that is gone or silent keeps nobody else out: others sign in, it is asked by some at once, and then given up for a while', async () => {
      await using old = await startOldServer()
      const env = { ...old.env, LICENSE_HASH_CONCURRENCY: '2', LICENSE_HASH_QUEUE: '60' }
      await using server = await startServer(database, { house: NEW_HOUSE, env })
      const silent: ServerResponse[] = []
      let open = 0
      let most = 0
      old.behave = (_request, response) => {
        response.once('close', () => open--)
        most = Math.max(most, ++open)
        return silent.push(response) > 0
      }
      const strangers = Array.from({ length: 30 }, (_, at) =>
        signIn(server, `nobody${at}@acme.test`, 'x', { rich: true }),
      )
      while (silent.length < 8) await new Promise((resolve) => setTimeout(resolve, 5))
      // Nobody of these holds a place at the hashing, nor the database.
      for (let times = 0; times < 3; times++)
        assert.equal((await signIn(server, 'here@globex.test', PASSWORD)).status, 200)
      assert.equal(server.ctx.hasher.running, 0)
      for (const reply of await Promise.all(strangers)) {
        assert.equal(reply.status, 503, reply.text)
        assert.match(reply.body.code, /^(upstream_unavailable|busy)$/)
        assert.ok(reply.headers.has('retry-after'))
      }
      const asked = silent.length
      assert.deepEqual([most, asked < 30], [8, true], `${asked} were asked`)
      const given = await signIn(server, 'nobody@acme.test', 'x', { rich: true })
      assert.deepEqual([given.status, given.body.code, silent.length], [503, 'upstream_unavailable', asked])
      assert.ok(Number(given.headers.get('retry-after')) <= 5)

      // After the pause one tries for all, and it is there again.
      old.behave = () => false
      old.users.set(MIA, oldUser(MIA, companies))
      afterPause(server)
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
      await old.stop()
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
    })

    test('that nobody could reach by the rules is told so: in the clear only where the network is opened', async () => {
      await using old = await startOldServer({ [MIA]: oldUser(MIA, companies) })
      const env = { ...old.env, LICENSE_ALLOWED_NETWORKS: '10.0.0.0/8' }
      await using server = await startServer(database, { house: NEW_HOUSE, env })
      const reply = await signIn(server, MIA, OLD_PASSWORD, { rich: true })
      assert.deepEqual([reply.status, reply.body.code, old.asked.length], [503, 'upstream_unavailable', 0])
      await using open = await startServer(database, { house: NEW_HOUSE, env: old.env })
      assert.equal((await signIn(open, MIA, OLD_PASSWORD)).status, 200)
    })
  })
}
