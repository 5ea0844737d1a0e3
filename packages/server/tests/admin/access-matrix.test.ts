import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastify } from 'fastify'
import type { Context } from '../../src/context.ts'
import type { PowerKind, Rule } from '../../src/domain/power.ts'
import { ADMIN, adminRoutes } from '../../src/http/admin/index.ts'
import {
  ACME,
  type AdminReply,
  ANNA,
  ask,
  BELLA,
  BERT,
  BORIS,
  CARLA,
  DORA,
  EMIL,
  GLOBEX,
  MANAGED_HOUSE,
  makeKey,
  NOBODY,
} from '../support/admin.ts'
import { addEndpoint, TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { issue } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables, type Rows } from '../support/tables.ts'

type Route = { line: string; rule: Rule }

/** Every route that the router has, with the rule that it states. */
async function listRoutes(ctx: Context): Promise<Route[]> {
  const routes: Route[] = []
  const app = fastify()
  app.addHook('onRoute', ({ method, url, config }) => {
    const { rule } = (config ?? {}) as { rule?: Rule } // As http/admin/route.ts puts it there.
    // For each GET the framework adds a HEAD, with the same rule.
    if (method !== 'HEAD' && rule) routes.push({ line: `${method} ${url.slice(ADMIN.length)}`, rule })
  })
  await app.register(adminRoutes(ctx), { prefix: ADMIN })
  await app.ready()
  return routes
}

/** What a rightful call of a route is: of ids where `:` stands, and maybe with a query, a body and a header. */
type Rightful = {
  params?: Record<string, string>
  query?: string
  body?: object
  /** The address whose ETag it names. */
  ifMatch?: string
  /** The address whose plan's etag it names, planned with the same body. */
  ifPlanned?: string
  /** What a company's admin may not do even with ids of the own company. */
  notFor?: PowerKind[]
}

const OF_ACME = { company: ACME }
const crm = { application: 'crm' }
const OF_ENDPOINT = { ...crm, endpoint: 'of crm' }
const OF_DELIVERY = { ...OF_ENDPOINT, delivery: 'a try' }

