import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fastify } from 'fastify'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { deleteUser } from '../../src/credentials/accounts.ts'
import { endKey } from '../../src/credentials/api-keys.ts'
import type { AppError } from '../../src/errors.ts'
import { ADMIN, adminRoutes } from '../../src/http/admin/index.ts'
import { protocolRoutes } from '../../src/http/protocol/index.ts'
import {
  ACME,
  ANNA,
  ask,
  askFor,
  BERT,
  BORIS,
  CARLA,
  DORA,
  GLOBEX,
  MANAGED_HOUSE,
  makeKey,
  NOBODY,
  OLGA,
  SAM,
} from '../support/admin.ts'
import { call, type Reply } from '../support/calls.ts'
import { startDjangoSite } from '../support/django-site.ts'
import { issue } from '../support/house.ts'
import { knownRing } from '../support/places.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const MINUTE = 60_000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const HOUSE = {
  ...MANAGED_HOUSE,
  users: MANAGED_HOUSE.users.map((each) => ({
    ...each,
    // An operator who works somewhere too.
    ...(each.id === OLGA ? { companies: [{ company: ACME, grants: [{ application: 'crm' }] }] } : {}),
  })),
}

const WISH = { user: BERT, company: ACME, application: 'crm', reason: 'Ticket 7' }

/** Sam is a supporter from then on. */
async function supporter(server: TestServer): Promise<string> {
  await askFor(200, server, await makeKey(server), `PATCH /users/${SAM}`, { body: { support: true } })
  return makeKey(server, { power: { kind: 'support' }, userId: SAM })
}

function allow(server: TestServer, company: string, allows = true) {
  return makeKey(server).then((key) =>
    askFor(200, server, key, `PATCH /companies/${company}`, { body: { allows_impersonation: allows } }),
  )
}

const ofAcme = { kind: 'company', companyId: ACME } as const

async function begin(server: TestServer, key: string, wish: object = {}): Promise<{ id: string; token: string }> {
  return askFor(201, server, key, 'POST /impersonations', { body: { ...WISH, ...wish } })
}

const validate = (server: TestServer, token: string, rich = true): Promise<Reply> =>
  call(server, 'POST impersonation-validation/', { rich, body: { token } })

async function enter(server: TestServer, key: string, wish: object = {}): Promise<{ id: string; token: string }> {
  const { id, token } = await begin(server, key, wish)
  const { status, body } = await validate(server, token)
  assert.equal(status, 200)
  return { id, token: body.auth_token }
}

const looks = async (server: TestServer, token: string) =>
  (await call(server, 'GET get-permissions/', { token, rich: true })).status

const stateOf = async (server: TestServer, id: string) =>
  (await askFor(200, server, await makeKey(server), `GET /impersonations/${id}`)).state

