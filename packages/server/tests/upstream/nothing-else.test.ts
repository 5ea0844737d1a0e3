import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KyselyPlugin } from 'kysely'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { deleteUser } from '../../src/credentials/accounts.ts'
import { askFor, makeKey } from '../support/admin.ts'
import { type Call, call, signIn } from '../support/calls.ts'
import { CHEAP_HASH, PASSWORD } from '../support/house.ts'
import { startOldServer } from '../support/old-server.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'
import { ACME, GLOBEX, MIA, NEW_HOUSE, OLD_PASSWORD, oldCompany, oldUser } from './house.ts'

const PEOPLE = [
  'here@globex.test',
  'off@acme.test',
  'olga@house.test',
  'sam@house.test',
  'gone@acme.test',
  'moved.off@acme.test',
]

/** Each of them has a password at the old server too, which would let all of them in. */
const OLD_USERS = Object.fromEntries(
  [MIA, ...PEOPLE].map((email) => [email, oldUser(email, [oldCompany(GLOBEX, 'Globex', 'create_invoice')])]),
)

const HOUSE = {
  ...NEW_HOUSE,
  users: [
    ...NEW_HOUSE.users,
    { email: 'off@acme.test', active: false },
    { email: 'olga@house.test', operator: true },
    { email: 'sam@house.test' },
    { email: 'gone@acme.test' },
    { email: 'moved.off@acme.test', password_hash: CHEAP_HASH, active: false },
  ],
}

async function idOf({ ctx }: TestServer, email: string): Promise<string> {
  return (await ctx.db.read.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()).id
}

const withoutRequestId = (text: string) => text.replace(/"request_id":"[^"]*"/, '')

