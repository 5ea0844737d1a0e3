import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { ACME, askFor, BERT, DORA, GLOBEX, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { addEndpoint, type Received, settled, startHookReceiver, TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { databases, startServer } from '../support/server.ts'

const DONE = { status: 200, body: '{"status":"OBJECT_UPDATED"}' }
const UNKNOWN = { status: 404, body: '{"status":"NOT_FOUND","error":{"message":"no such user"}}' }
const EXISTS = { status: 400, body: '{"status":"OBJECT_EXISTS"}' }
const told = (all: readonly Received[]) =>
  all.map(({ body }) => [body.event, body.data.username ?? body.data.current_email])

for (const database of databases) {
  const start = async () => {
    const site = await startHookReceiver('/auth')
    site.answer = () => DONE
    const server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
    const key = await makeKey(server)
    const { id, secret, path } = await addEndpoint(server, key, { url: `${site.url}/`, dialect: 'django' })
    return {
      site,
      server,
      key,
      id,
      secret,
      path,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await site[Symbol.asyncDispose]()
      },
    }
  }

  describe(`events to a Django site, on ${database}`, () => {
    test('permissions.updated has exactly its keys, goes below the base, and is signed', async () => {
      await using house = await start()
      const { site, server, key, secret, path } = house
      await askFor(201, server, key, `POST /companies/${ACME}/members/${DORA}/grants`, {
        body: { application: 'crm', permission: 'approve_invoice' },
      })
      const [first] = await site.until(1)
      assert.ok(first)
      assert.equal(first.path, '/auth/webhook')
      assert.deepEqual(Object.keys(first.body), ['event', 'data'])
      const { token, ...data } = first.body.data
      assert.equal(first.body.event, 'permissions.updated')
      assert.deepEqual(data, {
        username: 'dora@acme.test',
        permissions: ['approve_invoice', 'create_invoice', 'list_invoices', 'use_app'],
        company_id: ACME,
        available_companies: [
          { company_id: ACME, company_name: 'ACME' },
          { company_id: GLOBEX, company_name: 'Globex' },
        ],
      })
      assert.match(token, /^none-[0-9a-f]{64}$/)
      const { headers } = first
      new Webhook(secret).verify(first.raw, {
        'webhook-id': String(headers['webhook-id']),
        'webhook-timestamp': String(headers['webhook-timestamp']),
        'webhook-signature': String(headers['webhook-signature']),
      })
      // What stands in the place of a token opens nothing.
      const answer = await fetch(`${server.url}/api/v1/auth/get-permissions/`, {
        headers: { 'x-license-module': 'crm', 'x-license-token': token },
      })
      assert.equal(answer.status, 401)
      assert.equal((await askFor(200, server, key, `GET ${path}`)).url, site.url)
    })

    test('who is switched off loses every company: one event each, with none to choose', async () => {
      await using house = await start()
      const { site, server, key } = house
      await askFor(200, server, key, `PATCH /users/${DORA}`, { body: { active: false } })
      const all = await site.until(2)
      assert.deepEqual(all.map(({ body }) => body.data.company_id).sort(), [ACME, GLOBEX].sort())
      for (const { body } of all)
        assert.deepEqual(
          [body.event, body.data.username, body.data.permissions, body.data.available_companies],
          ['permissions.updated', 'dora@acme.test', [], []],
        )
    })

    test('who is deleted too, by the address that the site knows', async () => {
      await using house = await start()
      const { site, server, key, path } = house
      await askFor(204, server, key, `DELETE /users/${DORA}`)
      const all = await site.until(2)
      for (const { body } of all)
        assert.deepEqual(
          [body.event, body.data.username, body.data.permissions, body.data.available_companies],
          ['permissions.updated', 'dora@acme.test', [], []],
        )
      await settled(server, key, path, (each) => each.every(({ state }) => state === 'delivered'))
    })

    test('an email change goes out before what follows it', async () => {
      await using house = await start()
      const { site, server, key } = house
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { email: 'bertram@acme.test' } })
      await askFor(201, server, key, `POST /companies/${ACME}/members/${BERT}/grants`, {
        body: { application: 'crm', permission: 'approve_invoice' },
      })
      const [first, second] = await site.until(2)
      assert.deepEqual(first?.body, {
        event: 'user.email.updated',
        data: { current_email: 'bert@acme.test', change_to_email: 'bertram@acme.test' },
      })
      assert.deepEqual([second?.body.event, second?.body.data.username], ['permissions.updated', 'bertram@acme.test'])
    })

    test('one that is stuck keeps back nothing that was taken away: the user is named as the site knows him, old or new', async () => {
      await using house = await start()
      const { site, server, key } = house
      site.answer = ({ body }) => (body.event === 'user.email.updated' ? { status: 500 } : DONE)
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { email: 'bertram@acme.test' } })
      await site.until(1)
      await askFor(204, server, key, `DELETE /companies/${ACME}/seats/crm/${BERT}`)
      await site.until(2)
      assert.deepEqual(told(site.received), [
        ['user.email.updated', 'bert@acme.test'],
        ['permissions.updated', 'bert@acme.test'],
      ])
      // It had arrived, and the answer had not.
      site.answer = ({ body }) =>
        body.event === 'user.email.updated' ? { status: 500 } : body.data.username === 'bert@acme.test' ? UNKNOWN : DONE
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BERT}`, { body: {} })
      const all = await site.until(4)
      assert.deepEqual(told(all.slice(2)), [
        ['permissions.updated', 'bert@acme.test'],
        ['permissions.updated', 'bertram@acme.test'],
      ])
    })

    test('final answers are final: what the site does not know, and what it has already', async () => {
      await using house = await start()
      const { site, server, key, path } = house
      for (const answer of [UNKNOWN, EXISTS, DONE]) {
        site.answer = () => answer
        const before = site.received.length
        await askFor(204, server, key, `DELETE /companies/${ACME}/seats/crm/${BERT}`)
        await site.until(before + 1)
        await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BERT}`, { body: {} })
        await site.until(before + 2)
        await settled(server, key, path, (all) => all.every(({ state }) => state === 'delivered'))
      }
      // The same status without these words comes from something else, and is tried again.
      site.answer = () => ({ status: 404, body: '<h1>Not Found</h1>' })
      await askFor(204, server, key, `DELETE /companies/${ACME}/seats/crm/${BERT}`)
      await settled(server, key, path, (all) =>
        all.some(({ state, last_status }) => state === 'waiting' && last_status === 404),
      )
    })

    test('a PIN is told to those alone that may know it', async () => {
      await using house = await start()
      const { site, server, key } = house
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { pin: '1234' } })
      await askFor(200, server, key, 'PATCH /applications/crm', { body: { exposes_pin: true } })
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { pin: '4321' } })
      const [first] = await site.until(1)
      assert.deepEqual(first?.body, {
        event: 'user.pin.updated',
        data: { user_username: 'bert@acme.test', pin: '4321' },
      })
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { pin: null } })
      const [, second] = await site.until(2)
      assert.deepEqual(second?.body.data, { user_username: 'bert@acme.test', pin: '' })
    })

    test('a new user is made there ahead of the first sign-in, with a password that nobody knows', async () => {
      await using house = await start()
      const { site, server, key, path } = house
      const { id } = await askFor(201, server, key, 'POST /users', {
        body: { email: 'nora@acme.test', first_name: 'Nora', last_name: 'New', company: ACME },
      })
      // Whatever repeats what it was sent: nothing of it is kept.
      site.answer = ({ raw }) => ({ status: 500, body: `<pre>${raw}</pre>` })
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${id}`, { body: {} })
      await site.until(1)
      const created = site.received.find(({ body }) => body.event === 'user.created')
      assert.ok(created, JSON.stringify(site.received.map(({ body }) => body)))
      const { user_pwd, license_token, ...data } = created.body.data
      assert.deepEqual(data, {
        user_email: 'nora@acme.test',
        user_first_name: 'Nora',
        user_last_name: 'New',
        user_pin: null,
      })
      assert.ok(user_pwd.length >= 64 && license_token.startsWith('none-'))
      const all = await settled(server, key, path, (each) =>
        each.some(({ type, attempts }) => type === 'user.created' && attempts > 0),
      )
      const stuck = all.find(({ type }) => type === 'user.created')
      const { attempts_made } = await askFor(200, server, key, `GET ${path}/deliveries/${stuck?.id}`)
      assert.match(attempts_made[0].answer, /nora@acme\.test.*\(left out\)/)
      assert.ok(!JSON.stringify(attempts_made).includes(user_pwd))
    })

    test('a try of the site is about nobody, and where the package is it works', async () => {
      await using house = await start()
      const { site, server, key, path } = house
      site.answer = () => UNKNOWN
      assert.equal((await askFor(200, server, key, `POST ${path}/ping`)).state, 'delivered')
      assert.match(site.received[0]?.body.data.username, /^[0-9a-f-]{36}@license\.invalid$/)
      site.answer = () => ({ status: 404, body: 'nothing here' })
      const tried = await askFor(200, server, key, `POST ${path}/ping`)
      assert.deepEqual([tried.state, tried.last_status, tried.attempts_made[0].answer], ['failed', 404, 'nothing here'])
    })
  })
}
