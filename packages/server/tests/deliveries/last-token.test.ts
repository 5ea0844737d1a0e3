import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import { sealAnew } from '../../src/keys/change-ring.ts'
import { besideServer, runCommand } from '../commands/run.ts'
import { pem } from '../outbound/receivers.ts'
import { ACME, ask, askFor, BERT, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { addEndpoint, settled, startHookReceiver, TO_THIS_MACHINE, until } from '../support/hook-receiver.ts'
import { issue, PASSWORD } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

setDefaultCACertificates([pem('ca.pem')])

/** A site over https, which keeps what it is sent and repeats it, as a page of errors does. */
async function startSite() {
  const bodies: { event: string; data: { token: string; username: string; permissions: string[] } }[] = []
  const server = createServer({ key: pem('receiver.key'), cert: pem('receiver.pem') }, async (request, response) => {
    let raw = ''
    for await (const chunk of request) raw += chunk
    bodies.push(JSON.parse(raw))
    response.writeHead(200, { 'content-type': 'application/json' }).end(`{"status":"OBJECT_UPDATED","sent":${raw}}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // Of a port, not of a pipe.
  return {
    url: `https://127.0.0.1:${port}/auth`,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const kept = ({ ctx }: TestServer) => ctx.db.read.selectFrom('last_tokens').selectAll().execute()
const toggle = async (server: TestServer, key: string) => {
  const line = `/companies/${ACME}/seats/crm/${BERT}`
  const { status } = await ask(server, key, `DELETE ${line}`)
  if (status !== 204) await askFor(200, server, key, `PUT ${line}`, { body: {} })
}

for (const database of databases) {
  describe(`sites before 6.2, on ${database}`, () => {
    const start = async () => {
      const server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      return { server, key, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
    }

    test('the last token goes along over https, and is neither stored nor shown with the delivery', async () => {
      await using site = await startSite()
      await using house = await start()
      const { server, key } = house
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { django_before_6_2: true } })
      const { path } = await addEndpoint(server, key, { url: site.url, dialect: 'django' })
      await toggle(server, key)
      await until(async () => site.bodies.length === 1)
      assert.match(site.bodies[0]?.data.token ?? '', /^none-/)
      await toggle(server, key)
      await until(async () => site.bodies.length >= 2)
      await issue(server, 'bert@acme.test', 'crm')
      const token = await issue(server, 'bert@acme.test', 'crm')
      const before = site.bodies.length
      await toggle(server, key)
      await until(async () => site.bodies.length > before)
      assert.equal(site.bodies.at(-1)?.data.token, token)
      const all = await settled(server, key, path, (each) => each.every(({ state }) => state === 'delivered'))
      for (const { id } of all) {
        const told = JSON.stringify(await askFor(200, server, key, `GET ${path}/deliveries/${id}`))
        assert.ok(!told.includes(token) && told.includes('OBJECT_UPDATED'), told)
      }
      for (const { sealed } of await kept(server)) assert.ok(!sealed.includes(token))
    })

    test('of a user who is switched off the site is told by the token of before, which is dead by then', async () => {
      await using site = await startSite()
      await using house = await start()
      const { server, key } = house
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { django_before_6_2: true } })
      await addEndpoint(server, key, { url: site.url, dialect: 'django' })
      const token = await issue(server, 'bert@acme.test', 'crm')
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { active: false } })
      await until(async () => site.bodies.length === 1)
      assert.deepEqual([site.bodies[0]?.data.token, site.bodies[0]?.data.permissions], [token, []])
      assert.equal((await call(server, 'GET get-permissions/', { token })).status, 401)
      const [row] = await kept(server)
      assert.ok(row && row.ends_at <= server.clock.now())
    })

    test('nothing is kept of other applications, of a session that was signed out, and of one that is marked no more', async () => {
      await using house = await start()
      const { server, key } = house
      await issue(server, 'bert@acme.test', 'crm')
      assert.deepEqual(await kept(server), [])
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { django_before_6_2: true } })
      // As a person signs in.
      const { token } = await server.license('crm').authenticate('bert@acme.test', PASSWORD)
      assert.equal((await kept(server)).length, 1)
      assert.equal((await call(server, 'POST sign-out/', { token })).status, 200)
      assert.deepEqual(await kept(server), [])
      await issue(server, 'bert@acme.test', 'crm')
      assert.equal((await kept(server)).length, 1)
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { django_before_6_2: false } })
      assert.deepEqual(await kept(server), [])
    })

    test('without https no token goes along', async () => {
      await using receiver = await startHookReceiver('/auth')
      receiver.answer = () => ({ status: 200, body: '{"status":"OBJECT_UPDATED"}' })
      await using house = await start()
      const { server, key } = house
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { django_before_6_2: true } })
      await addEndpoint(server, key, { url: receiver.url, dialect: 'django' })
      await issue(server, 'bert@acme.test', 'crm')
      await toggle(server, key)
      const [first] = await receiver.until(1)
      assert.match(first?.body.data.token, /^none-[0-9a-f]{64}$/)
    })

    test('O4: the keys rotate, and secrets and tokens open as before', async () => {
      await using site = await startSite()
      await using house = await start()
      const { server, key } = house
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { django_before_6_2: true } })
      const { path } = await addEndpoint(server, key, { url: site.url, dialect: 'django' })
      await askFor(201, server, key, `POST ${path}/secret`, { body: {} })
      const token = await issue(server, 'bert@acme.test', 'crm')
      const old = server.ctx.keys.current
      const rotated = await runCommand(besideServer(server), ['keys', 'rotate'])
      assert.equal(rotated.code, 0, rotated.stderr)
      assert.deepEqual(await sealAnew(server.ctx.db, server.ctx.keys), { sealed: 0, unopened: 0 })
      assert.notEqual(server.ctx.keys.current, old)
      const endpoints = await server.ctx.db.read.selectFrom('endpoints').select(['secret', 'secret_before']).execute()
      for (const sealed of [...endpoints.flatMap(Object.values), ...(await kept(server)).map((row) => row.sealed)])
        assert.ok(String(sealed).startsWith(`${server.ctx.keys.current}.`))
      await toggle(server, key)
      await until(async () => site.bodies.length === 1)
      assert.equal(site.bodies[0]?.data.token, token)
    })
  })
}