/** One for each route; a route without one fails. Those that take something away come last, and take what no other names. */
const CALLS: Record<string, Rightful> = {
  'GET /whoami': {},
  'GET /users': { query: '?q=b' },
  'POST /users': { body: { email: 'new@acme.test', first_name: 'New' } },
  'GET /users/:user': { params: { user: BERT } },
  'PATCH /users/:user': { params: { user: BERT }, body: { first_name: 'Bertram' } },
  'PUT /users/:user/password': { params: { user: BERT }, body: { password: 'a bicycle made for two' } },
  'GET /users/:user/tokens': { params: { user: BERT } },
  'DELETE /users/:user/tokens/:token': { params: { user: BERT, token: 'of Bert' } },
  'DELETE /users/:user/tokens': { params: { user: BERT } },
  'GET /companies': {},
  'POST /companies': { body: { name: 'Initech' } },
  'GET /companies/:company': { params: OF_ACME },
  'PATCH /companies/:company': { params: OF_ACME, body: { name: 'ACME & Sons' } },
  'GET /companies/:company/members': { params: OF_ACME },
  'GET /companies/:company/members/:user': { params: { ...OF_ACME, user: BERT } },
  'PATCH /companies/:company/members/:user': { params: { ...OF_ACME, user: BERT }, body: { role: 'admin' } },
  'GET /companies/:company/roles': { params: OF_ACME },
  'POST /companies/:company/roles': { params: OF_ACME, body: { ...crm, key: 'new', permissions: ['create_invoice'] } },
  'GET /companies/:company/roles/:application/:key': { params: { ...OF_ACME, ...crm, key: 'own' } },
  'PATCH /companies/:company/roles/:application/:key': {
    params: { ...OF_ACME, ...crm, key: 'own' },
    body: { permissions: ['approve_invoice'] },
    ifMatch: `/companies/${ACME}/roles/crm/own`,
  },
  'GET /companies/:company/licenses': { params: OF_ACME },
  'POST /companies/:company/licenses': { params: OF_ACME, body: { application: 'spare' } },
  'GET /companies/:company/licenses/:application': { params: { ...OF_ACME, ...crm } },
  'PATCH /companies/:company/licenses/:application': { params: { ...OF_ACME, ...crm }, body: { seats: 9 } },
  'GET /companies/:company/seats': { params: OF_ACME },
  'PUT /companies/:company/seats/:application/:user': { params: { ...OF_ACME, ...crm, user: BORIS }, body: {} },
  'GET /companies/:company/members/:user/grants': { params: { ...OF_ACME, user: BERT } },
  'POST /companies/:company/members/:user/grants': {
    params: { ...OF_ACME, user: BERT },
    body: { ...crm, permission: 'approve_invoice' },
  },
  'GET /companies/:company/members/:user/rights/:application': { params: { ...OF_ACME, user: DORA, ...crm } },
  'PUT /companies/:company/members/:user/rights/:application': {
    params: { ...OF_ACME, user: DORA, ...crm },
    body: { grants: [{ permission: 'approve_invoice' }] },
    ifMatch: `/companies/${ACME}/members/${DORA}/rights/crm`,
  },
  'GET /applications': {},
  'POST /applications': { body: { id: 'new', name: 'New' } },
  'GET /applications/:application': { params: crm },
  'PATCH /applications/:application': { params: crm, body: { name: 'C R M' } },
  'POST /applications/:application/secret': { params: { application: 'spare' } },
  'DELETE /applications/:application/secret': { params: { application: 'spare' } },
  'GET /applications/:application/permissions': { params: crm },
  'GET /applications/:application/manifest': { params: crm },
  'POST /applications/:application/manifest/plan': {
    params: { application: 'spare' },
    body: { manifest: { permissions: [{ slug: 'idle' }, { slug: 'busy' }] } },
  },
  'PUT /applications/:application/manifest': {
    params: { application: 'spare' },
    body: { manifest: { permissions: [{ slug: 'idle' }, { slug: 'busy' }] } },
    ifPlanned: '/applications/spare/manifest/plan',
  },
  'GET /applications/:application/roles': { params: crm },
  'POST /applications/:application/roles': { params: crm, body: { key: 'new', permissions: ['list_invoices'] } },
  'GET /applications/:application/roles/:key': { params: { ...crm, key: 'viewer' } },
  'PATCH /applications/:application/roles/:key': {
    params: { ...crm, key: 'viewer' },
    body: { name: 'Watcher' },
    ifMatch: '/applications/crm/roles/viewer',
  },
  'GET /applications/:application/licenses': { params: crm },
  'GET /explain': { query: `?user=${BERT}&company=${ACME}&application=crm&permission=create_invoice` },
  'GET /explain/holders': { query: `?company=${ACME}&application=crm&permission=create_invoice` },
  'GET /explain/company': { query: `?company=${ACME}` },
  'GET /api-keys': {},
  'POST /api-keys': { body: { name: 'more', company: ACME } },
  'GET /api-keys/:key': { params: { key: 'of ACME' } },
  'GET /audit': {},
  'GET /imports': {},
  'POST /imports': { body: { kind: 'users', name: 'more.csv', digest: 'B'.repeat(43), total: 1 } },
  'POST /imports/check': { body: { rows: [{ email: 'moved@acme.test' }] } },
  'GET /imports/:import': { params: { import: 'of users.csv' } },
  'POST /imports/:import/rows': {
    params: { import: 'of users.csv' },
    body: { from: 0, rows: [{ email: 'moved@acme.test' }] },
  },
  'GET /export': {},
  'GET /audit/export': { query: '?format=csv' },
  'GET /audit/state': {},
  'GET /statistics': {},
  'GET /upstream': {},
  'GET /upstream/users': { query: '?state=waiting' },
  'GET /impersonations': { query: `?user=${BERT}` },
  'POST /impersonations': { body: { user: BERT, company: ACME, ...crm, reason: 'Ticket 7' } },
  'GET /impersonations/:impersonation': { params: { impersonation: 'as Dora' } },
  'DELETE /impersonations/:impersonation': { params: { impersonation: 'as Dora' } },
  'GET /applications/:application/endpoints': { params: crm },
  'POST /applications/:application/endpoints': { params: crm, body: { url: 'http://127.0.0.1:9/other' } },
  'GET /applications/:application/endpoints/:endpoint': { params: OF_ENDPOINT },
  'PATCH /applications/:application/endpoints/:endpoint': { params: OF_ENDPOINT, body: { description: 'Theirs' } },
  'POST /applications/:application/endpoints/:endpoint/secret': { params: OF_ENDPOINT, body: { hours: 1 } },
  'POST /applications/:application/endpoints/:endpoint/ping': { params: OF_ENDPOINT },
  'GET /applications/:application/endpoints/:endpoint/deliveries': { params: OF_ENDPOINT, query: '?state=failed' },
  'GET /applications/:application/endpoints/:endpoint/deliveries/:delivery': { params: OF_DELIVERY },
  'POST /applications/:application/endpoints/:endpoint/deliveries/:delivery/replay': { params: OF_DELIVERY },
  'POST /applications/:application/endpoints/:endpoint/replay': { params: OF_ENDPOINT, body: { state: 'failed' } },
  'POST /applications/:application/endpoints/:endpoint/resend': { params: OF_ENDPOINT },
  'DELETE /applications/:application/endpoints/:endpoint': { params: { ...crm, endpoint: 'to be removed' } },
  'DELETE /companies/:company/grants/:grant': { params: { ...OF_ACME, grant: 'of Bella' } },
  'DELETE /companies/:company/seats/:application/:user': { params: { ...OF_ACME, ...crm, user: BELLA } },
  'POST /companies/:company/members': { params: OF_ACME, body: { user: EMIL } },
  'DELETE /companies/:company/members/:user': { params: { ...OF_ACME, user: BELLA } },
  'DELETE /companies/:company/roles/:application/:key': { params: { ...OF_ACME, ...crm, key: 'unused' } },
  'DELETE /applications/:application/roles/:key': { params: { ...crm, key: 'spare' } },
  'DELETE /api-keys/:key': { params: { key: 'of ACME' } },
  'DELETE /users/:user': { params: { user: BORIS } },
}

