import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readRetryAfter, TRIED_FOR_MS, waitAfter } from '../../src/domain/delivery.ts'
import { ACME, ask, askFor, BERT, BORIS, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { addEndpoint, settled, startHookReceiver, TO_THIS_MACHINE, until } from '../support/hook-receiver.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const HOUR = 3_600_000
const give = `POST /companies/${ACME}/members/${BERT}/grants`
const APPROVE = { body: { application: 'crm', permission: 'approve_invoice' } }

test('each wait is as long as its step or longer, spread by chance, and never shorter than the receiver asks', () => {
  let total = 0
  for (let tries = 1; tries < 30; tries++) {
    const [least, most] = [waitAfter(tries, 0), waitAfter(tries, 1)]
    assert.ok(most > least && most <= 1.3 * least + 1, `${tries}`)
    assert.ok(least >= waitAfter(tries - 1, 0))
    total += least
  }
  assert.ok(total > TRIED_FOR_MS)
  assert.equal(waitAfter(1, 0, 2 * HOUR), 2 * HOUR)
  assert.equal(waitAfter(1, 0, 1_000 * HOUR), 24 * HOUR)
  const now = Date.UTC(2026, 11, 1)
  for (const [header, asked] of [
    ['120', 120_000],
    [' 7 ', 7_000],
    ['Tue, 01 Dec 2026 00:01:00 GMT', 60_000],
    ['Tue, 01 Dec 2020 00:01:00 GMT', 0],
    ['soon', 0],
    ['-5', 0],
    ['1e9', 0],
    ['', 0],
    [undefined, 0],
  ] as const)
    assert.equal(readRetryAfter(header, now), asked, `${header}`)
})

for (const database of databases) {
  /** Goes on to when the one delivery is due, so often, and has it sent. */
  const goOn = async (server: TestServer, key: string, path: string) => {
    const [before] = (await askFor(200, server, key, `GET ${path}/deliveries`)).items
    server.clock.advance(Math.max(0, Date.parse(before.next_at) - server.clock.now()) + 31_000)
    server.ctx.outbox.events()
    await settled(
      server,
      key,
      path,
      ([now]) => now !== undefined && (now.attempts > before.attempts || now.state !== 'waiting'),
    )
    return before
  }

  describe(`what does not arrive, on ${database}`, () => {
    test('W4, W6: it is tried for more than 72 hours, then the endpoint is switched off with notice, and nothing goes there', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { id, path } = await addEndpoint(server, key, { url: receiver.url })
      receiver.answer = () => ({ status: 503 })
      await askFor(201, server, key, give, APPROVE)
      await receiver.until(1)
      const [begun] = await settled(server, key, path, ([one]) => one?.attempts === 1)
      const first = Date.parse(begun?.created_at ?? '')
      const dues: number[] = []
      for (let tries = 0; tries < 60; tries++) {
        dues.push(Date.parse((await goOn(server, key, path)).next_at) - first)
        if (!(await askFor(200, server, key, `GET ${path}`)).active) break
      }
      assert.ok((dues.at(-1) ?? 0) >= 72 * HOUR, `${dues}`)
      assert.ok(dues.length >= 15 && dues.length < 50, `${dues.length} tries`)
      const [failed] = await settled(server, key, path, ([one]) => one?.state === 'failed')
      assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1)

      const off = await askFor(200, server, key, `GET ${path}`)
      assert.deepEqual([off.active, off.disabled.because], [false, 'failing'])
      const notices = await askFor(200, server, key, `GET /audit?target=${id}&act=endpoint.switched_off`)
      assert.deepEqual(
        notices.items.map((each: { data: object }) => each.data),
        [{ because: 'failing' }],
      )
      const count = receiver.received.length
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BORIS}`, { body: {} })
      for (const line of [`POST ${path}/ping`, `POST ${path}/resend`, `POST ${path}/deliveries/${failed?.id}/replay`])
        assert.equal((await ask(server, key, line)).body.code, 'endpoint_off', line)
      const all = { body: { state: 'failed' } }
      assert.equal((await ask(server, key, `POST ${path}/replay`, all)).body.code, 'endpoint_off')
      server.clock.advance(HOUR)
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      assert.equal(receiver.received.length, count, 'nothing is sent to one that is off')

      // Switched on again it goes on where it stopped, and what failed can be sent again.
      receiver.answer = () => ({ status: 200 })
      const on = await askFor(200, server, key, `PATCH ${path}`, { body: { active: true } })
      assert.deepEqual([on.active, on.disabled, on.failing_since], [true, null, null])
      const came = await receiver.until(count + 2)
      const fresh = came.slice(count).map(({ body }) => [body.type, body.data.user.id])
      assert.deepEqual(fresh, [
        ['user.created', BORIS],
        ['permissions.updated', BORIS],
      ])
      assert.deepEqual(await askFor(200, server, key, `POST ${path}/replay`, all), { replayed: 1, more: false })
      await receiver.until(count + 3)
      assert.equal(receiver.received.at(-1)?.headers['webhook-id'], failed?.message)
      await settled(server, key, path, (each) => each.every(({ state }) => state === 'delivered'))
    })

    test('W6: 410 switches an endpoint off at once, and others go on', async () => {
      await using receiver = await startHookReceiver()
      await using other = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { path } = await addEndpoint(server, key, { url: receiver.url })
      await addEndpoint(server, key, { url: other.url })
      receiver.answer = () => ({ status: 410 })
      await askFor(201, server, key, give, APPROVE)
      await receiver.until(1)
      await until(async () => (await askFor(200, server, key, `GET ${path}`)).disabled?.because === 'gone')
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BORIS}`, { body: {} })
      await other.until(2)
      assert.equal(receiver.received.length, 1)
    })

    test('W4: Retry-After is waited for', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { path } = await addEndpoint(server, key, { url: receiver.url })
      receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7200' } })
      await askFor(201, server, key, give, APPROVE)
      await receiver.until(1)
      const [waits] = await settled(server, key, path, ([one]) => one?.attempts === 1)
      assert.ok(Date.parse(waits?.next_at ?? '') >= server.clock.now() + 1.9 * HOUR)
    })

    test('whoever sends and dies is followed by others, under the same id', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { id, path } = await addEndpoint(server, key, { url: receiver.url })
      receiver.answer = () => ({ status: 500 })
      await askFor(201, server, key, give, APPROVE)
      await receiver.until(1)
      const [waits] = await settled(server, key, path, ([one]) => one?.attempts === 1)
      // As one that was killed leaves it.
      const until = server.clock.now() + 3 * HOUR
      await server.ctx.db.transaction((tx) =>
        tx
          .updateTable('deliveries')
          .set({ claim: 'of a dead one', next_at: until })
          .where('endpoint_id', '=', id)
          .execute(),
      )
      receiver.answer = () => ({ status: 200 })
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BORIS}`, { body: {} })
      // Of others both what they are and what they may do; what the dead one held waits for its time.
      await receiver.until(3)
      for (const { body } of receiver.received.slice(1)) assert.equal(body.data.user.id, BORIS)
      server.clock.advance(4 * HOUR)
      await receiver.until(4)
      assert.equal(receiver.received[3]?.headers['webhook-id'], waits?.message)
      await settled(server, key, path, (all) => all.every(({ state }) => state === 'delivered'))
    })
  })
}
