import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LicenseAdmin } from 'cloudspot-license-api/admin'
import { startReceiver } from '../outbound/receivers.ts'
import { ACME, ask, askFor, BERT, MANAGED_HOUSE, makeKey, NOBODY } from '../support/admin.ts'
import { addEndpoint, settled, startHookReceiver, TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { databases, startServer } from '../support/server.ts'

const LIST = '/applications/crm/endpoints'

/** Each leads into the house, or to this machine, in some spelling. */
const inside = (port: number) => [
  `http://127.0.0.1:${port}/hook`,
  `https://127.0.0.1:${port}/hook`,
  `https://0x7f.1:${port}/hook`,
  `https://2130706433:${port}/hook`,
  `https://%3127.1:${port}/hook`,
  `https://[::ffff:127.0.0.1]:${port}/hook`,
  `https://localhost:${port}/hook`,
  'https://[::1]/hook',
  'https://[::ffff:10.0.0.1]/hook',
  'https://10.0.0.1/hook',
  'https://192.168.1.1/hook',
  'https://169.254.169.254/latest/meta-data',
]
const NO_ADDRESS = [
  'ftp://crm.example/hook',
  'crm.example',
  'https://me:secret@crm.example/',
  'https://crm.example/#x',
  'http://93.184.215.14/hook',
]

for (const database of databases) {
  describe(`endpoints, on ${database}`, () => {
    test('W7: no address of the house is stored, tried, sent to or sent to again, and nothing is connected to', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const key = await makeKey(server)
      const { path } = await addEndpoint(server, key, { url: 'https://93.184.215.14/hook' })
      await askFor(200, server, key, `PATCH ${path}`, { body: { active: false } })
      await using receiver = await startReceiver()
      for (const url of [...inside(receiver.port), ...NO_ADDRESS])
        for (const dialect of ['standard', 'django'])
          for (const [line, body] of [
            [`POST ${LIST}`, { url, dialect }],
            [`PATCH ${path}`, { url }],
          ] as const) {
            const reply = await ask(server, key, line, { body })
            assert.deepEqual([reply.status, reply.body.errors?.[0].path], [400, '/body/url'], `${line} ${url}`)
          }
      // Stored by other means, or led there by DNS since.
      await server.ctx.db.transaction((tx) =>
        tx
          .updateTable('endpoints')
          .set({ url: `https://127.0.0.1:${receiver.port}/hook`, active: 1 })
          .execute(),
      )
      for (const line of [`POST ${path}/ping`, `POST ${path}/deliveries/${NOBODY}/replay`]) {
        const reply = await ask(server, key, line)
        assert.ok([400, 404].includes(reply.status), line)
      }
      const all = await ask(server, key, `POST ${path}/replay`, { body: { state: 'failed' } })
      assert.deepEqual([all.status, all.body.errors[0].path], [400, '/endpoint/url'])
      await askFor(201, server, key, `POST /companies/${ACME}/members/${BERT}/grants`, {
        body: { application: 'crm', permission: 'approve_invoice' },
      })
      const [refused] = await settled(server, key, path, ([one]) => one?.attempts === 1)
      assert.deepEqual([refused?.last_status, refused?.last_error], [null, 'refused_address'])
      assert.equal(receiver.connections, 0)
    })

    test('an application has its own endpoints with its own key; nobody else but operators has any', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const operator = await makeKey(server)
      const own = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })
      const others = await makeKey(server, { power: { kind: 'application', applicationId: 'shop' } })
      const { id, path } = await addEndpoint(server, own, { url: receiver.url })
      assert.deepEqual(
        (await askFor(200, server, own, `GET ${LIST}`)).items.map((each: { id: string }) => each.id),
        [id],
      )
      for (const line of [
        `GET ${LIST}`,
        `GET ${path}`,
        `DELETE ${path}`,
        `POST ${path}/ping`,
        `POST ${path}/resend`,
        `GET ${path}/deliveries`,
        // Another's endpoint below their own application.
        `GET ${path.replace('crm', 'shop')}`,
        `POST ${path.replace('crm', 'shop')}/ping`,
        `DELETE ${path.replace('crm', 'shop')}`,
      ])
        assert.equal((await ask(server, others, line)).status, 404, line)
      assert.equal((await ask(server, others, `PATCH ${path}`, { body: { active: false } })).status, 404)
      for (const power of [{ kind: 'support' }, { kind: 'company', companyId: ACME }] as const)
        for (const line of [`GET ${LIST}`, `GET ${path}`, `GET ${path}/deliveries`])
          assert.equal((await ask(server, await makeKey(server, { power }), line)).status, 403, line)
      // No key of another kind's scope.
      const narrow = await makeKey(server, { scopes: ['applications:write'] })
      assert.equal((await ask(server, narrow, `GET ${LIST}`)).body.code, 'scope_missing')
      assert.equal((await ask(server, operator, `GET /applications/shop/endpoints/${id}`)).status, 404)
      assert.deepEqual(receiver.received, [])
    })

    test('a secret is told when it is made and never again; ten are the most; what is removed is gone', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const admin = new LicenseAdmin({ baseUrl: server.url, apiKey: key })
      const first = await admin.endpoints.create('crm', { url: receiver.url, description: 'The CRM' })
      const made = await ask(server, key, `POST ${LIST}`, { body: { url: receiver.url } })
      assert.equal(made.headers.get('location'), `/api/v1/admin${LIST}/${made.body.id}`)
      const { secret, ...told } = first
      assert.deepEqual(await admin.endpoints.get('crm', first.id), told)
      assert.ok(!JSON.stringify(await admin.endpoints.list('crm')).includes(secret))
      assert.ok(!JSON.stringify(await askFor(200, server, key, 'GET /audit')).includes(secret))
      for (let count = 2; count < 10; count++) await admin.endpoints.create('crm', { url: receiver.url })
      await assert.rejects(admin.endpoints.create('crm', { url: receiver.url }), { code: 'too_many_endpoints' })
      await admin.endpoints.ping('crm', first.id)
      const [tried] = await admin.deliveries.list('crm', first.id).toArray()
      assert.equal(tried?.type, 'ping')
      assert.equal((await admin.deliveries.replay('crm', first.id, tried?.id ?? '')).state, 'waiting')
      await admin.endpoints.remove('crm', first.id)
      await assert.rejects(admin.endpoints.get('crm', first.id), { code: 'not_found' })
      await assert.rejects(admin.deliveries.get('crm', first.id, tried?.id ?? ''), { code: 'not_found' })
      await admin.endpoints.create('crm', { url: receiver.url })
      // The path of an address may be a secret of its own.
      const acts = await askFor(200, server, key, 'GET /audit?act=endpoint.created')
      assert.ok(!JSON.stringify(acts).includes('/hook'))
    })

    test('lists are limited to a state and a span of time, and go on where they ended', async () => {
      await using receiver = await startHookReceiver()
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      const key = await makeKey(server)
      const { path } = await addEndpoint(server, key, { url: receiver.url })
      for (let count = 0; count < 5; count++) {
        receiver.answer = () => ({ status: count < 2 ? 500 : 200 })
        await askFor(200, server, key, `POST ${path}/ping`)
      }
      const list = async (query: string) => (await askFor(200, server, key, `GET ${path}/deliveries?${query}`)).items
      assert.deepEqual([(await list('state=failed')).length, (await list('state=delivered')).length], [2, 3])
      assert.deepEqual([(await list('from=2099-01-01')).length, (await list('until=2001-01-01')).length], [0, 0])
      assert.equal((await list('from=2020-01-01&until=2098-01-01')).length, 5)
      const page = await askFor(200, server, key, `GET ${path}/deliveries?limit=3`)
      const rest = await askFor(200, server, key, `GET ${path}/deliveries?limit=3&cursor=${page.next_cursor}`)
      assert.deepEqual([page.items.length, rest.items.length, rest.next_cursor], [3, 2, null])
      assert.equal(new Set([...page.items, ...rest.items].map(({ id }) => id)).size, 5)
      for (const query of ['from=soon', 'state=lost', 'cursor=W10'])
        assert.equal((await ask(server, key, `GET ${path}/deliveries?${query}`)).status, 400, query)
      const again = await askFor(200, server, key, `POST ${path}/replay`, { body: { state: 'failed' } })
      assert.deepEqual(again, { replayed: 2, more: false })
      await receiver.until(7)
      assert.equal((await ask(server, key, `POST ${path}/replay`, { body: {} })).status, 400)
    })
  })
}
