import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DECOY, Hasher, verifyAnyway } from '../../src/credentials/hasher.ts'
import { needsRehash } from '../../src/credentials/password-hash.ts'
import { AppError } from '../../src/errors.ts'
import { call, signIn } from '../support/calls.ts'
import { ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'

describe('the gate before the hashing', () => {
  test('so many at once, so many waiting; the rest is told to come back, and comes in later', async () => {
    const hasher = new Hasher({ concurrency: 2, queue: 1, waitMs: 60_000 })
    const [first, second, third] = ['a', 'b', 'c'].map((password) => hasher.hash(password))
    assert.deepEqual([hasher.running, hasher.waiting], [2, 1])
    const refused = await hasher.hash('d').catch((error: unknown) => error)
    assert.ok(refused instanceof AppError)
    assert.deepEqual([refused.code, refused.status, refused.retryAfter], ['busy', 503, 2])
    await first
    await hasher.hash('e')
    await Promise.all([second, third])
    assert.deepEqual([hasher.running, hasher.waiting], [0, 0])
  })

  test('who waits comes in in the order of coming', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 10, waitMs: 60_000 })
    const done: number[] = []
    await Promise.all(Array.from({ length: 8 }, (_, at) => hasher.hash('x').then(() => done.push(at))))
    assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('lanes take turns: a flood of one application does not starve another', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 10, waitMs: 60_000 })
    const done: string[] = []
    const come = async (lane: string, name: string) => {
      using place = hasher.enter(lane)
      await place.run(async () => void done.push(name))
    }
    const flood = Array.from({ length: 6 }, (_, at) => come('flood', `f${at}`))
    const others = [come('a', 'a0'), come('b', 'b0'), come('a', 'a1')]
    await Promise.all([...flood, ...others])
    assert.deepEqual(done, ['f0', 'f1', 'a0', 'b0', 'f2', 'a1', 'f3', 'f4', 'f5'])
  })

  test('when all places are taken the longest lane gives one up for a shorter one, its newest', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 4, waitMs: 60_000 })
    const come = async (lane: string) => {
      using place = hasher.enter(lane)
      return await place.run(async () => 'hashed')
    }
    const told = (coming: Promise<string>) => coming.catch((error: unknown) => (error as AppError).code)
    const flood = Array.from({ length: 8 }, () => told(come('flood')))
    assert.deepEqual([hasher.running, hasher.waiting], [1, 4])
    assert.throws(() => hasher.enterKnown('flood', performance.now()), { code: 'busy' })
    assert.equal(hasher.enterKnown('other', performance.now()), undefined)
    assert.deepEqual([hasher.running, hasher.waiting], [1, 4])
    const others = Array.from({ length: 4 }, () => told(come('other')))
    assert.deepEqual([hasher.running, hasher.waiting], [1, 4])
    assert.deepEqual(await Promise.all(flood), ['hashed', 'hashed', 'hashed', 'busy', 'busy', 'busy', 'busy', 'busy'])
    assert.deepEqual(await Promise.all(others), ['hashed', 'hashed', 'busy', 'busy'])
    assert.deepEqual([hasher.running, hasher.waiting], [0, 0])
  })

  test('who waits too long is told to come back, and leaves no trace', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 5, waitMs: 5 })
    const { promise, resolve } = Promise.withResolvers<void>()
    using place = hasher.enter('a')
    const running = place.run(() => promise)
    const waiting = [hasher.hash('x'), hasher.hash('y')]
    for (const each of waiting) await assert.rejects(each, { code: 'busy' })
    assert.deepEqual([hasher.running, hasher.waiting], [1, 0])
    resolve()
    await running
    assert.match(await hasher.hash('x'), /^\$argon2id\$/)
  })

  test('a wait elsewhere counts: who waited its time comes in where there is room, and else is told to come back', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 5, waitMs: 60_000 })
    const before = performance.now() - 60_000
    const { promise, resolve } = Promise.withResolvers<void>()
    using first = hasher.enter('a', before)
    const running = first.run(() => promise)
    using late = hasher.enter('a', before)
    await assert.rejects(
      late.run(async () => undefined),
      { code: 'busy' },
    )
    using inTime = hasher.enter('a')
    const waiting = inTime.run(async () => 'hashed')
    resolve()
    await running
    assert.equal(await waiting, 'hashed')
  })

  test('a place that is not used is free again', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 0, waitMs: 60_000 })
    {
      using _place = hasher.enter('a')
      assert.throws(() => hasher.enter('b'), { code: 'busy' })
    }
    assert.equal(hasher.waiting, 0)
    assert.match(await hasher.hash('x'), /^\$argon2id\$/)
  })

  test('what fails inside makes room all the same', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 0, waitMs: 60_000 })
    const broken = { hash: 'no hash at all', isForeign: false }
    for (let times = 0; times < 2; times++) {
      using place = hasher.enter('a')
      await assert.rejects(place.run(() => verifyAnyway('x', broken)))
    }
    assert.deepEqual([hasher.running, hasher.waiting], [0, 0])
    assert.match(await hasher.hash('x'), /^\$argon2id\$/)
  })

  test('without a stored password the same work is done, for nothing', async () => {
    const hasher = new Hasher({ concurrency: 1, queue: 1, waitMs: 60_000 })
    assert.equal(await verifyAnyway('no account has this password', undefined), false)
    assert.equal(needsRehash(DECOY), false)
    const form = (hash: string) => hash.split('$').map((part) => (part.includes('=') ? part : part.length))
    assert.deepEqual(form(DECOY.hash), form(await hasher.hash('x')))
  })

  test('who waited for the turn of an account waits at the gate for what is left only', async () => {
    const env = { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_WAIT_SECONDS: '2' }
    await using server = await startServer('sqlite', { house: SMALL_HOUSE, env })
    const { hasher, turns, db } = server.ctx
    const { id } = await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()
    const { promise, resolve } = Promise.withResolvers<void>()
    using place = hasher.enter('another')
    const hashing = place.run(() => promise)
    const turn = await turns.take(`user ${id}`)
    const answered: string[] = []
    const come = async (name: string) => {
      const { status } = await signIn(server, name, PASSWORD)
      answered.push(`${name} ${status}`)
    }
    const anna = come(ANNA)
    await sleep(500)
    const carla = come('carla@globex.test')
    await sleep(500)
    turn[Symbol.dispose]()
    // She came to the gate after Carla, and to the server before her.
    await Promise.all([anna, carla])
    assert.deepEqual(answered, [`${ANNA} 503`, 'carla@globex.test 503'])
    resolve()
    await hashing
  })

  test('a rush is told to come back before the database is asked; who waits for the turn of an account holds no place', async () => {
    const env = { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_QUEUE: '1' }
    await using server = await startServer('sqlite', { house: SMALL_HOUSE, env })
    const { hasher, turns, db } = server.ctx
    assert.equal((await signIn(server, 'carla@globex.test', PASSWORD)).status, 200)
    const { id } = await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()
    const turn = await turns.take(`user ${id}`)
    const anna = signIn(server, ANNA, PASSWORD)
    await sleep(200)
    assert.deepEqual([hasher.running, hasher.waiting], [0, 0])
    assert.equal((await signIn(server, 'carla@globex.test', PASSWORD)).status, 200)
    turn[Symbol.dispose]()
    assert.equal((await anna).status, 200)
    {
      using _first = hasher.enter('another')
      using _last = hasher.enter('another')
      // Known or not, right or wrong: nobody is looked up.
      for (const name of [ANNA, 'nobody@who.test']) assert.equal((await signIn(server, name, 'x')).status, 503)
      // Unread: what would be refused for its form is told the same, and the connection goes on.
      for (const raw of ['{"username":', 'x'.repeat(100_000)])
        assert.equal((await call(server, 'POST authenticate/', { raw })).status, 503)
      // What claims to be an application that nobody signed in to takes no place, and is told what it is.
      assert.equal((await signIn(server, ANNA, PASSWORD, { module: 'no-such-application' })).status, 401)
    }
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
  })

  for (const database of databases) {
    test(`a crowd of sign-ins is let in or told to come back, on ${database}`, async () => {
      const env = { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_QUEUE: '1' }
      await using server = await startServer(database, { house: SMALL_HOUSE, env })
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
      const token = await issue(server, ANNA, 'crm')
      const lookUps = Array.from({ length: 10 }, () => call(server, 'GET get-permissions/', { token }))
      const crowd = await Promise.all(
        Array.from({ length: 24 }, (_, at) => signIn(server, ANNA, PASSWORD, { rich: at % 2 === 1 })),
      )
      const statuses = new Set(crowd.map(({ status }) => status))
      assert.deepEqual(statuses, new Set([200, 503]))
      for (const { status, headers, body } of crowd) {
        if (status === 200) continue
        assert.equal(headers.get('retry-after'), '2')
        if ('code' in body) assert.deepEqual([body.code, body.retry_after], ['busy', 2])
        else assert.deepEqual(Object.keys(body), ['message'])
      }
      // Who only looks up is not kept waiting, and the door is open again.
      for (const { status } of await Promise.all(lookUps)) assert.equal(status, 200)
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
      assert.equal((await signIn(server, ANNA, 'a wrong password')).status, 401)
    })
  }
})
