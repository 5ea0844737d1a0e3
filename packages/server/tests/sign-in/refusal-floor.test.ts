import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RefusalFloor } from '../../src/credentials/refusal-floor.ts'
import { readScheme, schemeOf, writeScheme } from '../../src/domain/password-scheme.ts'
import { signIn } from '../support/calls.ts'
import { ANNA, PASSWORD, SMALL_HOUSE, user } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'

/** Django's of 2026: some hundred milliseconds. */
const SLOW = 'pbkdf2_sha256$1500000$seasalt$Zk1dbLDPtVhJk+16r4vI9V+0octH8umKgZo4TKUCpug='

describe('what a password string costs', () => {
  const FORMS: [hash: string, scheme: string | undefined][] = [
    [SLOW, 'pbkdf2_sha256 1500000'],
    ['$2b$12$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12', 'bcrypt 12'],
    ['bcrypt$$2b$11$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12', 'bcrypt 11'],
    ['bcrypt_sha256$$2b$10$abcdefghijklmnopqrstuufKvnBG1JtLIS62dAYjYCloh6hRWNneC', 'bcrypt 10'],
    ['$argon2id$v=19$m=102400,t=2,p=8$c2l4dGVlbiAgYnl0ZXMhIQ$MzI2NTQzMjE5ODc2NTQz', 'argon2 102400 2'],
    ['argon2$argon2id$v=19$m=102400,t=3,p=8$c2l4dGVlbiAgYnl0ZXMhIQ$MzI2NTQzMjE5ODc2NTQz', 'argon2 102400 3'],
    ['!unusable', undefined],
    ['', undefined],
  ]
  for (const [hash, text] of FORMS) {
    test(`${hash.slice(0, 30)} is ${text ?? 'nothing'}`, () => {
      const scheme = schemeOf(hash)
      assert.equal(scheme && writeScheme(scheme), text)
      if (text !== undefined) assert.deepEqual(readScheme(text), scheme)
    })
  }
})

for (const database of databases) {
  describe(`a refusal's time, on ${database}`, () => {
    test('an import raises the floor, for everybody, and the right password does not wait', async () => {
      await using server = await startServer(database, { house: SMALL_HOUSE })
      const { refusalFloor: floor, db } = server.ctx
      const before = floor.ms
      assert.ok(before >= 50)
      await server.seed({ users: [user('slow@imported.test', { password_hash: SLOW })] })
      await floor.learn(db.read)
      assert.ok(floor.ms > 2 * before, `${before} ms, then ${floor.ms} ms`)
      for (const name of [ANNA, 'nobody@acme.test', 'slow@imported.test']) {
        const start = performance.now()
        assert.equal((await signIn(server, name, 'wrong')).status, 401)
        // Timers fire up to a millisecond early.
        assert.ok(performance.now() - start >= floor.ms - 1, name)
      }
      // Not a measurement: no more than that a right one is answered without the floor's wait.
      const start = performance.now()
      assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
      assert.ok(performance.now() - start < floor.ms)
      // A node that starts later knows it too.
      const other = new RefusalFloor()
      await other.learn(db.read)
      assert.ok(other.ms > 2 * before)
    })

    test('refusals do not hold a place at the hashing gate while they wait', async () => {
      const env = { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_QUEUE: '20' }
      await using server = await startServer(database, { house: SMALL_HOUSE, env })
      server.ctx.refusalFloor.saw(3_000)
      let answered = 0
      const refused = Array.from({ length: 10 }, async (_, at) => {
        const reply = await signIn(server, `nobody${at}@acme.test`, 'wrong')
        answered++
        return reply
      })
      // Ten hashes later, in a gate for one at a time, while they still wait.
      assert.equal((await signIn(server, 'carla@globex.test', PASSWORD)).status, 200)
      assert.equal(answered, 0)
      for (const { status } of await Promise.all(refused)) assert.equal(status, 401)
    })
  })
}

test('a verification that takes longer than the floor raises it, and it comes down again', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const floor = new RefusalFloor()
  await floor.learn(server.ctx.db.read)
  const learnt = floor.ms
  floor.saw(learnt / 2)
  assert.equal(floor.ms, learnt)
  floor.saw(4 * learnt)
  assert.ok(floor.ms > 4 * learnt)
  for (let minute = 0; minute < 60; minute++) await floor.learn(server.ctx.db.read)
  assert.equal(floor.ms, learnt)
})