type Ids = Record<string, string>

/** Ids that are made, not chosen. */
async function madeIds(server: TestServer): Promise<Ids> {
  const { read } = server.ctx.db
  const grant = await read.selectFrom('grants').select('id').where('user_id', '=', BELLA).executeTakeFirstOrThrow()
  const key = await read.selectFrom('api_keys').select('id').where('name', '=', 'a spare one').executeTakeFirstOrThrow()
  const file = await read.selectFrom('imports').select('id').where('name', '=', 'users.csv').executeTakeFirstOrThrow()
  const token = await read.selectFrom('tokens').select('id').where('user_id', '=', BERT).executeTakeFirstOrThrow()
  const asDora = await read
    .selectFrom('impersonations')
    .select('id')
    .where('user_id', '=', DORA)
    .executeTakeFirstOrThrow()
  const [first, second] = await read.selectFrom('endpoints').select('id').orderBy('id').execute()
  const delivery = await read.selectFrom('deliveries').select('id').executeTakeFirstOrThrow()
  const sending = { 'of crm': first?.id ?? '', 'to be removed': second?.id ?? '', 'a try': delivery.id }
  return {
    ...sending,
    'as Dora': asDora.id,
    'of Bella': grant.id,
    'of ACME': key.id,
    'of users.csv': file.id,
    'of Bert': token.id,
  }
}

function addressOf(line: string, { params = {}, query = '' }: Rightful, ids: Ids): string {
  return line.replace(/:(\w+)/g, (_, name: string) => ids[params[name] ?? ''] ?? params[name] ?? name) + query
}

async function startHouse(kind: (typeof databases)[number]): Promise<TestServer> {
  const server = await startServer(kind, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
  await makeKey(server, { name: 'a spare one', power: { kind: 'company', companyId: ACME } })
  const file = { kind: 'users', name: 'users.csv', digest: 'A'.repeat(43), total: 1 }
  await ask(server, await makeKey(server), 'POST /imports', { body: file })
  // Where nobody listens.
  const key = await makeKey(server)
  const { path } = await addEndpoint(server, key, { url: 'http://127.0.0.1:9/hook' })
  await addEndpoint(server, key, { url: 'http://127.0.0.1:9/hook' })
  await ask(server, key, `POST ${path}/ping`)
  await issue(server, 'bert@acme.test', 'crm')
  await server.impersonate({ user: 'dora@acme.test', company: ACME, application: 'crm', reason: 'Ticket 7' })
  return server
}

async function send(server: TestServer, key: string | undefined, line: string, call: Rightful, ids: Ids, tag: string) {
  return ask(server, key, addressOf(line, call, ids), {
    ...(call.body ? { body: call.body } : {}),
    ...(call.ifMatch || call.ifPlanned ? { headers: { 'if-match': tag } } : {}),
  })
}

async function tagOf(server: TestServer, key: string, { ifMatch, ifPlanned, body }: Rightful): Promise<string> {
  if (ifPlanned !== undefined) return (await ask(server, key, `POST ${ifPlanned}`, { body })).body.etag
  return ifMatch === undefined ? '' : ((await ask(server, key, `GET ${ifMatch}`)).headers.get('etag') ?? '')
}

/** All but when keys were used, and where the clock of events is. */
function settled(tables: Record<string, Rows>): Record<string, Rows> {
  const without = (rows: Rows, ...columns: string[]) =>
    rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !columns.includes(name))))
  return {
    ...tables,
    api_keys: without(tables.api_keys ?? [], 'last_used_at'),
    house: (tables.house ?? []).filter(({ name }) => name !== 'events_clock'),
  }
}

