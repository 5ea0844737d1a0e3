import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, ANNA, ask, askFor, BORIS, CARLA, DORA, GLOBEX, makeKey, NOBODY, OLGA } from '../support/admin.ts'
import { allow, begin, enter, HOUSE, looks, ofAcme, supporter, validate, WISH } from '../support/impersonation.ts'
import { databases, startServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

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
}
