import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { NoValidToken } from 'cloudspot-license-api'
import fc from 'fast-check'
import { endCredentials } from '../../src/credentials/ending.ts'
import { isWellFormed, newSecret, secretHash } from '../../src/credentials/secrets.ts'
import { type Call, call, signIn } from '../support/calls.ts'
import { ACME, ANNA, issue, PASSWORD, SMALL_HOUSE, user } from '../support/house.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE
const VAULT_SECRET = 'the-vault-opens-at-nine'
const VAULT = { module: 'vault', headers: { 'x-license-secret': VAULT_SECRET } }

async function status(server: TestServer, token: string, wish: Call = {}): Promise<number> {
  return (await call(server, 'GET users/profile/', { token, ...wish })).status
}

describe('a token as a text', () => {
  test('is a prefix and 256 random bits, and no two of 100,000 are the same', () => {
    const tokens = Array.from({ length: 100_000 }, () => newSecret('clt_'))
    assert.equal(new Set(tokens).size, 100_000)
    // 43 digits of 62 are just over 256 bits; 6 are a checksum.
    const form = /^clt_[0-9A-Za-z]{49}$/
    assert.ok(tokens.every((token) => form.test(token) && token.length < 100))
    const bodies = new Set(tokens.map((token) => token.slice(4, 47)))
    assert.equal(bodies.size, 100_000)
  })

  test('one that was mistyped is known as such without a look at the database', () => {
    for (let times = 0; times < 1_000; times++) {
      const token = newSecret('clt_')
      assert.ok(isWellFormed('clt_', token))
      const at = 4 + (times % 49)
      const other = token[at] === 'a' ? 'b' : 'a'
      assert.ok(!isWellFormed('clt_', token.slice(0, at) + other + token.slice(at + 1)), token)
      assert.ok(!isWellFormed('cls_', token))
      assert.ok(!isWellFormed('cls_', token.replace('clt_', 'cls_')))
    }
  })
})

