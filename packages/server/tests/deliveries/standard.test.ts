import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { verifyWebhook } from 'cloudspot-license-api/webhooks'
import { Webhook } from 'standardwebhooks'
import { ACME, askFor, BERT, BORIS, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { addEndpoint, type Received, settled, startHookReceiver, TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { databases, startServer } from '../support/server.ts'

const grantTo = (user: string) => `POST /companies/${ACME}/members/${user}/grants`
const APPROVE = { body: { application: 'crm', permission: 'approve_invoice' } }
const signed = ({ headers }: Received) => ({
  'webhook-id': String(headers['webhook-id']),
  'webhook-timestamp': String(headers['webhook-timestamp']),
  'webhook-signature': String(headers['webhook-signature']),
})

for (const database of databases) {
  describe(`Standard Webhooks, on ${database}`, () => {
    test('a grant over the API arrives as the whole set, signed, and the public library takes it', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { secret, path } = await addEndpoint(server, key, { url: receiver.url })
      assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
      await askFor(201, server, key, grantTo(BERT), APPROVE)
      const [first] = await receiver.until(1)
      assert.ok(first)
      const { body, raw } = first
      assert.deepEqual(Object.keys(body), ['id', 'type', 'timestamp', 'data'])
      assert.equal(body.type, 'permissions.updated')
      assert.equal(first.headers['webhook-id'], body.id)
      assert.deepEqual(body.data.user, { id: BERT, email: 'bert@acme.test' })
      assert.deepEqual(body.data.permissions, ['approve_invoice', 'create_invoice', 'list_invoices', 'use_app'])
      assert.deepEqual([body.data.added, body.data.removed], [['approve_invoice'], []])
      assert.deepEqual(new Webhook(secret).verify(raw, signed(first)), body)
      const event = await verifyWebhook(raw, first.headers, secret)
      assert.equal(event.type, 'permissions.updated')
      // Neither another secret nor another body.
      assert.throws(() => new Webhook(`whsec_${Buffer.alloc(32, 7).toString('base64')}`).verify(raw, signed(first)))
      assert.throws(() => new Webhook(secret).verify(`${raw} `, signed(first)))

      const [delivery] = await settled(server, key, path, (all) => all.every(({ state }) => state === 'delivered'))
      assert.deepEqual([delivery?.message, delivery?.attempts, delivery?.last_status], [body.id, 1, 204])
      // What is stored and shown has no secret in it.
      for (const line of [`GET ${path}`, `GET ${path}/deliveries`, `GET ${path}/deliveries/${delivery?.id}`])
        assert.ok(!JSON.stringify(await askFor(200, server, key, line)).includes(secret.slice(6)), line)
    })

    test('W2: while a secret changes there are two signatures, and then one', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { secret: before, path } = await addEndpoint(server, key, { url: receiver.url })
      const { secret: after, second_secret_until } = await askFor(201, server, key, `POST ${path}/secret`, {
        body: { hours: 2 },
      })
      assert.ok(Date.parse(second_secret_until) > server.clock.now())
      await askFor(200, server, key, `POST ${path}/ping`)
      const [during] = await receiver.until(1)
      assert.ok(during)
      for (const each of [before, after])
        assert.deepEqual(new Webhook(each).verify(during.raw, signed(during)), during.body)
      server.clock.advance(3 * 3_600_000)
      await askFor(200, server, key, `POST ${path}/ping`)
      const [, then] = await receiver.until(2)
      assert.ok(then)
      assert.equal(signed(then)['webhook-signature'].split(' ').length, 1)
      const now = { ...signed(then) }
      await verifyWebhook(then.raw, now, after, { now: server.clock.now() })
      await assert.rejects(verifyWebhook(then.raw, now, before, { now: server.clock.now() }))
      // At once, where the old one is in wrong hands.
      const { second_secret_until: none } = await askFor(201, server, key, `POST ${path}/secret`, {
        body: { hours: 0 },
      })
      assert.equal(none, null)
    })

    test('what fails is sent again under the same id, and says what is so by then; a newer one makes it needless', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { path } = await addEndpoint(server, key, { url: receiver.url, types: ['permissions.updated'] })
      receiver.answer = () => ({ status: 500, body: 'not now' })
      const { id } = await askFor(201, server, key, grantTo(BERT), APPROVE)
      const [first] = await receiver.until(1)
      const [waits] = await settled(server, key, path, ([one]) => one?.attempts === 1)
      assert.deepEqual([waits?.state, waits?.last_status], ['waiting', 500])
      const { attempts_made } = await askFor(200, server, key, `GET ${path}/deliveries/${waits?.id}`)
      assert.deepEqual([attempts_made[0].status, attempts_made[0].answer], [500, 'not now'])
      server.clock.advance(60_000)
      const [, again] = await receiver.until(2)
      assert.equal(again?.headers['webhook-id'], first?.headers['webhook-id'])
      // Taken away again: the first is not waited for, and never says more than holds.
      await askFor(200, server, key, `DELETE /companies/${ACME}/grants/${id}`)
      const [, , last] = await receiver.until(3)
      assert.deepEqual(last?.body.data.permissions, ['create_invoice', 'list_invoices', 'use_app'])
      receiver.answer = () => ({ status: 200 })
      server.clock.advance(3_600_000)
      const all = await settled(server, key, path, (each) => each.every(({ state }) => state !== 'waiting'))
      assert.deepEqual(all.map(({ state }) => state).sort(), ['delivered', 'superseded'])
      const came = receiver.received.filter(({ headers }) => headers['webhook-id'] === last?.headers['webhook-id'])
      assert.deepEqual(came.at(-1)?.body.data.permissions, ['create_invoice', 'list_invoices', 'use_app'])
    })

    test('one of one user that is stuck keeps back no other user, and an endpoint has the types that it wants', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      await addEndpoint(server, key, { url: receiver.url, types: ['permissions.updated'] })
      receiver.answer = ({ body }) => ({ status: body.data.user.id === BERT ? 500 : 200 })
      await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { first_name: 'Bertram' } })
      await askFor(201, server, key, grantTo(BERT), APPROVE)
      await receiver.until(1)
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BORIS}`, { body: {} })
      const [, second] = await receiver.until(2)
      assert.equal(second?.body.data.user.id, BORIS)
      assert.deepEqual([...new Set(receiver.received.map(({ body }) => body.type))], ['permissions.updated'])
    })

    test('resend sends what everybody may do today, to that endpoint alone', async () => {
      await using receiver = await startHookReceiver()
      await using other = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { path } = await addEndpoint(server, key, { url: receiver.url })
      await addEndpoint(server, key, { url: other.url })
      await askFor(204, server, key, `POST ${path}/resend`)
      const all = await receiver.until(6)
      await settled(server, key, path, (each) => each.length === 6 && each.every(({ state }) => state === 'delivered'))
      assert.equal((await askFor(200, server, key, `GET ${path}`)).resending, false)
      const told = all.map(({ body }) => [body.data.user.email, body.data.company.name, body.data.permissions.length])
      assert.deepEqual(told.toSorted(), [
        ['anna@acme.test', 'ACME', 4],
        ['bella@acme.test', 'ACME', 3],
        ['bert@acme.test', 'ACME', 3],
        ['carla@globex.test', 'Globex', 3],
        ['dora@acme.test', 'ACME', 3],
        ['dora@acme.test', 'Globex', 3],
      ])
      assert.deepEqual(other.received, [])
    })
  })
}