for (const database of databases) {
  test(`operators and support may act as anybody but an operator; a company's admins as its people, where the operator allows it (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const keys = {
      operator: await makeKey(server),
      support: await makeKey(server, { power: { kind: 'support' } }),
      sam: await supporter(server),
      acme: await makeKey(server, { power: ofAcme }),
      anna: await makeKey(server, { power: ofAcme, userId: ANNA }),
      globex: await makeKey(server, { power: { kind: 'company', companyId: GLOBEX } }),
      crm: await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } }),
      looking: await makeKey(server, { scopes: ['*:read'] }),
      alone: await makeKey(server, { scopes: ['impersonations:write'] }),
    }
    const refused: [keyof typeof keys, object, number, string][] = [
      ['operator', { user: OLGA }, 403, 'not_allowed'],
      ['sam', { user: OLGA }, 403, 'not_allowed'],
      ['acme', {}, 403, 'not_allowed'],
      ['anna', {}, 403, 'not_allowed'],
      ['globex', {}, 404, 'not_found'],
      ['globex', { company: GLOBEX }, 404, 'not_found'],
      ['globex', { company: GLOBEX, user: CARLA }, 403, 'not_allowed'],
      ['crm', {}, 403, 'not_allowed'],
      ['looking', {}, 403, 'scope_missing'],
      ['operator', { user: BORIS }, 403, 'no_access'],
      ['operator', { company: GLOBEX }, 403, 'no_access'],
      ['operator', { application: 'shop' }, 403, 'no_access'],
      ['operator', { user: NOBODY }, 404, 'not_found'],
      ['operator', { application: 'none' }, 404, 'not_found'],
      ['operator', { reason: ' ' }, 400, 'invalid_input'],
      ['operator', { reason: undefined }, 400, 'invalid_input'],
      ['operator', { minutes: 0 }, 400, 'invalid_input'],
      ['operator', { minutes: 61 }, 400, 'invalid_input'],
    ]
    const before = (await allTables(server)).audit_entries?.length
    for (const [who, wish, status, code] of refused) {
      const reply = await ask(server, keys[who], 'POST /impersonations', { body: { ...WISH, ...wish } })
      assert.deepEqual([who, wish, reply.status, reply.body.code], [who, wish, status, code])
    }
    const { impersonations, audit_entries } = await allTables(server)
    assert.deepEqual([impersonations, audit_entries?.length], [[], before])

    for (const who of ['operator', 'support', 'sam', 'alone'] as const) {
      const begun = await begin(server, keys[who], { minutes: 60 })
      assert.match(begun.token, UUID)
      assert.equal((await validate(server, begun.token)).body.company, ACME)
    }
    await allow(server, ACME)
    for (const who of ['acme', 'anna'] as const) await begin(server, keys[who], { user: DORA })
    const olga = await ask(server, keys.acme, 'POST /impersonations', { body: { ...WISH, user: OLGA } })
    assert.deepEqual([olga.status, olga.body.code], [403, 'not_allowed'])
    const elsewhere = await ask(server, keys.acme, 'POST /impersonations', { body: { ...WISH, company: GLOBEX } })
    assert.equal(elsewhere.status, 404)
    // Who became an operator in the meantime is nobody to become.
    const { token } = await begin(server, keys.sam, { user: DORA })
    await askFor(200, server, keys.operator, `PATCH /users/${DORA}`, { body: { operator: true } })
    assert.equal((await validate(server, token)).status, 401)
  })

  test(`only operators allow a company's admins to act as its people, and it is told of the company (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const acme = await makeKey(server, { power: ofAcme })
    const body = { allows_impersonation: true }
    assert.equal((await ask(server, acme, `PATCH /companies/${ACME}`, { body })).status, 403)
    assert.equal((await askFor(200, server, acme, `GET /companies/${ACME}`)).allows_impersonation, false)
    await allow(server, ACME)
    assert.equal((await askFor(200, server, acme, `GET /companies/${ACME}`)).allows_impersonation, true)
    // Also by a house file, that leaves it where it is silent.
    await server.seed({ companies: [{ id: ACME, name: 'ACME' }] })
    const own = await enter(server, acme)
    const support = await enter(server, await makeKey(server, { power: { kind: 'support' } }))
    await server.seed({ companies: [{ id: ACME, allows_impersonation: false }] })
    assert.deepEqual([await looks(server, own.token), await looks(server, support.token)], [401, 200])
    const { items } = await askFor(200, server, await makeKey(server), `GET /audit?act=company.changed`)
    assert.deepEqual(
      [items[0].data.before.allows_impersonation, items[0].data.after.allows_impersonation],
      [false, true],
    )
  })

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

  test(`a live one is ended by operators, by whoever began it and by its company, in the very next answer (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const sam = await supporter(server)
    const samsOther = await makeKey(server, { power: { kind: 'support' }, userId: SAM })
    const desk = await makeKey(server, { power: { kind: 'support' } })
    const acme = await makeKey(server, { power: ofAcme })
    const globex = await makeKey(server, { power: { kind: 'company', companyId: GLOBEX } })
    const crm = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })
    for (const [ender, status] of [
      [operator, 204],
      [sam, 204],
      [samsOther, 204],
      [acme, 204],
      [desk, 403],
      [globex, 404],
      [crm, 403],
    ] as const) {
      const { id, token } = await enter(server, sam)
      const reply = await ask(server, ender, `DELETE /impersonations/${id}`)
      assert.equal(reply.status, status)
      const isOver = status === 204
      assert.deepEqual([await looks(server, token), await stateOf(server, id)], isOver ? [401, 'over'] : [200, 'live'])
    }
    // One that waits, too; and a second time says the same and writes nothing.
    const waiting = await begin(server, sam)
    await askFor(204, server, operator, `DELETE /impersonations/${waiting.id}`)
    assert.equal((await validate(server, waiting.token)).status, 401)
    const entries = (await allTables(server)).audit_entries?.length
    await askFor(204, server, operator, `DELETE /impersonations/${waiting.id}`)
    assert.equal((await allTables(server)).audit_entries?.length, entries)
    await askFor(404, server, operator, `DELETE /impersonations/${NOBODY}`)

    // Ended while it is exchanged: refused at once or in the next answer, never alive.
    for (let round = 0; round < 10; round++) {
      const begun = await begin(server, sam)
      const [came] = await Promise.all([
        validate(server, begun.token),
        askFor(204, server, operator, `DELETE /impersonations/${begun.id}`),
      ])
      if (came.status === 200) assert.equal(await looks(server, came.body.auth_token), 401)
      else assert.equal(came.status, 401)
      assert.equal(await stateOf(server, begun.id), 'over')
    }
  })

  test(`it ends with what it hangs on: whom and what it is for, and who began it (${database})`, async () => {
    const ends: [string, (server: TestServer, operator: string) => Promise<unknown>][] = [
      ['the user is switched off', (s, k) => askFor(200, s, k, `PATCH /users/${BERT}`, { body: { active: false } })],
      ['the user signs out everywhere', (s, k) => askFor(204, s, k, `DELETE /users/${BERT}/tokens`)],
      [
        'the company is switched off',
        (s, k) => askFor(200, s, k, `PATCH /companies/${ACME}`, { body: { active: false } }),
      ],
      ['the company, by a house file', (s) => s.seed({ companies: [{ id: ACME, active: false }] })],
      ['the membership', (s, k) => askFor(204, s, k, `DELETE /companies/${ACME}/members/${BERT}`)],
      ['the seat', (s, k) => askFor(204, s, k, `DELETE /companies/${ACME}/seats/crm/${BERT}`)],
      ['the application', (s, k) => askFor(200, s, k, 'PATCH /applications/crm', { body: { active: false } })],
      [
        'the supporter is switched off',
        (s, k) => askFor(200, s, k, `PATCH /users/${SAM}`, { body: { active: false } }),
      ],
      [
        'the supporter is none any more',
        (s, k) => askFor(200, s, k, `PATCH /users/${SAM}`, { body: { support: false } }),
      ],
      ['the supporter is deleted', (s) => deleteUser(s.ctx, COMMAND_LINE, { id: SAM, email: 'sam@house.test' })],
      [
        "the supporter's key is revoked",
        async (s) => {
          const row = await s.ctx.db.read
            .selectFrom('api_keys')
            .select('id')
            .where('user_id', '=', SAM)
            .executeTakeFirst()
          return endKey(s.ctx, COMMAND_LINE, row?.id ?? '')
        },
      ],
    ]
    for (const [name, end] of ends) {
      await using server = await startServer(database, { house: HOUSE })
      const operator = await makeKey(server)
      const sam = await supporter(server)
      const live = await enter(server, sam)
      const waiting = await begin(server, sam)
      // The twin: another user's, for another company, begun by somebody else, in another application.
      const other = { user: CARLA, company: GLOBEX, application: 'shop' }
      await askFor(201, server, operator, `POST /companies/${GLOBEX}/licenses`, { body: { application: 'shop' } })
      await askFor(200, server, operator, `PUT /companies/${GLOBEX}/seats/shop/${CARLA}`, { body: {} })
      const twin = await begin(server, operator, other)
      const before = (await askFor(200, server, operator, 'GET /impersonations?live=true')).items
      assert.equal(before.length, 3, name)
      await end(server, operator)
      assert.equal(await looks(server, live.token), 401, name)
      assert.equal((await validate(server, waiting.token)).status, 401, name)
      const { items } = await askFor(200, server, operator, 'GET /impersonations?live=true')
      assert.deepEqual(
        items.map(({ id }: { id: string }) => id),
        [twin.id],
        name,
      )
      assert.deepEqual([await stateOf(server, live.id), await stateOf(server, waiting.id)], ['over', 'over'], name)
      const there = await call(server, 'POST impersonation-validation/', {
        module: 'shop',
        body: { token: twin.token },
      })
      assert.equal(there.status, 200, name)
    }
  })

  test(`an admin's ends with the role, and with the company's leave (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    await allow(server, ACME)
    const anna = () => makeKey(server, { power: ofAcme, userId: ANNA })
    const first = await enter(server, await anna())
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'member' } })
    assert.equal(await looks(server, first.token), 401)
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'admin' } })
    const second = await enter(server, await anna())
    const support = await enter(server, await supporter(server))
    await allow(server, ACME, false)
    assert.deepEqual([await looks(server, second.token), await looks(server, support.token)], [401, 200])
  })

  test(`lists are paged, narrowed, and a company's own (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server, { name: 'the help desk' })
    const wishes = [WISH, { ...WISH, user: DORA }, { ...WISH, user: DORA, company: GLOBEX }, WISH, WISH]
    const made: string[] = []
    for (const wish of wishes) made.unshift((await begin(server, operator, wish)).id)
    const list = async (query: string, key = operator) =>
      (await askFor(200, server, key, `GET /impersonations${query}`)).items.map(({ id }: { id: string }) => id)
    assert.deepEqual(await list(''), made)
    const first = await askFor(200, server, operator, 'GET /impersonations?limit=2')
    const rest = await list(`?limit=200&cursor=${first.next_cursor}`)
    assert.deepEqual([...first.items.map(({ id }: { id: string }) => id), ...rest], made)
    assert.deepEqual(await list(`?user=${DORA}`), [made[2], made[3]])
    assert.deepEqual(await list(`?company=${GLOBEX}`), [made[2]])
    assert.deepEqual(await list(`?user=${DORA}&company=${ACME}&application=crm`), [made[3]])
    assert.deepEqual(await list('?application=shop'), [])
    const globex = await makeKey(server, { power: { kind: 'company', companyId: GLOBEX } })
    assert.deepEqual(await list('', globex), [made[2]])
    assert.equal((await ask(server, globex, `GET /impersonations?company=${ACME}`)).status, 404)
    assert.equal((await ask(server, globex, `GET /impersonations/${made[0]}`)).status, 404)
    const told = await askFor(200, server, globex, `GET /impersonations/${made[2]}`)
    assert.deepEqual([told.started_by.name, told.reason, told.state], ['the help desk', 'Ticket 7', 'waiting'])
  })

  test(`a Django site is asked first, and its own address is what is opened (${database})`, async () => {
    await using site = await startDjangoSite()
    await using server = await startServer(database, { house: HOUSE, env: site.env })
    const operator = await makeKey(server)
    const set = (body: object) => askFor(200, server, operator, 'PATCH /applications/crm', { body })
    assert.equal((await set({ django_url: `${site.base}//` })).django_url, site.base)
    const begun = await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
    assert.deepEqual(site.asked, ['GET /auth/impersonation'])
    assert.equal(begun.token, null)
    const [base, oneTime = ''] = begun.open_url.split('/impersonation/')
    assert.equal(base, site.base)
    assert.match(oneTime, UUID)
    assert.match(begun.notice.join(' '), /until the user signs in again/)
    // As the site does then.
    const { body } = await validate(server, oneTime, false)
    assert.deepEqual(Object.keys(body), ['user', 'company', 'auth_token'])
    const mine = await call(server, `GET get-company-permissions/${body.company}/`, { token: body.auth_token })
    assert.equal(mine.status, 200)

    const before = await allTables(server)
    for (const answer of [
      { status: 200, body: '{"status":"down"}' },
      { status: 200, body: '"operational"' },
      { status: 200, body: '<html>' },
      { status: 404, body: '{}' },
      { status: 500, body: '{"status":"operational"}' },
      { status: 302, body: '', headers: { location: `${site.base}/impersonation` } },
    ]) {
      site.answer = answer
      const reply = await ask(server, operator, 'POST /impersonations', { body: WISH })
      assert.deepEqual([reply.status, reply.body.code], [409, 'site_not_ready'], JSON.stringify(answer))
      assert.match(reply.body.detail, /Nothing was begun\./)
    }
    await site[Symbol.asyncDispose]()
    const gone = await ask(server, operator, 'POST /impersonations', { body: WISH })
    assert.deepEqual([gone.status, gone.body.code], [409, 'site_not_ready'])
    const after = await allTables(server)
    assert.deepEqual(
      [after.impersonations, after.audit_entries?.length],
      [before.impersonations, before.audit_entries?.length],
    )
    // Whoever may not begin one makes the server call nobody.
    const asked = site.asked.length
    assert.equal((await ask(server, operator, 'POST /impersonations', { body: { ...WISH, user: OLGA } })).status, 403)
    assert.equal(site.asked.length, asked)
  })

  test(`addresses of a site are looked at when they are stored (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const before = (await allTables(server)).applications
    const wrong: [string, string][] = [
      ['django_url', 'site.example/auth'],
      ['django_url', 'ftp://site.example'],
      ['django_url', 'https://me:secret@site.example/auth'],
      ['django_url', 'https://site.example/auth?x=1'],
      ['django_url', 'https://site.example/auth#x'],
      ['django_url', 'http://127.0.0.1:8000/auth'],
      ['django_url', 'https://169.254.169.254/auth'],
      ['django_url', 'https://[::1]/auth'],
      ['django_url', 'http://93.184.215.14/auth'],
      ['impersonation_url', 'http://site.example/in'],
      ['impersonation_url', 'javascript:alert(1)'],
      ['impersonation_url', 'https://me@site.example/in'],
      ['impersonation_url', 'https://site.example/\nin'],
    ]
    for (const [field, address] of wrong) {
      const { status, body } = await ask(server, operator, 'PATCH /applications/crm', { body: { [field]: address } })
      assert.deepEqual([address, status, body.errors?.[0]?.path], [address, 400, `/body/${field}`])
      // Of a house file the spelling is looked at; where it leads, when it is called.
      if (!/^https?:\/\/[[\d]/.test(address))
        await assert.rejects(server.seed({ applications: [{ id: 'crm', [field]: address }] }), (error: AppError) => {
          assert.deepEqual(
            error.faults.map(({ path }) => path),
            [`/applications/0/${field}`],
          )
          return true
        })
    }
    assert.deepEqual((await allTables(server)).applications, before)
    const company = await makeKey(server, { power: ofAcme })
    const body = { impersonation_url: 'https://crm.example/in' }
    assert.equal((await ask(server, company, 'PATCH /applications/crm', { body })).status, 403)
    assert.equal(
      (await askFor(200, server, operator, 'PATCH /applications/crm', { body })).impersonation_url,
      'https://crm.example/in',
    )
    assert.equal('impersonation_url' in (await askFor(200, server, company, 'GET /applications/crm')), false)
  })

  test(`for others a page hands the one-time token on: who only looks at its address uses nothing up (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const body = { impersonation_url: 'https://crm.example/sso/in?a=1&b=2', name: 'C & "R" <M>' }
    await askFor(200, server, operator, 'PATCH /applications/crm', { body })
    const begun = await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
    assert.equal(begun.token, null)
    const [address, token = ''] = begun.open_url.split('#')
    assert.match(token, UUID)
    assert.equal(address, `${server.config.publicUrl}/impersonate/${begun.id}`)
    const look = (method = 'GET', id = begun.id) => fetch(`${server.url}/impersonate/${id}`, { method })
    for (const method of ['GET', 'HEAD', 'GET']) assert.equal((await look(method)).status, 200)
    const page = await look()
    const html = await page.text()
    assert.match(html, /<form method="post" action="https:\/\/crm\.example\/sso\/in\?a=1&#38;b=2">/)
    assert.match(html, /Open C &#38; &#34;R&#34; &#60;M&#62;/)
    // Nothing of whose it is, and nothing that runs in it.
    assert.doesNotMatch(html, new RegExp(`bert|Ticket|${token}|<script>|style=|onclick`, 'i'))
    const csp = page.headers.get('content-security-policy') ?? ''
    assert.match(
      csp,
      /default-src 'none'; script-src 'self';.*form-action https:\/\/crm\.example;.*frame-ancestors 'none'/,
    )
    assert.deepEqual(
      ['referrer-policy', 'cache-control', 'x-content-type-options'].map((name) => page.headers.get(name)),
      ['strict-origin', 'no-store', 'nosniff'],
    )
    for (const file of ['page.js', 'page.css']) assert.equal((await look('GET', file)).status, 200)
    assert.equal((await validate(server, token)).status, 200)
    for (const id of [begun.id, NOBODY, 'x', '%00']) {
      const over = await look('GET', id)
      assert.equal(over.status, 404, id)
      assert.match(over.headers.get('content-type') ?? '', /^text\/html/)
    }
    // Without an address there is the one-time token, and what to do with it.
    const bare = await askFor(200, server, operator, 'PATCH /applications/crm', { body: { impersonation_url: null } })
    assert.equal(bare.impersonation_url, null)
    const alone = await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
    assert.deepEqual([alone.open_url, alone.notice.length], [null, 1])
    assert.equal((await validate(server, alone.token)).status, 200)
    // It was told this once.
    const shown = await askFor(200, server, operator, `GET /impersonations/${alone.id}`)
    assert.equal('token' in shown || 'open_url' in shown, false)
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
      return tables
    }
    const before = await changeless()

    const lines = await listRoutes(server)
    assert.ok(lines.filter((line) => line.includes(ADMIN)).length > 60)
    for (const line of lines) {
      const [method = '', url = ''] = line.split(' ')
      if (!url.startsWith(ADMIN)) continue
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
    assert.deepEqual(
      lines
        .filter((line) => !line.includes(ADMIN))
        .map((line) => line.replace('/api/v1/auth/', ''))
        .sort(),
      [
        'GET get-company-permissions/:company_id/',
        'GET get-permissions/',
        'GET users/permissions/',
        'GET users/profile/',
        'POST authenticate/',
        'POST impersonation-validation/',
        'POST sign-out/',
      ],
    )
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

  test(`a server that starts again knows what is live and what is over (${database})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'license-again-'))
    const env = {
      ...knownRing().env,
      LICENSE_DATABASE_URL: database === 'postgres' ? await newDatabase() : `sqlite:${join(folder, 'license.db')}`,
    }
    try {
      const made = { live: '', over: '', waiting: '', used: '' }
      let key = ''
      {
        await using server = await startServer(database, { house: HOUSE, env })
        key = await makeKey(server)
        made.live = (await enter(server, key)).token
        const over = await enter(server, key)
        await askFor(204, server, key, `DELETE /impersonations/${over.id}`)
        made.over = over.token
        made.waiting = (await begin(server, key)).token
        made.used = (await begin(server, key)).token
        assert.equal((await validate(server, made.used)).status, 200)
      }
      await using server = await startServer(database, { env })
      assert.deepEqual([await looks(server, made.live), await looks(server, made.over)], [200, 401])
      const answers = [await validate(server, made.used), await validate(server, made.waiting)]
      assert.deepEqual(
        answers.map(({ status }) => status),
        [401, 200],
      )
      assert.equal((await askFor(200, server, key, 'GET /impersonations?live=true')).items.length, 3)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

/** Every route that a token or a key could be sent to: `GET /api/v1/auth/users/profile/`. */
async function listRoutes({ ctx }: TestServer): Promise<string[]> {
  const lines: string[] = []
  const app = fastify()
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') lines.push(`${each} ${url}`)
  })
  await app.register(adminRoutes(ctx), { prefix: ADMIN })
  await app.register(protocolRoutes(ctx), { prefix: '/api/v1/auth' })
  await app.ready()
  return lines
}