const withoutId = ({ status, body }: AdminReply) => ({ status, body: { ...body, request_id: '' } })

for (const database of databases) {
  test(`every route states a rule, is open to whom it says and closed to all others, and a refused call stores nothing (${database})`, async () => {
    await using open = await startHouse(database)
    await using closed = await startHouse(database)
    const routes = await listRoutes(open.ctx)
    assert.deepEqual(routes.map(({ line }) => line).sort(), Object.keys(CALLS).sort(), 'each route has its call here')
    const [openIds, closedIds] = [await madeIds(open), await madeIds(closed)]
    const operator = await makeKey(open)
    const closedOperator = await makeKey(closed)
    const others: Record<PowerKind, string> = {
      operator: closedOperator,
      support: await makeKey(closed, { power: { kind: 'support' } }),
      company: await makeKey(closed, { power: { kind: 'company', companyId: ACME } }),
      application: await makeKey(closed, { power: { kind: 'application', applicationId: 'crm' } }),
    }
    const [ofUsers, ofRoles] = [
      await makeKey(closed, { scopes: ['users:write'] }),
      await makeKey(closed, { scopes: ['roles:write'] }),
    ]
    const before = settled(await allTables(closed))
    const rules = new Map(routes.map(({ line, rule }) => [line, rule]))
    for (const [line, call] of Object.entries(CALLS)) {
      const rule = rules.get(line)
      assert.ok(rule)
      // Whoever asks for more than a company has, is no company.
      const tag = await tagOf(open, operator, call)
      const done = await send(open, operator, line, call, openIds, tag)
      assert.ok(done.status >= 200 && done.status < 300, `${line}: ${done.status} ${JSON.stringify(done.body)}`)
      const closedTag = await tagOf(closed, closedOperator, call)
      const refuse = async (key: string | undefined, status: number, code: string) => {
        const reply = await send(closed, key, line, call, closedIds, closedTag)
        assert.deepEqual([line, reply.status, reply.body?.code], [line, status, code])
      }
      await refuse(undefined, 401, 'api_key_required')
      await refuse(`${ofUsers.slice(0, -1)}-`, 401, 'invalid_api_key')
      if (rule.noun !== 'whoami') await refuse(rule.noun === 'users' ? ofRoles : ofUsers, 403, 'scope_missing')
      for (const [kind, key] of Object.entries(others))
        if (!rule.powers.includes(kind as PowerKind)) await refuse(key, 403, 'not_allowed')
    }
    assert.deepEqual(settled(await allTables(closed)), before)
  })

  test(`what is another company's reads like what is not there, on every route, and nothing is stored (${database})`, async () => {
    await using server = await startHouse(database)
    const routes = await listRoutes(server.ctx)
    const operator = await makeKey(server)
    const globex = await makeKey(server, { power: { kind: 'company', companyId: GLOBEX } })
    const ids = await madeIds(server)
    const before = settled(await allTables(server))
    let looked = 0
    for (const { line, rule } of routes) {
      const call = CALLS[line]
      assert.ok(call)
      if (!rule.powers.includes('company')) continue
      const tag = await tagOf(server, operator, call)
      const whole = addressOf(line, call, ids) + JSON.stringify(call.body ?? {})
      const foreign = [ACME, BERT, BELLA, BORIS, EMIL, ...Object.values(ids)].filter((id) => whole.includes(id))
      if (foreign.length === 0) continue
      looked++
      const theirs = await send(server, globex, line, call, ids, tag)
      assert.equal(theirs.status, 404, `${line}: ${JSON.stringify(theirs.body)}`)
      // The same call with ids that nothing has.
      const missing = JSON.parse(
        foreign.reduce(
          (text, id) => text.replaceAll(id, NOBODY),
          JSON.stringify({ call, ids: Object.fromEntries(Object.keys(ids).map((name) => [name, NOBODY])) }),
        ),
      )
      const nobodys = await send(server, globex, line, missing.call, missing.ids, tag)
      assert.deepEqual(withoutId(theirs), withoutId(nobodys), line)
    }
    assert.ok(looked >= 25, `${looked} routes name something of a company's`)

    // Their own company in the address, and somebody else's person in it.
    for (const user of [BERT, EMIL, ANNA, NOBODY]) {
      for (const line of [
        `GET /companies/${GLOBEX}/members/${user}`,
        `DELETE /companies/${GLOBEX}/members/${user}`,
        `GET /companies/${GLOBEX}/members/${user}/grants`,
        `GET /companies/${GLOBEX}/members/${user}/rights/crm`,
        `DELETE /companies/${GLOBEX}/seats/crm/${user}`,
        `GET /users/${user}`,
        `GET /explain?user=${user}&company=${GLOBEX}&application=crm&permission=use_app`,
      ])
        assert.equal((await ask(server, globex, line)).status, 404, line)
      const writes: [string, object][] = [
        [`PUT /companies/${GLOBEX}/seats/crm/${user}`, {}],
        [`POST /companies/${GLOBEX}/members/${user}/grants`, { application: 'crm', permission: 'create_invoice' }],
        [`POST /companies/${GLOBEX}/members`, { user }],
        [`PATCH /users/${user}`, { first_name: 'x' }],
        [`PUT /users/${user}/password`, { password: 'a bicycle made for two' }],
      ]
      for (const [line, body] of writes) assert.equal((await ask(server, globex, line, { body })).status, 404, line)
    }
    assert.equal((await ask(server, globex, `DELETE /companies/${GLOBEX}/grants/${ids['of Bella']}`)).status, 404)

    // Lists are their own, whatever cursor is brought along.
    const page = await ask(server, operator, 'GET /users?limit=1')
    const cursor = page.body.next_cursor
    for (const line of ['GET /users', `GET /users?cursor=${cursor}`, 'GET /users?q=b', `GET /users?q=${BERT}`]) {
      const { status, body } = await ask(server, globex, line)
      assert.equal(status, 200)
      for (const user of body.items) assert.ok([CARLA, DORA].includes(user.id), `${line}: ${user.email}`)
    }
    for (const line of ['GET /companies', 'GET /companies?q=a', `GET /companies?q=${ACME}`]) {
      const { body } = await ask(server, globex, line)
      for (const company of body.items) assert.equal(company.id, GLOBEX, line)
    }
    assert.deepEqual(
      (await ask(server, globex, 'GET /api-keys')).body.items.map((key: { company: string }) => key.company),
      [GLOBEX],
    )
    for (const entry of (await ask(server, globex, 'GET /audit')).body.items) assert.equal(entry.company, GLOBEX)
    const dora = await ask(server, globex, `GET /users/${DORA}`)
    assert.deepEqual(
      dora.body.companies.map((each: { company: { id: string } }) => each.company.id),
      [GLOBEX],
    )
    assert.deepEqual(settled(await allTables(server)), before)
  })
}

