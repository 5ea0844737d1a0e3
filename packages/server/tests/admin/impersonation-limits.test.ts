import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastify } from 'fastify'
import { openDoor } from '../../src/http/door.ts'
import { routes } from '../../src/http/routes.ts'
import { ACME, ask, askFor, BERT, DORA, GLOBEX, makeKey, SAM } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { issue } from '../support/house.ts'
import { begin, enter, HOUSE, looks, stateOf, supporter, validate, WISH } from '../support/impersonation.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const MINUTE = 60_000

for (const database of databases) {
  test(`Z6: a one-time token works once of fifty, in its application, and is stored as a hash (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const { token } = await begin(server, await makeKey(server))
    assert.doesNotMatch(JSON.stringify(await allTables(server)), new RegExp(token))
    const shop = await call(server, 'POST impersonation-validation/', { module: 'shop', body: { token } })
    assert.equal(shop.status, 401)
    const replies = await Promise.all(Array.from({ length: 50 }, (_, at) => validate(server, token, at % 2 === 1)))
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(49).fill(401)])
    const { audit_entries = [] } = await allTables(server)
    assert.equal(audit_entries.filter(({ act }) => act === 'impersonation.used').length, 1)
  })

  test(`Z6: it waits two minutes, lasts as long as was said and not a moment longer, and nothing renews it (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const key = await makeKey(server)
    const start = Date.parse('2030-01-01T00:00:00Z')
    const at = (moment: number) => server.clock.stopAt(start + moment)
    at(0)
    const unused = await askFor(201, server, key, 'POST /impersonations', { body: WISH })
    assert.deepEqual(
      [unused.state, unused.use_until, unused.ends_at, unused.ended_at],
      ['waiting', '2030-01-01T00:02:00.000Z', '2030-01-01T00:30:00.000Z', null],
    )
    const hour = await begin(server, key, { minutes: 60 })
    at(2 * MINUTE - 1)
    assert.equal(await stateOf(server, unused.id), 'waiting')
    const { body } = await validate(server, hour.token)
    assert.equal(body.expires_at, '2030-01-01T01:00:00.000Z')
    at(2 * MINUTE)
    assert.equal((await validate(server, unused.token)).status, 401)
    const told = await askFor(200, server, key, `GET /impersonations/${unused.id}`)
    assert.deepEqual([told.state, told.used_at, told.ended_at], ['over', null, '2030-01-01T00:02:00.000Z'])
    for (const minute of [10, 30, 59]) {
      at(minute * MINUTE)
      assert.equal(await looks(server, body.auth_token), 200)
      const profile = await call(server, 'GET users/profile/', { token: body.auth_token, rich: true })
      assert.equal(profile.body.expires_at, '2030-01-01T01:00:00.000Z')
    }
    at(60 * MINUTE - 1)
    assert.deepEqual([await looks(server, body.auth_token), await stateOf(server, hour.id)], [200, 'live'])
    at(60 * MINUTE)
    assert.deepEqual([await looks(server, body.auth_token), await stateOf(server, hour.id)], [401, 'over'])
    const { items } = await askFor(200, server, key, 'GET /impersonations?live=true')
    assert.deepEqual(items, [])
  })

  test(`Z6: both people are in every line of the audit (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const sam = await supporter(server)
    const { id: samsKey } = await askFor(200, server, sam, 'GET /whoami')
    const operator = await makeKey(server, { name: 'the console' })
    const { id: operatorsKey } = await askFor(200, server, operator, 'GET /whoami')
    const left = await enter(server, sam)
    assert.equal((await call(server, 'POST sign-out/', { token: left.token })).status, 200)
    const taken = await enter(server, sam)
    await askFor(204, server, operator, `DELETE /impersonations/${taken.id}`)
    const nobodys = await enter(server, operator)
    await askFor(204, server, operator, `DELETE /impersonations/${nobodys.id}`)
    const { items } = await askFor(200, server, operator, `GET /audit?target=${BERT}`)
    const lines = items.map((each: { act: string; actor: object; data: { impersonation: string } }) => [
      each.data.impersonation,
      each.act,
      each.actor,
    ])
    const asBert = (behind: string) => ({ kind: 'user', id: BERT, behind })
    const key = (id: string, behind: string | null) => ({ kind: 'key', id, behind })
    assert.deepEqual(lines.reverse(), [
      [left.id, 'impersonation.started', key(samsKey, SAM)],
      [left.id, 'impersonation.used', asBert(SAM)],
      [left.id, 'impersonation.ended', asBert(SAM)],
      [taken.id, 'impersonation.started', key(samsKey, SAM)],
      [taken.id, 'impersonation.used', asBert(SAM)],
      [taken.id, 'impersonation.ended', key(operatorsKey, SAM)],
      [nobodys.id, 'impersonation.started', key(operatorsKey, null)],
      [nobodys.id, 'impersonation.used', asBert(operatorsKey)],
      [nobodys.id, 'impersonation.ended', key(operatorsKey, operatorsKey)],
    ])
    for (const entry of items) assert.deepEqual([entry.company, entry.application], [ACME, 'crm'])
    assert.equal(items.at(-1).personal.reason, 'Ticket 7')
  })

  test(`Z6: an impersonated token changes nothing: no route takes it but look-ups and its own sign-out (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const own = await issue(server, 'bert@acme.test', 'crm')
    const { token } = await enter(server, operator)
    const other = await enter(server, operator)
    const changeless = async () => {
      const { tokens, impersonations, api_keys, audit_entries, audit_personal, refusals, ...tables } =
        await allTables(server)
      // A key's use is noted.
      return { ...tables, keys: api_keys?.map(({ last_used_at, ...key }) => key) }
    }
    const before = await changeless()

    const lines = await listRoutes(server)
    const ofSessions = lines.filter((line) => line.includes(' /api/v1/auth/'))
    const others = lines.filter((line) => !ofSessions.includes(line))
    assert.ok(others.length > 60)
    for (const line of others) {
      const [method = '', url = ''] = line.split(' ')
      const address = `${server.url}${url.replace(/:\w+/g, BERT)}`
      for (const headers of [
        { authorization: `Bearer ${token}` },
        { 'x-license-token': token, 'x-license-module': 'crm' },
      ]) {
        const sent = method === 'GET' ? {} : { body: '{}', headers: { ...headers, 'content-type': 'application/json' } }
        const reply = await fetch(address, { method, headers, ...sent })
        assert.equal(reply.status, 401, `${line}: ${await reply.text()}`)
      }
    }
    // What an application may call with it, one by one: another call must say here what it may do.
    assert.deepEqual(ofSessions.map((line) => line.replace('/api/v1/auth/', '')).sort(), [
      'GET get-company-permissions/:company_id/',
      'GET get-permissions/',
      'GET users/permissions/',
      'GET users/profile/',
      'POST authenticate/',
      'POST impersonation-validation/',
      'POST sign-out/',
    ])
    for (const line of ['GET get-permissions/', 'GET users/profile/', `GET get-company-permissions/${ACME}/`])
      assert.equal((await call(server, line, { token })).status, 200)
    // Of the flat dialects, which know no impersonation.
    assert.equal((await call(server, 'GET users/permissions/', { token })).status, 404)
    assert.equal((await call(server, `GET get-company-permissions/${GLOBEX}/`, { token })).status, 404)
    assert.equal((await validate(server, token)).status, 401)
    assert.deepEqual(await changeless(), before)

    assert.equal((await call(server, 'POST sign-out/', { token })).status, 200)
    assert.equal((await call(server, 'POST sign-out/', { token })).status, 401)
    assert.deepEqual(
      [await looks(server, token), await looks(server, own), await looks(server, other.token)],
      [401, 200, 200],
    )
    assert.deepEqual(await changeless(), before)
  })

  test(`Z6: a one-time token waits no longer than the session would last (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const key = await makeKey(server)
    const start = Date.parse('2030-01-01T00:00:00Z')
    for (const [wait, expected] of [
      [MINUTE - 1, 200],
      [MINUTE, 401],
    ] as const) {
      server.clock.stopAt(start)
      const begun = await askFor(201, server, key, 'POST /impersonations', { body: { ...WISH, minutes: 1 } })
      assert.deepEqual([begun.use_until, begun.ends_at], ['2030-01-01T00:01:00.000Z', '2030-01-01T00:01:00.000Z'])
      server.clock.stopAt(start + wait)
      assert.equal((await validate(server, begun.token)).status, expected)
    }
  })

  test(`Z6: it lasts no longer than the key that began it (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const start = Date.parse('2030-01-01T00:00:00Z')
    server.clock.stopAt(start)
    const [short, long] = await Promise.all(
      [10, 90].map((minutes) => makeKey(server, { expiresAt: start + minutes * MINUTE })),
    )
    const lives: string[] = []
    for (const [key, ends] of [
      [short, '2030-01-01T00:10:00.000Z'],
      [long, '2030-01-01T00:30:00.000Z'],
    ] as const) {
      const begun = await askFor(201, server, key ?? '', 'POST /impersonations', { body: WISH })
      assert.equal(begun.ends_at, ends)
      const { body } = await validate(server, begun.token)
      assert.equal(body.expires_at, ends)
      lives.push(body.auth_token)
    }
    const answers = async () => Promise.all(lives.map((token) => looks(server, token)))
    server.clock.stopAt(start + 10 * MINUTE - 1)
    assert.deepEqual(await answers(), [200, 200])
    server.clock.stopAt(start + 10 * MINUTE)
    assert.deepEqual(await answers(), [401, 200])
  })

  test(`Z6: as whoever becomes an operator nobody goes on (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const key = await makeKey(server)
    const byFile = (operator: boolean) => server.seed({ users: [{ email: 'bert@acme.test', operator }] })
    const byApi = (operator: boolean) => askFor(200, server, key, `PATCH /users/${BERT}`, { body: { operator } })
    for (const make of [byApi, byFile]) {
      const [live, waiting] = [await enter(server, key), await begin(server, key)]
      const other = await enter(server, key, { user: DORA })
      await make(true)
      assert.equal(await looks(server, live.token), 401)
      assert.equal((await validate(server, waiting.token)).status, 401)
      assert.deepEqual([await stateOf(server, live.id), await stateOf(server, waiting.id)], ['over', 'over'])
      assert.equal(await looks(server, other.token), 200)
      // Nor does it come back with the mark's going.
      await make(false)
      assert.equal(await looks(server, live.token), 401)
      assert.equal((await validate(server, waiting.token)).status, 401)
    }
    // A supporter's account is like anybody's.
    const live = await enter(server, key)
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { support: true } })
    assert.equal(await looks(server, live.token), 200)
  })

  test(`Z6: whatever ends it at the moment at which it is exchanged, it does not live on (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const key = await makeKey(server)
    const patch = (what: string, field: string, value: unknown) =>
      askFor(200, server, key, `PATCH ${what}`, { body: { [field]: value } })
    const seat = `/companies/${ACME}/seats/crm/${BERT}`
    const acts: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
      ['operator', () => patch(`/users/${BERT}`, 'operator', true), () => patch(`/users/${BERT}`, 'operator', false)],
      ['user', () => patch(`/users/${BERT}`, 'active', false), () => patch(`/users/${BERT}`, 'active', true)],
      [
        'company',
        () => patch(`/companies/${ACME}`, 'active', false),
        () => patch(`/companies/${ACME}`, 'active', true),
      ],
      [
        'application',
        () => patch('/applications/crm', 'active', false),
        () => patch('/applications/crm', 'active', true),
      ],
      [
        'seat',
        () => askFor(204, server, key, `DELETE ${seat}`),
        () => askFor(200, server, key, `PUT ${seat}`, { body: {} }),
      ],
    ]
    for (const [name, take, give] of acts) {
      for (let round = 0; round < 6; round++) {
        const { id, token } = await begin(server, key)
        const [came] = await Promise.all([validate(server, token), take()])
        assert.ok([200, 401].includes(came.status), `${name}: ${came.text}`)
        if (came.status === 200) assert.equal(await looks(server, came.body.auth_token), 401, name)
        await give()
        if (came.status === 200) assert.equal(await looks(server, came.body.auth_token), 401, name)
        assert.equal((await validate(server, token)).status, 401, name)
        assert.equal(await stateOf(server, id), 'over', name)
      }
    }
  })

  test(`Z6: also who ends a session by its token's id has the other person beside it (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const { id, token } = await enter(server, await supporter(server))
    const own = await issue(server, 'bert@acme.test', 'crm')
    const { items: tokens } = await askFor(200, server, operator, `GET /users/${BERT}/tokens`)
    for (const each of tokens) await askFor(204, server, operator, `DELETE /users/${BERT}/tokens/${each.id}`)
    assert.deepEqual([await looks(server, token), await looks(server, own)], [401, 401])
    assert.equal(await stateOf(server, id), 'over')
    const { items } = await askFor(200, server, operator, 'GET /audit?act=token.revoked')
    const told = items.map((each: { actor: { behind: string | null }; data: { impersonation?: string } }) => [
      each.actor.behind,
      each.data.impersonation,
    ])
    assert.deepEqual(
      told.sort((a: unknown[]) => (a[0] === null ? -1 : 1)),
      [
        [null, undefined],
        [SAM, id],
      ],
    )
  })

  test(`Z6: a one-time token that is tried in another application is noted, and not used up (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const { id, token } = await begin(server, await makeKey(server))
    const inShop = { module: 'shop', body: { token } }
    for (let times = 0; times < 3; times++)
      assert.equal((await call(server, 'POST impersonation-validation/', inShop)).status, 401)
    const unknown = { module: 'shop', body: { token: crypto.randomUUID() } }
    assert.equal((await call(server, 'POST impersonation-validation/', unknown)).status, 401)
    await server.ctx.refusals.flush(server.ctx.db)
    const { refusals = [] } = await allTables(server)
    assert.deepEqual(
      refusals.map((each) => [each.kind, each.application_id, each.subject, Number(each.times)]),
      [['one_time_token_of_another_application', 'shop', id, 3]],
    )
    assert.equal((await validate(server, token)).status, 200)
  })

  test(`Z6: why is told as it was written, and is no longer than a form takes (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const key = await makeKey(server)
    const refused: unknown[] = ['x'.repeat(501), '', '\u0000', 'a\ud800', ' \t', 7, null, ['why']]
    for (const reason of refused) {
      const { status, body } = await ask(server, key, 'POST /impersonations', { body: { ...WISH, reason } })
      assert.deepEqual([status, body.errors?.[0]?.path], [400, '/body/reason'], JSON.stringify(reason))
    }
    for (const reason of ['x'.repeat(500), '<script>alert(1)</script>', '"; drop table users; --', 'Tür 7 ✔ \u202e']) {
      const { id, token } = await begin(server, key, { reason })
      assert.equal((await validate(server, token)).body.reason, reason.trim())
      assert.equal((await askFor(200, server, key, `GET /impersonations/${id}`)).reason, reason.trim())
    }
  })
}

/** Every route of the API, but for its description: `GET /api/v1/auth/users/profile/`. */
async function listRoutes({ ctx }: TestServer): Promise<string[]> {
  const lines: string[] = []
  const app = fastify()
  app.addHook('onRoute', ({ method, url }) => {
    const isDescription = url === '/api/v1/openapi.json'
    if (!url.startsWith('/api/') || isDescription) return
    for (const each of [method].flat()) if (each !== 'HEAD') lines.push(`${each} ${url}`)
  })
  await app.register(routes(ctx, openDoor()))
  await app.ready()
  return lines
}