for (const database of databases) {
  describe(`tokens, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
    })
    after(() => server[Symbol.asyncDispose]())

    test('every sign-in makes a new one', async () => {
      const [first, second] = [await signIn(server, ANNA, PASSWORD), await signIn(server, ANNA, PASSWORD)]
      assert.notEqual(first.body.token, second.body.token)
      assert.match(first.body.token, /^clt_[0-9A-Za-z]{49}$/)
      for (const { body } of [first, second]) assert.equal(await status(server, body.token), 200)
    })

    test('T7: a sign-in makes a new one also where a token is sent along, and that one is nothing it was not before', async () => {
      const own = await issue(server, ANNA, 'crm')
      for (const sent of [
        own,
        await issue(server, 'carla@globex.test', 'crm'),
        newSecret('clt_'),
        'chosen-by-somebody',
      ]) {
        const before = await status(server, sent)
        const { body } = await signIn(server, ANNA, PASSWORD, { token: sent })
        assert.notEqual(body.token, sent)
        assert.equal(await status(server, sent), before)
      }
      assert.equal(await status(server, own), 200)
    })

    test('T7: every impersonation makes a new one, beside what the user has, and each ends by itself', async () => {
      const own = await issue(server, ANNA, 'crm')
      const begin = async () => {
        const token = await server.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'T7' })
        const { body } = await call(server, 'POST impersonation-validation/', { token: own, body: { token } })
        return body.auth_token as string
      }
      const [first, second] = [await begin(), await begin()]
      assert.equal(new Set([own, first, second]).size, 3)
      for (const token of [first, second]) assert.match(token, /^clt_[0-9A-Za-z]{49}$/)
      assert.equal((await call(server, 'POST sign-out/', { token: first })).status, 200)
      assert.deepEqual(
        [await status(server, first), await status(server, second), await status(server, own)],
        [401, 200, 200],
      )
    })

    test('only the very token is taken: of 2,000 changes of it none is', async () => {
      const token = await issue(server, ANNA, 'crm')
      const place = fc.nat(token.length)
      const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
      const change = fc.oneof(
        fc.tuple(place, printable).map(([at, other]) => token.slice(0, at) + other + token.slice(at + 1)),
        fc.tuple(place, printable).map(([at, other]) => token.slice(0, at) + other + token.slice(at)),
        place.map((at) => token.slice(0, at) + token.slice(at + 1)),
        place.map((at) => token.slice(0, at)),
        place.map((at) => token.slice(at)),
        place.map((at) => token.slice(0, at) + (token[at + 1] ?? '') + (token[at] ?? '') + token.slice(at + 2)),
        place.map((at) => token.slice(0, at) + switchCase(token[at] ?? '') + token.slice(at + 1)),
        place.map((at) => `${token.slice(0, at)} ${token.slice(at)}`),
        fc.constantFrom('%', '_', '*', '%25', '\t', ',', ';', '"', "'").map((end) => `${token}${end}x`),
        fc.constantFrom(token.toLowerCase(), token.toUpperCase(), token + token, `Bearer ${token}`, `"${token}"`),
        fc.constantFrom('', 'clt_', 'null', '%', token.slice(4), secretHash(token), [...token].reverse().join('')),
        // As well formed as any: these are looked for in the database.
        fc.constant(0).map(() => newSecret('clt_')),
      )
      // A header's blanks at the ends are not part of it.
      const changes = fc.sample(
        change.map((text) => text.trim()).filter((text) => text !== token),
        { numRuns: 2_000, seed: 7 },
      )
      let accepted = 0
      for (let from = 0; from < changes.length; from += 20) {
        const statuses = await Promise.all(changes.slice(from, from + 20).map((text) => status(server, text)))
        accepted += statuses.filter((each) => each !== 401).length
      }
      assert.equal(accepted, 0)
      assert.equal(await status(server, token), 200)
    })

    test('a token works in its own application only, and what was tried is noted', async () => {
      const token = await issue(server, ANNA, 'crm')
      await server.ctx.refusals.flush(server.ctx.db)
      await server.ctx.db.transaction((tx) => tx.deleteFrom('refusals').execute())
      assert.equal(await status(server, token, { module: 'crm' }), 200)
      const elsewhere: Call[] = [
        { module: 'shop' },
        VAULT,
        { module: 'attic' },
        { module: 'unheard-of' },
        { module: null },
      ]
      for (const wish of elsewhere) assert.equal(await status(server, token, wish), 401)
      assert.equal(await status(server, token, { module: 'shop' }), 401)
      assert.equal((await call(server, 'POST sign-out/', { token, module: 'shop' })).status, 401)
      // And it is as good as before in its own.
      assert.equal(await status(server, token), 200)

      await server.ctx.refusals.flush(server.ctx.db)
      const { refusals = [], tokens = [] } = await allTables(server)
      const { id } = tokens.find(({ hash }) => hash === secretHash(token)) ?? {}
      const noted = refusals.map(({ kind, application_id, subject, times }) => [kind, application_id, subject, times])
      const another = 'token_of_another_application'
      assert.deepEqual(
        noted.sort(),
        [
          [another, 'attic', id, 1],
          [another, 'shop', id, 3],
          // Without the name: it may be a secret that was sent in the wrong place.
          [another, '', id, 1],
          [another, 'vault', id, 1],
          ['token_without_application', '', id, 1],
        ].sort(),
      )
    })

    test('the table of refusals is bounded, whatever is invented', async () => {
      await using flooded = await startServer(database)
      const { refusals, db } = flooded.ctx
      for (let round = 0; round < 12; round++) {
        for (let at = 0; at < 3_000; at++)
          refusals.note('token_of_another_application', `${round}-${at}`, 'x', round * 10_000 + at)
        await refusals.flush(db)
      }
      const { count } = await db.read
        .selectFrom('refusals')
        .select((e) => e.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      assert.ok(count > 1_000 && count <= 10_000, `${count} rows`)
    })

    test('it ends after its days, to the second', async () => {
      const rows: [string, Call, number][] = [
        ['crm', {}, 30],
        ['vault', VAULT, 30],
      ]
      for (const [application, wish, days] of rows) {
        await using timed = await startServer(database, { house: SMALL_HOUSE })
        const begin = Date.parse('2030-01-01T00:00:00Z')
        timed.clock.stopAt(begin)
        const token = await issue(timed, ANNA, application)
        // Used every day, so that no idle limit ends it.
        for (let day = 1; day < days; day++) {
          timed.clock.stopAt(begin + day * DAY)
          assert.equal(await status(timed, token, wish), 200)
        }
        timed.clock.stopAt(begin + days * DAY - SECOND)
        const last = await call(timed, 'GET users/profile/', { token, rich: true, ...wish })
        assert.deepEqual([last.status, last.body.expires_in], [200, 1])
        assert.equal(last.body.expires_at, new Date(begin + days * DAY).toISOString())
        timed.clock.stopAt(begin + days * DAY - 1)
        assert.equal(await status(timed, token, wish), 200)
        timed.clock.stopAt(begin + days * DAY)
        assert.equal(await status(timed, token, wish), 401)
      }
    })

    test('an idle one ends to the minute; by default after 14 days, and never where the application has no secret', async () => {
      await using timed = await startServer(database, { house: SMALL_HOUSE })
      await timed.seed({
        applications: [
          { id: 'crm', token_days: 100 },
          { id: 'vault', token_days: 100 },
          { id: 'shop', token_days: 3, token_idle_days: 1 },
        ],
      })
      const begin = Date.parse('2030-01-01T00:00:00Z')
      const idle = async (application: string, wish: Call, milliseconds: number) => {
        timed.clock.stopAt(begin)
        const token = await issue(timed, ANNA, application)
        timed.clock.stopAt(begin + milliseconds)
        return await status(timed, token, wish)
      }
      assert.equal(await idle('vault', VAULT, 14 * DAY - MINUTE), 200)
      assert.equal(await idle('vault', VAULT, 14 * DAY + MINUTE), 401)
      assert.equal(await idle('crm', {}, 14 * DAY + MINUTE), 200)
      assert.equal(await idle('crm', {}, 100 * DAY - SECOND), 200)
      assert.equal(await idle('crm', {}, 100 * DAY), 401)
      assert.equal(await idle('shop', { module: 'shop' }, DAY - MINUTE), 200)
      assert.equal(await idle('shop', { module: 'shop' }, DAY + MINUTE), 401)

      // Use carries it on: from the last use, not from the first.
      timed.clock.stopAt(begin)
      const token = await issue(timed, ANNA, 'shop')
      for (const hours of [20, 40, 60]) {
        timed.clock.stopAt(begin + hours * 60 * MINUTE)
        assert.equal(await status(timed, token, { module: 'shop' }), 200)
        if (hours === 40) await timed.ctx.tokenUse.flush(timed.ctx.db)
      }
      timed.clock.stopAt(begin + 3 * DAY)
      assert.equal(await status(timed, token, { module: 'shop' }), 401)
    })

    test("the house's and the application's days are what the answer says", async () => {
      const env = { LICENSE_TOKEN_DAYS: '7', LICENSE_TOKEN_IDLE_DAYS: '2' }
      await using timed = await startServer(database, { house: SMALL_HOUSE, env })
      await timed.seed({ applications: [{ id: 'shop', token_days: 5, token_idle_days: 0 }] })
      timed.clock.stopAt(Date.parse('2030-01-01T00:00:00Z'))
      const days = async (module: string, wish: Call = {}) => {
        const { body } = await signIn(timed, ANNA, PASSWORD, { module, rich: true, ...wish })
        return body.expires_in / (24 * 60 * 60)
      }
      assert.deepEqual([await days('crm'), await days('shop'), await days('vault', VAULT)], [7, 5, 7])
      const { tokens = [] } = await allTables(timed)
      const limits = Object.fromEntries(tokens.map((row) => [row.application_id, Number(row.idle_limit) / DAY]))
      assert.deepEqual(limits, { crm: 0, shop: 0, vault: 2 })
    })

    test('signing out is final, for that token only', async () => {
      const [token, other] = [await issue(server, ANNA, 'crm'), await issue(server, ANNA, 'crm')]
      const out = await call(server, 'POST sign-out/', { token })
      assert.deepEqual([out.status, out.body], [200, {}])
      assert.equal(await status(server, token), 401)
      assert.equal((await call(server, 'POST sign-out/', { token })).status, 401)
      assert.equal(await status(server, other), 200)
      // Through the library: the session is over, and signing out twice is no error.
      const session = server.license('crm').session(other)
      await session.signOut()
      await session.signOut()
      await assert.rejects(session.getUser(), NoValidToken)
    })

    test('of many sign-outs at once with one token one is told that it was it', async () => {
      const token = await issue(server, ANNA, 'crm')
      const replies = await Promise.all(Array.from({ length: 10 }, () => call(server, 'POST sign-out/', { token })))
      const statuses = replies.map((reply) => reply.status).sort()
      assert.deepEqual(statuses, [200, ...Array(9).fill(401)])
    })

    test('ending all sessions of a user ends each, with the next sign-in a new one begins', async () => {
      const now = server.clock.now()
      const { db } = server.ctx
      const [inCrm, inVault] = [await issue(server, ANNA, 'crm'), await issue(server, ANNA, 'vault')]
      const carlas = await issue(server, 'carla@globex.test', 'crm')
      const { id } = await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()
      await db.transaction((tx) => endCredentials(tx, { userId: id }, now))
      assert.equal(await status(server, inCrm), 401)
      assert.equal(await status(server, inVault, VAULT), 401)
      assert.equal(await status(server, carlas), 200)
      const { token } = (await signIn(server, ANNA, PASSWORD)).body
      assert.equal(await status(server, token), 200)
      assert.equal(await status(server, inCrm), 401)
    })

    test('ending all sessions of an application leaves those of another', async () => {
      const [inCrm, inVault] = [await issue(server, ANNA, 'crm'), await issue(server, ANNA, 'vault')]
      const carlas = await issue(server, 'carla@globex.test', 'crm')
      await server.ctx.db.transaction((tx) => endCredentials(tx, { applicationId: 'crm' }, server.clock.now()))
      assert.equal(await status(server, inCrm), 401)
      assert.equal(await status(server, carlas), 401)
      assert.equal(await status(server, inVault, VAULT), 200)
      assert.equal(await status(server, (await signIn(server, ANNA, PASSWORD)).body.token), 200)
    })

    test('a token of a clock that runs ahead is ended too, and the next one is good on a clock that runs behind', async () => {
      await using timed = await startServer(database, { house: SMALL_HOUSE })
      const { db } = timed.ctx
      const now = Date.parse('2030-01-01T00:00:00Z')
      const { id } = await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()
      const endings = [
        () => db.transaction((tx) => endCredentials(tx, { userId: id }, now)),
        () => db.transaction((tx) => endCredentials(tx, { applicationId: 'crm' }, now)),
      ]
      for (const end of endings) {
        timed.clock.stopAt(now + 5 * SECOND)
        const ahead = await issue(timed, ANNA, 'crm')
        timed.clock.stopAt(now)
        await end()
        assert.equal(await status(timed, ahead), 401)
        timed.clock.stopAt(now + 6 * SECOND)
        assert.equal(await status(timed, ahead), 401)
        timed.clock.stopAt(now - 5 * SECOND)
        assert.equal(await status(timed, await issue(timed, ANNA, 'crm')), 200)
      }
    })

    test('the last use is stored by and by, not with every request', async () => {
      await using timed = await startServer(database, { house: SMALL_HOUSE })
      const begin = Date.parse('2030-01-01T00:00:00Z')
      timed.clock.stopAt(begin)
      const token = await issue(timed, ANNA, 'crm')
      const lastUse = async () => {
        const { last_used_at } = await timed.ctx.db.read
          .selectFrom('tokens')
          .select('last_used_at')
          .where('hash', '=', secretHash(token))
          .executeTakeFirstOrThrow()
        return last_used_at - begin
      }
      const flush = () => timed.ctx.tokenUse.flush(timed.ctx.db)
      timed.clock.stopAt(begin + 29 * SECOND)
      await status(timed, token)
      await flush()
      assert.equal(await lastUse(), 0)
      const before = await allTables(timed)
      timed.clock.stopAt(begin + 40 * SECOND)
      for (let times = 0; times < 20; times++) await status(timed, token)
      assert.deepEqual(await allTables(timed), before)
      await flush()
      assert.equal(await lastUse(), 40 * SECOND)
      // A node that knows an older use does not turn it back.
      timed.ctx.tokenUse.note(secretHash(token), 0, begin + 35 * SECOND)
      await flush()
      assert.equal(await lastUse(), 40 * SECOND)
    })

    test('a password of a user who is not there makes no token', async () => {
      const count = async () => (await allTables(server)).tokens?.length
      const before = await count()
      assert.equal((await signIn(server, 'nobody@acme.test', PASSWORD)).status, 401)
      assert.equal((await signIn(server, 'gina@example.test', PASSWORD)).status, 403)
      assert.equal((await signIn(server, 'felix@acme.test', PASSWORD)).status, 403)
      assert.equal(await count(), before)
      await server.seed({
        users: [user('new@acme.test', { companies: [{ company: ACME, grants: [{ application: 'crm' }] }] })],
      })
      assert.equal((await signIn(server, 'new@acme.test', PASSWORD)).status, 200)
      assert.equal(await count(), (before ?? 0) + 1)
    })
  })
}

if (databases.includes('postgres')) {
  test('T7: what ends a token ends it on every server of the house', async () => {
    const key = randomBytes(32).toString('base64')
    const env = {
      LICENSE_DATABASE_URL: await newDatabase(),
      LICENSE_KEYS: JSON.stringify({ current: 'k', keys: { k: key } }),
    }
    await using one = await startServer('postgres', { house: SMALL_HOUSE, env })
    await using two = await startServer('postgres', { env })
    const [token, other] = [await issue(one, ANNA, 'crm'), await issue(two, ANNA, 'crm')]
    const body = { token: await one.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'T7' }) }
    const { auth_token } = (await call(two, 'POST impersonation-validation/', { body })).body
    const begun = one.clock.now()
    for (const server of [one, two]) server.clock.stopAt(begun + MINUTE)
    for (const server of [one, two]) {
      for (const each of [token, other, auth_token]) assert.equal(await status(server, each), 200)
    }
    // Signed out by one, with a use noted by the other that is not stored yet.
    assert.equal((await call(one, 'POST sign-out/', { token })).status, 200)
    assert.equal((await call(two, 'POST sign-out/', { token: auth_token })).status, 200)
    for (const server of [one, two]) await server.ctx.tokenUse.flush(server.ctx.db)
    for (const server of [two, one]) {
      for (const each of [token, auth_token]) {
        assert.equal(await status(server, each), 401)
        assert.equal((await call(server, 'POST sign-out/', { token: each })).status, 401)
      }
      assert.equal(await status(server, other), 200)
    }
    await two.seed({ users: [{ email: ANNA, active: false }] })
    assert.equal(await status(one, other), 401)
  })
}

function switchCase(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
}
