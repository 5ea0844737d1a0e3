import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { TooManyAttempts } from 'cloudspot-license-api'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { changePassword } from '../../src/credentials/accounts.ts'
import { purge } from '../../src/jobs/purge.ts'
import { type Call, call, type Reply, signIn } from '../support/calls.ts'
import { ANNA, issue, PASSWORD, SMALL_HOUSE, user } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const SECRET = SMALL_HOUSE.applications[2]?.secret ?? ''
const CARLA = 'carla@globex.test'

/** A back-end that proved itself and says where its user is. */
function from(address: string): Call {
  return { module: 'vault', headers: { 'x-license-secret': SECRET, 'x-license-user-address': address } }
}

async function wrong(server: TestServer, times: number, email = ANNA, wish: Call = {}): Promise<Reply[]> {
  const replies: Reply[] = []
  for (let count = 0; count < times; count++) replies.push(await signIn(server, email, `wrong ${count}`, wish))
  return replies
}

function statuses(replies: readonly Reply[]): number[] {
  return replies.map(({ status }) => status)
}

for (const database of databases) {
  describe(`wrong passwords, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
    })
    beforeEach(async () => {
      server.clock.stopAt(Date.now())
      await server.lift()
    })
    after(() => server[Symbol.asyncDispose]())

    test('five are free, the sixth waits, and a limit says that it is one', async () => {
      assert.deepEqual(statuses(await wrong(server, 7)), [401, 401, 401, 401, 401, 429, 429])
      const plain = await signIn(server, ANNA, PASSWORD)
      assert.equal(plain.status, 429)
      assert.deepEqual(Object.keys(plain.body), ['message'])
      assert.match(plain.body.message, /^There were too many wrong passwords\. Try again in (a second|2 seconds)\.$/)
      assert.match(plain.headers.get('retry-after') ?? '', /^[12]$/)
      const { body, headers } = await signIn(server, ANNA, PASSWORD, { rich: true })
      assert.deepEqual([body.code, body.status], ['too_many_attempts', 429])
      assert.equal(String(body.retry_after), headers.get('retry-after'))
      const error = await server
        .license('crm')
        .authenticate(ANNA, PASSWORD)
        .catch((thrown: unknown) => thrown)
      assert.ok(error instanceof TooManyAttempts)
      assert.ok(error.retryAfter === 1 || error.retryAfter === 2)
      // Another account is not held up, and who is signed in works on.
      assert.equal((await signIn(server, CARLA, PASSWORD)).status, 200)
      assert.equal(
        (await call(server, 'GET get-permissions/', { token: await issue(server, ANNA, 'crm') })).status,
        200,
      )
    })

    test('when the wait is over the right password comes in; whoever guesses gets no five new tries by it', async () => {
      await wrong(server, 6)
      server.clock.advance(2_000)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
      assert.deepEqual(statuses(await wrong(server, 2)), [401, 429])
      // A wrong one after the wait doubles it.
      server.clock.advance(2_000)
      assert.deepEqual(statuses(await wrong(server, 2)), [401, 429])
      server.clock.advance(2_000)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 429)
      server.clock.advance(2_000)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
    })

    test('a right password that loses its place at the gate has not tried', async () => {
      await using narrow = await startServer(database, {
        house: SMALL_HOUSE,
        env: { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_QUEUE: '2' },
      })
      await wrong(narrow, 3)
      const before = (await allTables(narrow)).throttles
      for (let round = 0; round < 4; round++) {
        const { promise, resolve } = Promise.withResolvers<void>()
        using first = narrow.ctx.hasher.enter('crm')
        const running = first.run(() => promise)
        using second = narrow.ctx.hasher.enter('crm')
        const queued = second.run(async () => undefined)
        const coming = signIn(narrow, ANNA, PASSWORD)
        while (narrow.ctx.hasher.waiting < 2) await new Promise((done) => setTimeout(done, 5))
        // It takes its try and then waits for its turn, from where another application's place pushes it out.
        await new Promise((done) => setTimeout(done, 100))
        using _other = narrow.ctx.hasher.enter('shop')
        assert.equal((await coming).status, 503)
        resolve()
        await Promise.all([running, queued])
      }
      assert.deepEqual((await allTables(narrow)).throttles, before)
      assert.equal((await signIn(narrow, ANNA, PASSWORD)).status, 200)
    })

    test('tries during a wait do not make it longer: A6, a lock is no weapon', async () => {
      const replies = await wrong(server, 300)
      assert.equal(statuses(replies).filter((status) => status === 401).length, 5)
      assert.ok(Number(replies.at(-1)?.headers.get('retry-after')) <= 2)
      server.clock.advance(60_000)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
    })

    test('after ten minutes without a try all is forgotten, and cleared away', async () => {
      await wrong(server, 5)
      await wrong(server, 1, 'nobody@acme.test')
      server.clock.advance(599_000)
      await purge.run(server.ctx)
      assert.equal((await allTables(server)).throttles?.length, 2)
      server.clock.advance(2_000)
      await purge.run(server.ctx)
      assert.deepEqual((await allTables(server)).throttles, [])
      assert.deepEqual(statuses(await wrong(server, 6)), [401, 401, 401, 401, 401, 429])
    })

    test('one account in any spelling; another one is another', async () => {
      const spellings = [ANNA, ` ${ANNA} `, ANNA.toUpperCase(), `${ANNA}\t`, 'Anna@ACME.test']
      for (const spelling of spellings) assert.equal((await signIn(server, spelling, 'x')).status, 401)
      assert.equal((await signIn(server, 'aNNa@acme.test', PASSWORD)).status, 429)
      const unknown = ['no body', ' No Body', 'NO BODY', 'no body ', '\tno body']
      for (const spelling of unknown) assert.equal((await signIn(server, spelling, 'x')).status, 401)
      assert.equal((await signIn(server, 'No body', 'x')).status, 429)
      assert.equal((await signIn(server, 'nobody', 'x')).status, 401)
    })

    test('A2: a name without an account, one switched off and one with an imported password are told the same, byte for byte', async () => {
      await server.seed({ users: [{ email: 'none@who.test' }, user('imported@who.test', { active: false })] })
      const names = [ANNA, 'nobody@who.test', 'felix@acme.test', 'none@who.test', 'imported@who.test', 'no address']
      for (const rich of [false, true]) {
        await server.lift()
        server.clock.stopAt(Date.now())
        const told = new Set<string>()
        for (const name of names) {
          const replies = await wrong(server, 8, name, { rich })
          told.add(
            JSON.stringify(replies.map((reply) => [reply.status, withoutId(reply), reply.headers.get('retry-after')])),
          )
        }
        assert.equal(told.size, 1, [...told].join('\n'))
      }
    })

    test('A2: a look-alike of a name that becomes it in lower case shares no count with it', async () => {
      const [kevin, karl] = ['kevin@acme.test', 'karl@acme.test']
      await server.seed({ users: [user(kevin)] })
      for (const name of [kevin, karl]) {
        const lookAlike = name.replace('k', '\u212a')
        assert.deepEqual(statuses(await wrong(server, 5, lookAlike)), [401, 401, 401, 401, 401])
        assert.deepEqual(statuses(await wrong(server, 1, name)), [401], name)
      }
    })

    test('a right password on an account that may not come in is no try', async () => {
      await wrong(server, 1, 'felix@acme.test')
      for (let count = 0; count < 8; count++)
        assert.equal((await signIn(server, 'felix@acme.test', PASSWORD)).status, 403)
      for (let count = 0; count < 8; count++)
        assert.equal((await signIn(server, 'gina@example.test', PASSWORD)).status, 403)
    })

    test('many right sign-ins at once are all let in', async () => {
      const replies = await Promise.all(Array.from({ length: 30 }, () => signIn(server, ANNA, PASSWORD)))
      assert.deepEqual(new Set(statuses(replies)), new Set([200]))
    })

    test('of a hundred wrong ones at once no more are looked at than one after the other', async () => {
      for (const name of [ANNA, 'invented@acme.test']) {
        const replies = await Promise.all(Array.from({ length: 100 }, () => signIn(server, name, 'wrong')))
        const looked = statuses(replies).filter((status) => status === 401).length
        assert.equal(looked, 5, name)
        assert.deepEqual(new Set(statuses(replies)), new Set([401, 429]))
      }
    })

    test('whoever only misses the gate has not tried', async () => {
      const env = { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_QUEUE: '1' }
      await using narrow = await startServer(database, { house: SMALL_HOUSE, env })
      await wrong(narrow, 1)
      const others = Array.from({ length: 40 }, (_, at) => signIn(narrow, `other${at}@acme.test`, 'x'))
      const replies = [...(await Promise.all(others)), ...(await wrong(narrow, 1))]
      const { throttles = [] } = await allTables(narrow)
      assert.ok(statuses(replies).includes(503))
      const counted = throttles.reduce((sum, row) => sum + Number(row.tries), 0)
      assert.equal(counted, 1 + statuses(replies).filter((status) => status === 401).length)
    })
  })

  describe(`end users' addresses, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
    })
    beforeEach(async () => {
      server.clock.stopAt(Date.now())
      await server.lift()
      await server.ctx.db.transaction((tx) => tx.deleteFrom('known_addresses').execute())
    })
    after(() => server[Symbol.asyncDispose]())

    test('A6: from where the owner signed in before the right password comes in while the attack runs', async () => {
      assert.equal((await signIn(server, ANNA, PASSWORD, from('192.0.2.7'))).status, 200)
      assert.deepEqual(statuses(await wrong(server, 6, ANNA, from('198.51.100.1'))), [401, 401, 401, 401, 401, 429])
      assert.deepEqual(statuses(await wrong(server, 1)), [429])
      assert.equal((await signIn(server, ANNA, PASSWORD, from('192.0.2.7'))).status, 200)
      // The same machine in another spelling; a neighbour is another.
      assert.equal((await signIn(server, ANNA, PASSWORD, from('::ffff:192.0.2.7'))).status, 200)
      assert.equal((await signIn(server, ANNA, PASSWORD, from('192.0.2.8'))).status, 429)
      // It has its own count, and the attack's stays.
      assert.deepEqual(statuses(await wrong(server, 6, ANNA, from('192.0.2.7'))), [401, 401, 401, 401, 401, 429])
      assert.equal((await signIn(server, ANNA, PASSWORD, from('192.0.2.7'))).status, 429)
    })

    test('where another user signed in is no known address of this one', async () => {
      await server.seed({
        users: [{ email: CARLA, companies: [{ company: 'Globex', grants: [{ application: 'vault' }] }] }],
      })
      assert.equal((await signIn(server, CARLA, PASSWORD, from('192.0.2.7'))).status, 200)
      await wrong(server, 6, ANNA)
      assert.equal((await signIn(server, ANNA, PASSWORD, from('192.0.2.7'))).status, 429)
    })

    test('an application without a secret can name none', async () => {
      const claimed = { headers: { 'x-license-user-address': '192.0.2.7' } }
      assert.equal((await signIn(server, ANNA, PASSWORD, claimed)).status, 200)
      assert.equal((await signIn(server, ANNA, PASSWORD, { headers: { 'x-license-user-address': 'x' } })).status, 200)
      assert.deepEqual((await allTables(server)).known_addresses, [])
      await wrong(server, 5, ANNA, claimed)
      assert.equal((await signIn(server, ANNA, PASSWORD, claimed)).status, 429)
      assert.equal((await allTables(server)).throttles?.length, 1)
    })

    test('one that proved itself and names what is no address is told so, and nothing is tried', async () => {
      for (const address of ['somewhere', '192.0.2.7, 10.0.0.1', '192.0.2.7:80', 'fe80::1%br-1', 'fe80::1%:']) {
        const { status, body } = await signIn(server, ANNA, PASSWORD, { ...from(address), rich: true })
        assert.equal(status, 400)
        assert.equal(body.code, 'malformed_request')
        assert.match(body.detail, /X-LICENSE-USER-ADDRESS/)
      }
      assert.equal((await signIn(server, ANNA, PASSWORD, from(''))).status, 200)
    })

    test('spraying many names from one address waits too; others are not held up', async () => {
      await server.ctx.db.transaction((tx) =>
        tx
          .insertInto('throttles')
          .values({
            key: 'address 203.0.113.9',
            user_id: null,
            address: '203.0.113.9',
            tries: 98,
            last_at: server.clock.now(),
            next_at: 0,
          })
          .execute(),
      )
      const sprayed: number[] = []
      for (let at = 0; at < 4; at++)
        sprayed.push((await signIn(server, `victim${at}@acme.test`, 'Spring2026!', from('203.0.113.9'))).status)
      assert.deepEqual(sprayed, [401, 401, 429, 429])
      assert.equal((await signIn(server, ANNA, PASSWORD, from('203.0.113.9'))).headers.get('retry-after'), '6')
      assert.equal((await signIn(server, ANNA, PASSWORD, from('203.0.113.9'))).status, 429)
      assert.equal((await signIn(server, ANNA, PASSWORD, from('203.0.113.10'))).status, 200)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
    })

    test('a right password takes its own try back, not those before it', async () => {
      await wrong(server, 3, 'somebody@acme.test', from('203.0.113.9'))
      assert.equal((await signIn(server, ANNA, PASSWORD, from('203.0.113.9'))).status, 200)
      const { throttles = [] } = await allTables(server)
      assert.deepEqual(throttles.map(({ key, tries }) => [String(key).split(' ')[0], tries]).sort(), [
        ['address', 3],
        ['name', 3],
      ])
    })

    test('A5: a rush from one address, some of whom mistype, is let in', async () => {
      const emails = Array.from({ length: 60 }, (_, at) => `rush${at}@acme.test`)
      const grants = [{ application: 'vault' }]
      await server.seed({ users: emails.map((email) => user(email, { companies: [{ company: 'ACME', grants }] })) })
      const there = from('203.0.113.20')
      const come = async (email: string, at: number) => {
        if (at % 4 === 0) assert.equal((await signIn(server, email, 'mistyped', there)).status, 401)
        return signIn(server, email, PASSWORD, there)
      }
      const replies = await Promise.all(emails.map(come))
      assert.deepEqual(new Set(statuses(replies)), new Set([200]))
    })

    test('a known address is forgotten after ninety days, and with a new password', async () => {
      const home = from('192.0.2.7')
      const isKnown = async () => {
        await server.lift()
        await wrong(server, 6)
        return (await signIn(server, ANNA, PASSWORD, home)).status === 200
      }
      assert.equal((await signIn(server, ANNA, PASSWORD, home)).status, 200)
      assert.equal(await isKnown(), true)
      server.clock.advance(91 * 86_400_000)
      assert.equal(await isKnown(), false)
      await purge.run(server.ctx)
      assert.deepEqual((await allTables(server)).known_addresses, [])
      await server.lift()
      assert.equal((await signIn(server, ANNA, PASSWORD, home)).status, 200)
      const { id } = await server.ctx.db.read
        .selectFrom('users')
        .select('id')
        .where('email', '=', ANNA)
        .executeTakeFirstOrThrow()
      await changePassword(server.ctx, COMMAND_LINE, id, await server.ctx.hasher.hash(PASSWORD))
      assert.equal(await isKnown(), false)
    })

    test('the last twenty addresses of a user are known', async () => {
      for (let at = 0; at < 25; at++) {
        assert.equal((await signIn(server, ANNA, PASSWORD, from(`192.0.2.${at}`))).status, 200)
        server.clock.advance(1_000)
      }
      const { known_addresses: known = [] } = await allTables(server)
      assert.equal(known.length, 20)
      assert.deepEqual(
        new Set(known.map(({ address }) => address)),
        new Set(Array.from({ length: 20 }, (_, at) => `192.0.2.${at + 5}`)),
      )
    })
  })

  describe(`where an application may call from, on ${database}`, () => {
    test('elsewhere every call is refused, also with a live token', async () => {
      const applications = [{ id: 'crm', source_networks: ['10.0.0.0/8', '2001:db8::/32'] }]
      const env = { LICENSE_TRUSTED_PROXIES: '127.0.0.1' }
      await using server = await startServer(database, { house: SMALL_HOUSE, env })
      await server.seed({ applications })
      const token = await issue(server, ANNA, 'crm')
      const via = (address: string): Call => ({ headers: { 'x-forwarded-for': address }, rich: true })
      for (const inside of ['10.1.2.3', '2001:db8::7']) {
        assert.equal((await signIn(server, ANNA, PASSWORD, via(inside))).status, 200)
        assert.equal((await call(server, 'GET get-permissions/', { ...via(inside), token })).status, 200)
      }
      for (const outside of ['192.0.2.1', '2001:db9::7']) {
        const refused = await signIn(server, ANNA, PASSWORD, via(outside))
        assert.deepEqual([refused.status, refused.body.code], [401, 'application_source_refused'])
        for (const line of ['GET get-permissions/', 'GET users/profile/', 'POST sign-out/'])
          assert.equal((await call(server, line, { ...via(outside), token })).body.code, 'application_source_refused')
      }
      // A hop that the proxy did not see does not count.
      assert.equal((await signIn(server, ANNA, PASSWORD, via('10.1.2.3, 192.0.2.1'))).status, 401)
      assert.equal((await call(server, 'GET get-permissions/', { ...via('10.1.2.3'), token })).status, 200)
      // Anywhere again; and another application was never limited.
      await server.seed({ applications: [{ id: 'crm', source_networks: null }] })
      assert.equal((await call(server, 'GET get-permissions/', { ...via('192.0.2.1'), token })).status, 200)
    })

    test('a house file that names no network is refused with its path', async () => {
      await using server = await startServer(database, { house: SMALL_HOUSE })
      const error = await server
        .seed({ applications: [{ id: 'crm', source_networks: ['10.0.0.0/8', '10.0.0.0/40'] }] })
        .catch((thrown: unknown) => thrown)
      assert.match(JSON.stringify(error), /\/applications\/0\/source_networks\/1/)
    })
  })
}

function withoutId({ text }: Reply): string {
  return text.replace(/"request_id":"[^"]*"/, '')
}
