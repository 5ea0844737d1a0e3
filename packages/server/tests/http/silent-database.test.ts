import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { LicenseServerUnavailable } from 'cloudspot-license-api'
import { sql } from 'kysely'
import { ANNA, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, newDatabase, startServer } from '../support/server.ts'

/** Between the server and PostgreSQL: falls silent on the connections that are open, and takes new ones. */
async function silencer(target: URL): Promise<{ port: number; silence(): void } & Disposable> {
  const pairs = new Set<[Socket, Socket]>()
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => undefined)
    pairs.add([near, far])
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // An address of TCP is never a string.
  return {
    port,
    silence() {
      for (const [near, far] of pairs) {
        near.unpipe(far)
        far.unpipe(near)
        near.resume()
      }
    },
    [Symbol.dispose]() {
      for (const sockets of pairs) for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

if (databases.includes('postgres')) {
  test('a connection that fell silent is given up once, and replaced', async () => {
    const target = new URL(await newDatabase())
    using proxy = await silencer(target)
    const url = new URL(target)
    url.host = `127.0.0.1:${proxy.port}`
    const env = { LICENSE_DATABASE_URL: url.href, LICENSE_DATABASE_POOL: '1' }
    await using server = await startServer('postgres', { env, house: SMALL_HOUSE })
    const license = server.license('crm')
    await license.authenticate(ANNA, PASSWORD)
    proxy.silence()
    await assert.rejects(license.authenticate(ANNA, PASSWORD), LicenseServerUnavailable)
    await license.authenticate(ANNA, PASSWORD)
  })
}

test('on SQLite, waiting for another writer leaves the process free', async () => {
  await using server = await startServer('sqlite')
  const { rows } = await server.ctx.db.transaction((tx) => sql<{ timeout: number }>`pragma busy_timeout`.execute(tx))
  assert.deepEqual({ ...rows[0] }, { timeout: 0 })
})