for (const database of databases) {
  describe(`nothing else is ever sent to the old server (${database})`, () => {
    test('not for who has a password here, is switched off, was deleted, or runs the house; all refused alike', async () => {
      await using old = await startOldServer(OLD_USERS)
      await using server = await startServer(database, { house: HOUSE, env: old.env })
      const operator = await makeKey(server)
      await askFor(200, server, operator, `PATCH /users/${await idOf(server, 'sam@house.test')}`, {
        body: { support: true },
      })
      await deleteUser(server.ctx, COMMAND_LINE, { id: await idOf(server, 'gone@acme.test'), email: 'gone@acme.test' })
      const people = async () => JSON.stringify((await allTables(server)).users)
      const before = await people()
      const [wrong, ...texts] = await Promise.all(
        [[MIA, 'wrong'], ...PEOPLE.map((email) => [email, OLD_PASSWORD])].map(async ([email, password]) => {
          const start = performance.now()
          const rich = await signIn(server, email, password, { rich: true })
          // The same floor for who is asked for elsewhere and who is not, which leaves the old server time to say "no".
          const { ms } = server.ctx.refusalFloor
          assert.ok(ms >= 1_000 && performance.now() - start >= 999, `${email} after ${performance.now() - start} ms`)
          const plain = await signIn(server, email, password)
          return withoutRequestId(`${rich.status} ${rich.text} ${plain.status} ${plain.text}`)
        }),
      )
      assert.match(wrong ?? '', /^401 .*bad_credentials.*401 \{"message":"[^"]*"\}$/)
      for (const text of texts) assert.equal(text, wrong)
      // Mia's two were asked for, and nobody else's.
      assert.deepEqual(old.signIns(), { [MIA]: 2 })
      assert.equal(old.asked.length, 2)
      assert.equal(await people(), before)
      // The right twin of each refusal: it was the person, not the house.
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
      assert.equal((await signIn(server, 'here@globex.test', PASSWORD)).status, 200)
    })

    test('not what is malformed, of an application that may not ask, or no address that can have an account', async () => {
      await using old = await startOldServer(OLD_USERS)
      await using server = await startServer(database, { house: HOUSE, env: old.env })
      const line = 'POST authenticate/'
      const body = { username: MIA, password: OLD_PASSWORD }
      const refused: [what: string, wish: Call, status: number][] = [
        ['no application', { module: null, body }, 401],
        ['an unknown one', { module: 'none', body }, 401],
        ['one that is switched off', { module: 'attic', body }, 401],
        ['one without its secret', { module: 'vault', body }, 401],
        ['no JSON', { raw: '{"username":' }, 400],
        ['no password', { body: { username: MIA } }, 400],
        ['a number', { body: { username: MIA, password: 1 } }, 400],
        ['half of a pair', { body: { username: MIA, password: '\ud800' } }, 400],
        ['a NUL in the name', { body: { username: `${MIA}\0`, password: OLD_PASSWORD } }, 400],
        ['too long a body', { body: { username: MIA, password: 'x'.repeat(20_000) } }, 413],
        ['a password longer than any', { body: { username: MIA, password: 'x'.repeat(1_025) } }, 401],
        ['no address', { body: { username: 'mia', password: OLD_PASSWORD } }, 401],
        ['a look-alike', { body: { username: 'mıa@acme.test', password: OLD_PASSWORD } }, 401],
      ]
      for (const [what, wish, status] of refused) assert.equal((await call(server, line, wish)).status, status, what)
      // Nor a token of ours, or an address of no end user, whatever call it is.
      const { body: inside } = await signIn(server, 'here@globex.test', PASSWORD)
      for (const path of ['users/profile/', 'get-permissions/', `get-company-permissions/${GLOBEX}/`])
        await call(server, `GET ${path}`, { token: inside.token })
      await call(server, 'GET users/profile/', { token: 'old-token-1' })
      await call(server, 'POST impersonation-validation/', { body: { token: 'x' } })
      assert.equal(old.asked.length, 0)
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
      const secret = { 'x-license-secret': 'the-vault-opens-at-nine', 'x-license-user-address': '192.0.2.7' }
      const asked = old.asked.length
      old.users.set('vera@acme.test', oldUser('vera@acme.test', [oldCompany(ACME, 'ACME')]))
      const vera = await signIn(server, 'vera@acme.test', OLD_PASSWORD, { module: 'vault', headers: secret })
      assert.equal(vera.status, 200, vera.text)
      // The secret proved the application here; it goes nowhere, and neither does where the end user is.
      assert.deepEqual(old.asked[asked]?.headers, { 'content-type': 'application/json', 'x-license-module': 'vault' })
      assert.doesNotMatch(JSON.stringify(old.asked), /opens-at-nine|192\.0\.2\.7/)
    })

    test('its refusals are wrong passwords: counted, and nothing is sent while the name must wait', async () => {
      await using old = await startOldServer(OLD_USERS)
      await using server = await startServer(database, { house: HOUSE, env: old.env })
      server.clock.stopAt(Date.now())
      for (const email of [MIA, 'here@globex.test'])
        for (let tries = 0; tries < 5; tries++)
          assert.equal((await signIn(server, email, `wrong ${tries}`)).status, 401)
      const throttled = await Promise.all(
        [MIA, 'here@globex.test'].map((email) => signIn(server, email, OLD_PASSWORD, { rich: true })),
      )
      const [ofMia, ofHere] = throttled.map(({ status, text }) => `${status} ${withoutRequestId(text)}`)
      assert.match(ofMia ?? '', /^429 /)
      assert.equal(ofMia, ofHere)
      assert.deepEqual(old.signIns(), { [MIA]: 5 })
      server.clock.advance(60_000)
      // The right one comes in, and it was no wrong one.
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
      assert.deepEqual(old.signIns(), { [MIA]: 6 })
    })

    test('the address of a deleted user is taken up on purpose only', async () => {
      await using old = await startOldServer(OLD_USERS)
      await using server = await startServer(database, { house: HOUSE, env: old.env })
      const id = await idOf(server, 'gone@acme.test')
      await deleteUser(server.ctx, COMMAND_LINE, { id, email: 'gone@acme.test' })
      assert.equal((await signIn(server, 'gone@acme.test', OLD_PASSWORD)).status, 401)
      assert.deepEqual(old.asked, [])
      const operator = await makeKey(server)
      const body = { email: 'gone@acme.test' }
      await askFor(409, server, operator, 'POST /users', { body })
      const made = await askFor(201, server, operator, 'POST /users', { body: { ...body, take_up_deleted: true } })
      assert.equal((await signIn(server, 'gone@acme.test', OLD_PASSWORD)).status, 200)
      assert.notEqual(made.id, id)
      const erased = await server.ctx.db.read.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
      assert.deepEqual([erased?.password_hash, erased?.active, erased?.moved_at], [null, 0, null])
    })

    test('a sign-in that needs nobody else asks the database no more often than without LICENSE_UPSTREAM', async () => {
      const statements = async (env: Record<string, string>) => {
        await using server = await startServer(database, { house: HOUSE, env })
        await signIn(server, 'here@globex.test', PASSWORD)
        let asked = 0
        const { findArrival, issueAtOnce, facts } = server.ctx
        const count =
          <A extends unknown[], R>(act: (...args: A) => R) =>
          (...args: A): R => {
            asked++
            return act(...args)
          }
        const { read, transaction } = server.ctx.db
        const counting: KyselyPlugin = {
          transformQuery({ node }) {
            asked++
            return node
          },
          transformResult: async ({ result }) => result,
        }
        Object.assign(server.ctx, {
          findArrival: count(findArrival),
          issueAtOnce: count(issueAtOnce),
          facts: { ...facts, byUser: count(facts.byUser) },
          db: { ...server.ctx.db, read: read.withPlugin(counting), transaction: count(transaction) },
        })
        assert.equal((await signIn(server, 'here@globex.test', PASSWORD)).status, 200)
        return asked
      }
      await using old = await startOldServer(OLD_USERS)
      const without = await statements({})
      assert.equal(without, 3)
      assert.equal(await statements(old.env), without)
      assert.deepEqual(old.asked, [])
    })
  })
}