/** What a form might let through to a column, or to somewhere deeper. */
const FORBIDDEN = [
  'is_superuser',
  'is_staff',
  'isOperator',
  'is_operator',
  'role_id',
  'user_id',
  'company_id',
  'application_id',
  'password_hash',
  'password_foreign',
  'hash',
  'secret',
  'secret_hash',
  'token',
  'tokens',
  'key_id',
  'mac',
  'seq',
  'created_at',
  'updated_at',
  'deleted_at',
  'deleted_email_hash',
  'sessions_ended_at',
  'tree_version',
  'seats_held',
  'includes_all',
  'granted_by',
  'granted_at',
  'revoked_at',
  'given_at',
  'joined_at',
  'left_at',
  'is_primary',
  'number',
  'item',
  'created_by',
  'last_used_at',
  '__proto__',
  'constructor',
  'prototype',
]

for (const database of databases) {
  test(`no route takes a field that it does not name, at any depth (${database})`, async () => {
    await using server = await startHouse(database)
    const operator = await makeKey(server)
    const ids = await madeIds(server)
    const before = settled(await allTables(server))
    let tried = 0
    for (const [line, call] of Object.entries(CALLS)) {
      if (!call.body) continue
      const tag = await tagOf(server, operator, call)
      for (const field of FORBIDDEN) {
        // Not by an object of ours, which can't have a `__proto__` of its own.
        const text: string = JSON.stringify(call.body)
        const bodies = [`{"${field}":1${text === '{}' ? '' : ','}${text.slice(1)}`]
        if ('grants' in call.body) bodies.push(text.replace('{"permission"', `{"${field}":1,"permission"`))
        for (const raw of bodies) {
          tried++
          const response = await fetch(`${server.url}${ADMIN}${addressOf(line, call, ids).split(' ')[1]}`, {
            method: line.split(' ')[0] ?? '',
            headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json', 'if-match': tag },
            body: raw,
          })
          assert.equal(response.status, 400, `${line} ${raw}: ${await response.text()}`)
        }
      }
    }
    assert.ok(tried >= 20 * FORBIDDEN.length, `${tried} tried`)
    assert.deepEqual(settled(await allTables(server)), before)
  })
}
