import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { LicenseServerUnavailable } from 'cloudspot-license-api'
import { sql } from 'kysely'
import { call, signIn } from '../support/calls.ts'
import { ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'

type Silencer = Disposable & {
  port: number
  /** From now on nothing passes on the connections that are open, nor on new ones where `all`. */
  silence(all?: boolean): void
  /** The same, all of it, as soon as a statement with this text was sent. */
  silenceAfter(text: string): Promise<void>
  speak(): void
}

/** Between the server and PostgreSQL: falls silent, and takes new connections all the while. */
async function silencer(target: URL): Promise<Silencer> {
  const pairs = new Set<[Socket, Socket]>()
  let isSilent = false
  let trigger: { text: string; done(): void } | undefined
  const unpipe = ([near, far]: [Socket, Socket]) => {
    near.unpipe(far)
    far.unpipe(near)
    near.resume()
  }
  const silence = (all = false) => {
    isSilent = all
    for (const pair of pairs) unpipe(pair)
  }
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.on('close', () => far.destroy())
    pairs.add([near, far])
    if (isSilent) {
      near.resume()
      return
    }
    near.pipe(far).pipe(near)
    near.on('data', (sent: Buffer) => {
      if (!trigger || !sent.includes(trigger.text)) return
      trigger.done()
      trigger = undefined
      silence(true)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // An address of TCP is never a string.
  return {
    port,
    silence,
    silenceAfter: (text) =>
      new Promise((done) => {
        trigger = { text, done }
      }),
    speak() {
      isSilent = false
    },
    [Symbol.dispose]() {
      for (const sockets of pairs) for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** A server whose database is at the far end of a silencer. */
async function startBehind(proxy: Silencer, target: URL, pool: number): Promise<TestServer> {
  const url = new URL(target)
  url.host = `127.0.0.1:${proxy.port}`
  const env = { LICENSE_DATABASE_URL: url.href, LICENSE_DATABASE_POOL: String(pool) }
  return startServer('postgres', { env, house: SMALL_HOUSE })
}

async function timed<T>(asked: Promise<T>): Promise<{ reply: T; ms: number }> {
  const start = performance.now()
  return { reply: await asked, ms: performance.now() - start }
}

if (databases.includes('postgres')) {
  test('a connection that fell silent is given up once, and replaced', async () => {
    const target = new URL(await newDatabase())
    using proxy = await silencer(target)
    await using server = await startBehind(proxy, target, 1)
    const license = server.license('crm')
    await license.authenticate(ANNA, PASSWORD)
    proxy.silence()
    await assert.rejects(license.authenticate(ANNA, PASSWORD), LicenseServerUnavailable)
    await license.authenticate(ANNA, PASSWORD)
  })

  test('while the database hangs every request ends within ten seconds, and /readyz says so at once', async () => {
    const target = new URL(await newDatabase())
    using proxy = await silencer(target)
    await using server = await startBehind(proxy, target, 2)
    const token = await issue(server, ANNA, 'crm')
    const lookUp = () => timed(call(server, 'GET get-permissions/', { token }))
    // In the middle of the transaction that gives a token; the second one waits for its turn on the same account.
    const silent = proxy.silenceAfter('insert into "tokens"')
    const signIns = [0, 1].map(() => timed(signIn(server, ANNA, PASSWORD)))
    await silent
    const health = await Promise.all([0, 1, 2, 3].map(() => timed(call(server, 'GET /readyz'))))
    for (const { reply, ms } of health) assert.deepEqual([reply.status, ms < 3_000], [503, true])
    const replies = await Promise.all([...signIns, lookUp(), lookUp(), lookUp(), lookUp()])
    for (const { reply, ms } of replies) {
      assert.equal(reply.status, 503)
      assert.equal(reply.headers.get('retry-after'), '1')
      assert.ok(ms < 10_000, `${Math.round(ms)} ms`)
    }
    assert.equal((await call(server, 'GET /livez')).status, 200)
    proxy.speak()
    assert.equal((await lookUp()).reply.status, 200)
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
    assert.equal((await call(server, 'GET /readyz')).status, 200)
  })
}

test('on SQLite, waiting for another writer leaves the process free', async () => {
  await using server = await startServer('sqlite')
  const { rows } = await server.ctx.db.transaction((tx) => sql<{ timeout: number }>`pragma busy_timeout`.execute(tx))
  assert.deepEqual({ ...rows[0] }, { timeout: 0 })
})
