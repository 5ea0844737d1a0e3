import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ACME,
  ANNA,
  ask,
  askFor,
  BELLA,
  BERT,
  BORIS,
  CARLA,
  DORA,
  EMIL,
  GLOBEX,
  MANAGED_HOUSE,
  makeKey,
  OLGA,
  SAM,
} from '../support/admin.ts'
import { startNodes } from '../support/nodes.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const GRANTS = `/companies/${ACME}/members/${BERT}/grants`
const crm = { application: 'crm' }

function companyKey(server: TestServer, companyId = ACME): Promise<string> {
  return makeKey(server, { power: { kind: 'company', companyId } })
}

async function refusals(
  server: TestServer,
  key: string,
  calls: readonly (readonly [line: string, body: object | undefined, status: number, code: string])[],
): Promise<void> {
  const before = JSON.stringify(await rights(server))
  for (const [line, body, status, code] of calls) {
    const tag = /rights|roles\//.test(line) && !line.startsWith('POST') ? await etag(server, key, line) : ''
    const reply = await ask(server, key, line, { ...(body ? { body } : {}), headers: { 'if-match': tag } })
    assert.deepEqual(
      [line, body, reply.status, reply.body.code],
      [line, body, status, code],
      JSON.stringify(reply.body),
    )
  }
  assert.equal(JSON.stringify(await rights(server)), before)
}

async function etag(server: TestServer, key: string, line: string): Promise<string> {
  const path = (line.split(' ')[1] ?? '').replace(/\?.*/, '')
  return (await ask(server, key, `GET ${path}`)).headers.get('etag') ?? '"none"'
}

/** All that says who may do what. */
async function rights(server: TestServer) {
  const { users, memberships, seats, grants, roles, role_permissions, licenses, api_keys, applications } =
    await allTables(server)
  return {
    users,
    memberships,
    seats,
    grants,
    roles,
    role_permissions,
    licenses,
    keys: api_keys?.map((key) => ({ ...key, last_used_at: 0 })),
    applications,
  }
}

for (const database of databases) {
  test(`a company gives what its license includes, and nothing that only operators may, by no way (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const acme = await companyKey(server)
    const operator = await makeKey(server)
    const right = `/companies/${ACME}/members/${BERT}/rights/crm`
    const role = `/companies/${ACME}/roles`
    await refusals(server, acme, [
      [`POST ${GRANTS}`, { ...crm, permission: 'close_books' }, 403, 'operator_only'],
      // It needs what only operators may give.
      [`POST ${GRANTS}`, { ...crm, permission: 'reopen_books' }, 403, 'operator_only'],
      [`POST ${GRANTS}`, { ...crm, permission: 'is_superuser' }, 403, 'operator_only'],
      [`POST ${GRANTS}`, { ...crm, role: 'auditor' }, 403, 'operator_only'],
      [`POST ${GRANTS}`, { ...crm, permission: 'export_ledger' }, 409, 'not_included'],
      [`POST ${GRANTS}`, { ...crm, permission: 'use_app' }, 400, 'invalid_input'],
      [`POST ${GRANTS}`, { ...crm, permission: 'nothing' }, 400, 'invalid_input'],
      [`POST ${GRANTS}`, { ...crm, role: 'nobody' }, 400, 'invalid_input'],
      [`POST ${GRANTS}`, { ...crm }, 400, 'invalid_input'],
      [`POST ${GRANTS}`, { ...crm, permission: 'approve_invoice', role: 'clerk' }, 400, 'invalid_input'],
      [`PUT ${right}`, { grants: [{ permission: 'close_books' }] }, 403, 'operator_only'],
      [`PUT ${right}`, { grants: [{ role: 'auditor' }] }, 403, 'operator_only'],
      [`PUT ${right}?preview=true`, { grants: [{ role: 'auditor' }] }, 403, 'operator_only'],
      [`PUT ${right}`, { grants: [{ permission: 'export_ledger' }] }, 409, 'not_included'],
      [`POST ${role}`, { ...crm, key: 'x', permissions: ['close_books'] }, 403, 'operator_only'],
      [`POST ${role}`, { ...crm, key: 'x', permissions: ['create_invoice', 'reopen_books'] }, 403, 'operator_only'],
      [`POST ${role}`, { ...crm, key: 'x', permissions: ['export_ledger'] }, 409, 'not_included'],
      [`PATCH ${role}/crm/own`, { permissions: ['close_books'] }, 403, 'operator_only'],
      [`POST /users`, { email: 'x@acme.test', operator: true }, 403, 'not_allowed'],
      [`POST /users`, { email: 'x@acme.test', support: true }, 403, 'not_allowed'],
      [`POST /users`, { email: 'x@acme.test', managed_by: ACME }, 403, 'not_allowed'],
      [`PATCH /users/${BERT}`, { operator: true }, 403, 'not_allowed'],
      [`PATCH /users/${BERT}`, { support: true }, 403, 'not_allowed'],
      [`PATCH /users/${ANNA}`, { first_name: 'x' }, 403, 'not_allowed'],
      [`PATCH /users/${DORA}`, { first_name: 'x' }, 403, 'not_allowed'],
      [`PATCH /users/${OLGA}`, { first_name: 'x' }, 403, 'not_allowed'],
      [`PATCH /users/${DORA}`, { managed_by: ACME }, 403, 'not_allowed'],
      [`PUT /users/${OLGA}/password`, { password: 'a bicycle made for two' }, 403, 'not_allowed'],
      [`PUT /users/${DORA}/password`, { password: 'a bicycle made for two' }, 403, 'not_allowed'],
      [`PATCH /companies/${ACME}/members/${DORA}`, { primary: true }, 403, 'not_allowed'],
      [`DELETE /users/${BERT}`, undefined, 403, 'not_allowed'],
      [`PATCH /companies/${ACME}/licenses/crm`, { seats: 99 }, 403, 'not_allowed'],
    ])
    // The operator gives what they may not, and then it is not theirs to take.
    const books = await askFor(201, server, operator, `POST ${GRANTS}`, {
      body: { ...crm, permission: 'reopen_books' },
    })
    await refusals(server, acme, [
      [`DELETE /companies/${ACME}/grants/${books.id}`, undefined, 403, 'operator_only'],
      [`PUT ${right}`, { grants: [{ permission: 'create_invoice' }] }, 403, 'operator_only'],
    ])
    await askFor(201, server, acme, `POST ${GRANTS}`, { body: { ...crm, permission: 'approve_invoice' } })
    await askFor(201, server, acme, `POST ${role}`, { body: { ...crm, key: 'x', permissions: ['approve_invoice'] } })
    await askFor(201, server, acme, `POST ${GRANTS}`, { body: { ...crm, role: 'x' } })
    await askFor(200, server, acme, `PATCH /companies/${ACME}/members/${BERT}`, { body: { role: 'admin' } })
    await askFor(200, server, acme, `PATCH /users/${BERT}`, { body: { pin: '4711', active: false } })
    const made = await askFor(201, server, acme, 'POST /users', { body: { email: 'x@acme.test', last_name: 'X' } })
    assert.equal(made.managed_by, ACME)
    assert.deepEqual(made.companies[0].company.id, ACME)
  })

  test(`somebody else's account is not made one's own (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const acme = await companyKey(server)
    const operator = await makeKey(server)
    for (const email of ['emil@example.test', 'carla@globex.test', 'CARLA@Globex.test ']) {
      const { status, body } = await ask(server, acme, 'POST /users', { body: { email } })
      assert.deepEqual([status, body.code], [409, 'email_taken'])
      assert.equal((await ask(server, acme, `POST /companies/${ACME}/members`, { body: { email } })).status, 404)
    }
    const taken = await ask(server, acme, `PATCH /users/${BERT}`, { body: { email: 'carla@globex.test' } })
    assert.deepEqual([taken.status, taken.body.code], [409, 'email_taken'])
    // Whoever joins another company as well is no longer for the first one alone.
    await askFor(200, server, acme, `PATCH /users/${BERT}`, { body: { first_name: 'Bertie' } })
    const elsewhere = await ask(server, operator, `POST /companies/${GLOBEX}/members`, { body: { user: BERT } })
    assert.deepEqual([elsewhere.status, elsewhere.body.code], [409, 'managed_elsewhere'])
    await askFor(201, server, operator, `POST /companies/${GLOBEX}/members`, {
      body: { user: BERT, despite_manager: true },
    })
    await askFor(403, server, acme, `PATCH /users/${BERT}`, { body: { first_name: 'x' } })
    await askFor(404, server, acme, `GET /users/${EMIL}`)
    // Taken out and taken on again by the company that manages them.
    await askFor(204, server, acme, `DELETE /companies/${ACME}/members/${BORIS}`)
    await askFor(404, server, acme, `GET /companies/${ACME}/members/${BORIS}`)
    await askFor(201, server, acme, `POST /companies/${ACME}/members`, { body: { email: 'boris@acme.test' } })
    await askFor(204, server, acme, `DELETE /companies/${ACME}/members/${ANNA}`)
    await askFor(404, server, acme, `POST /companies/${ACME}/members`, { body: { user: ANNA } })
    await askFor(404, server, acme, `GET /users/${ANNA}`)
  })

  test(`who was demoted stores nothing any more, however the two meet (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const [olga, sam] = [OLGA, SAM]
    // So that Olga is never the last one.
    await askFor(201, server, operator, 'POST /users', { body: { email: 'otto@house.test', operator: true } })
    for (let round = 0; round < 10; round++) {
      const key = await makeKey(server, { userId: olga })
      await askFor(200, server, key, 'GET /whoami')
      const promoting = Array.from({ length: 4 }, (_, nth) =>
        ask(server, key, 'POST /users', { body: { email: `r${round}n${nth}@house.test`, operator: true } }),
      )
      const demoting = ask(server, operator, `PATCH /users/${olga}`, { body: { operator: false } })
      const demoted = await demoting
      const late = await ask(server, key, `PATCH /users/${sam}`, { body: { operator: true } })
      assert.equal(late.status, 401)
      const made = (await Promise.all(promoting)).filter(({ status }) => status === 201)
      // What was made was stored before the demotion was.
      const { read } = server.ctx.db
      const entries = await read.selectFrom('audit_entries').select(['id', 'target_id', 'act']).execute()
      assert.equal(demoted.status, 200)
      for (const { body } of made)
        assert.ok(entries.some(({ target_id, act }) => target_id === body.id && act === 'user.created'))
      await askFor(200, server, operator, `PATCH /users/${olga}`, { body: { operator: true } })
    }
    assert.equal((await askFor(200, server, operator, `GET /users/${sam}`)).operator, false)
  })

  test(`the last operator stays, also when two go at once (${database})`, async () => {
    await using house = await startNodes(database, MANAGED_HOUSE)
    const [server] = house.nodes
    const operator = await makeKey(server)
    for (const [method, body] of [
      ['PATCH', { operator: false }],
      ['PATCH', { active: false }],
      ['DELETE', undefined],
    ] as const) {
      const { status, body: told } = await ask(server, operator, `${method} /users/${OLGA}`, body ? { body } : {})
      assert.deepEqual([status, told.code], [409, 'last_operator'])
    }
    await askFor(200, server, operator, `PATCH /users/${SAM}`, { body: { operator: true } })
    const both = await Promise.all(
      [OLGA, SAM].map((user, nth) =>
        ask(house.nodes[nth] ?? server, operator, `PATCH /users/${user}`, { body: { operator: false } }),
      ),
    )
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409])
  })

  test(`ten seats, fifty takers on all nodes: exactly ten (${database})`, async () => {
    const takers = Array.from(
      { length: 50 },
      (_, nth) => `00000000-0000-7000-8000-0000000001${String(nth).padStart(2, '0')}`,
    )
    await using house = await startNodes(database, {
      ...MANAGED_HOUSE,
      licenses: [{ company: GLOBEX, application: 'shop', seats: 10 }, ...MANAGED_HOUSE.licenses],
      users: [
        ...MANAGED_HOUSE.users,
        ...takers.map((id, nth) => ({ id, email: `t${nth}@globex.test`, companies: [{ company: GLOBEX }] })),
      ],
    })
    const [server] = house.nodes
    const globex = await companyKey(server, GLOBEX)
    const taken = await Promise.all(
      takers.map((user, nth) =>
        ask(house.nodes[nth % house.nodes.length] ?? server, globex, `PUT /companies/${GLOBEX}/seats/shop/${user}`, {
          body: {},
        }),
      ),
    )
    const codes = Map.groupBy(taken, ({ status, body }) => `${status} ${body.code ?? ''}`)
    assert.deepEqual(Object.fromEntries([...codes].map(([code, all]) => [code, all.length])), {
      '200 ': 10,
      '409 seats_full': 40,
    })
    const license = await askFor(200, server, globex, `GET /companies/${GLOBEX}/licenses/shop`)
    assert.deepEqual([license.seats, license.seats_held, license.seats_over], [10, 10, 0])
    // Lowered below what is held: shown as over, and nobody gets one more until there is room.
    const operator = await makeKey(server)
    const lowered = await askFor(200, server, operator, `PATCH /companies/${GLOBEX}/licenses/shop`, {
      body: { seats: 8 },
    })
    assert.deepEqual([lowered.seats, lowered.seats_held, lowered.seats_over], [8, 10, 2])
    const seats = (await askFor(200, server, globex, `GET /companies/${GLOBEX}/seats?application=shop`)).items
    assert.equal(seats.length, 10)
    const rest = takers.filter((id) => !seats.some((each: { user: string }) => each.user === id))
    const [first, second] = seats
    const give = (user: string | undefined, status: number) =>
      askFor(status, server, globex, `PUT /companies/${GLOBEX}/seats/shop/${user}`, { body: {} })
    for (const each of [first, second]) {
      await askFor(204, server, globex, `DELETE /companies/${GLOBEX}/seats/shop/${each.user}`)
      await give(rest[0], 409)
    }
    // Switching a user off keeps the seat.
    await askFor(200, server, operator, `PATCH /users/${seats[3].user}`, { body: { active: false } })
    await askFor(204, server, globex, `DELETE /companies/${GLOBEX}/seats/shop/${seats[2].user}`)
    await give(rest[0], 200)
    await give(rest[1], 409)
  })

  test(`a seat that is taken away takes its grants, and can bring them back (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const acme = await companyKey(server)
    const seat = `/companies/${ACME}/seats/crm/${BERT}`
    const listed = async () =>
      (await askFor(200, server, acme, `GET ${GRANTS}`)).items.map((grant: { permission: string }) => grant.permission)
    assert.deepEqual((await listed()).sort(), ['create_invoice', 'list_invoices'])
    const [gone] = (await askFor(200, server, acme, `GET ${GRANTS}`)).items.filter(
      (grant: { permission: string }) => grant.permission === 'list_invoices',
    )
    // Another one needs it: it would stay.
    const refused = await ask(server, acme, `DELETE /companies/${ACME}/grants/${gone.id}`)
    assert.deepEqual([refused.status, refused.body.code], [409, 'needed_by_grants'])
    assert.match(refused.body.detail, /create_invoice/)
    const { id: approve } = await askFor(201, server, acme, `POST ${GRANTS}`, {
      body: { ...crm, permission: 'approve_invoice' },
    })
    await askFor(200, server, acme, `DELETE /companies/${ACME}/grants/${approve}`)
    await askFor(204, server, acme, `DELETE ${seat}`)
    assert.deepEqual(await listed(), [])
    await askFor(409, server, acme, `POST ${GRANTS}`, { body: { ...crm, permission: 'approve_invoice' } })
    const back = await askFor(200, server, acme, `PUT ${seat}`, { body: { restore_grants: true } })
    assert.equal(back.restored_grants, 2)
    // What was taken away by itself stays away.
    assert.deepEqual((await listed()).sort(), ['create_invoice', 'list_invoices'])
    const { revoked } = await askFor(200, server, acme, `DELETE /companies/${ACME}/grants/${gone.id}?cascade=true`)
    assert.equal(revoked.length, 2)
    assert.deepEqual(await listed(), [])
    await askFor(204, server, acme, `DELETE ${seat}`)
    await askFor(200, server, acme, `PUT ${seat}`, { body: {} })
    assert.deepEqual(await listed(), [])
    // Whoever may not give something brings it back by no seat either.
    const operator = await makeKey(server)
    const books = await askFor(201, server, operator, `POST ${GRANTS}`, { body: { ...crm, permission: 'close_books' } })
    await askFor(204, server, acme, `DELETE ${seat}`)
    assert.equal(
      (await askFor(200, server, acme, `PUT ${seat}`, { body: { restore_grants: true } })).restored_grants,
      0,
    )
    assert.deepEqual(await listed(), [])
    await askFor(404, server, operator, `DELETE /companies/${ACME}/grants/${books.id}`)
    const all = (await askFor(200, server, acme, `GET ${GRANTS}?revoked=true`)).items
    assert.equal(all.length, 4)
  })

  test(`what the license gives to every seat is not taken from one (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    await askFor(200, server, operator, `PATCH /companies/${ACME}/licenses/crm`, { body: { roles: ['clerk'] } })
    const [grant] = (await askFor(200, server, operator, `GET ${GRANTS}`)).items
    const { status, body } = await ask(server, operator, `DELETE /companies/${ACME}/grants/${grant.id}?cascade=true`)
    assert.deepEqual([status, body.code], [409, 'given_by_license'])
    assert.match(body.detail, /ACME's license/)
  })

  test(`rights as a whole: a preview tells what comes and goes and stores nothing; the save does just that, once (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const acme = await companyKey(server)
    const path = `/companies/${ACME}/members/${BELLA}/rights/crm`
    const seen = await ask(server, acme, `GET ${path}`)
    const tag = seen.headers.get('etag') ?? ''
    const body = { grants: [{ permission: 'approve_invoice', ends_at: '2099-12-31', reason: 'while Carl is away' }] }
    const before = JSON.stringify(await rights(server))
    const preview = await askFor(200, server, acme, `PUT ${path}?preview=true`, { body, headers: { 'if-match': tag } })
    assert.deepEqual(preview, { loses: ['create_invoice'], gains: ['approve_invoice'], stored: false })
    assert.equal(JSON.stringify(await rights(server)), before)
    const missing = await ask(server, acme, `PUT ${path}`, { body })
    assert.deepEqual([missing.status, missing.body.code], [428, 'condition_required'])
    const saved = await ask(server, acme, `PUT ${path}`, { body, headers: { 'if-match': tag } })
    assert.deepEqual(saved.body, { ...preview, stored: true })
    const stale = await ask(server, acme, `PUT ${path}`, { body: { grants: [] }, headers: { 'if-match': tag } })
    assert.deepEqual([stale.status, stale.body.code], [412, 'changed_meanwhile'])
    const now = await ask(server, acme, `GET ${path}`)
    assert.equal(now.headers.get('etag'), saved.headers.get('etag'))
    assert.deepEqual(
      now.body.grants.map((grant: { permission: string; ends_at: string; reason: string }) => [
        grant.permission,
        grant.ends_at,
        grant.reason,
      ]),
      [['approve_invoice', '2100-01-01T00:00:00.000Z', 'while Carl is away']],
    )
    // Two who save at once: one of them has seen what the other changed.
    const latest = now.headers.get('etag') ?? ''
    const both = await Promise.all(
      ['create_invoice', 'list_invoices'].map((permission) =>
        ask(server, acme, `PUT ${path}`, { body: { grants: [{ permission }] }, headers: { 'if-match': latest } }),
      ),
    )
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412])
    // The same once more changes nothing.
    const last = await ask(server, acme, `GET ${path}`)
    const grants = last.body.grants.map(({ permission }: { permission: string }) => ({ permission }))
    const again = await askFor(200, server, acme, `PUT ${path}`, {
      body: { grants },
      headers: { 'if-match': last.headers.get('etag') ?? '' },
    })
    assert.deepEqual(again, { loses: [], gains: [], stored: true })
    assert.equal((await ask(server, acme, `GET ${path}`)).headers.get('etag'), last.headers.get('etag'))
    // Another reason is stored, with who said so; where none is sent it stays.
    const [{ permission }] = grants
    const save = async (reason?: string) => {
      const etag = (await ask(server, acme, `GET ${path}`)).headers.get('etag') ?? ''
      const one = { permission, ...(reason === undefined ? {} : { reason }) }
      const told = await askFor(200, server, acme, `PUT ${path}`, {
        body: { grants: [one] },
        headers: { 'if-match': etag },
      })
      assert.deepEqual(told, { loses: [], gains: [], stored: true })
      const [{ id, reason: stored }] = (await askFor(200, server, acme, `GET ${path}`)).grants
      return { id, stored }
    }
    const another = await save('until Carl is back')
    assert.equal(another.stored, 'until Carl is back')
    assert.deepEqual(await save(), another)
    assert.equal((await save('')).stored, '')
  })

  test(`roles: what they hold shows in the next answer; one that somebody has stays (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const acme = await companyKey(server)
    const decide = async (permission: string) =>
      (
        await askFor(
          200,
          server,
          acme,
          `GET /explain?user=${BELLA}&company=${ACME}&application=crm&permission=${permission}`,
        )
      ).allowed
    assert.deepEqual([await decide('create_invoice'), await decide('approve_invoice')], [true, false])
    const path = `/companies/${ACME}/roles/crm/own`
    const tag = await etag(server, acme, `GET ${path}`)
    await askFor(200, server, acme, `PATCH ${path}`, {
      body: { permissions: ['approve_invoice'] },
      headers: { 'if-match': tag },
    })
    assert.deepEqual([await decide('create_invoice'), await decide('approve_invoice')], [false, true])
    await askFor(412, server, acme, `PATCH ${path}`, { body: { name: 'x' }, headers: { 'if-match': tag } })
    await askFor(428, server, acme, `PATCH ${path}`, { body: { name: 'x' } })
    const used = await ask(server, acme, `DELETE ${path}`)
    assert.deepEqual([used.status, used.body.code], [409, 'in_use'])
    const [grant] = (await askFor(200, server, acme, `GET /companies/${ACME}/members/${BELLA}/grants`)).items
    await askFor(200, server, acme, `DELETE /companies/${ACME}/grants/${grant.id}`)
    await askFor(204, server, acme, `DELETE ${path}`)
    await askFor(404, server, acme, `GET ${path}`)
    assert.equal(await decide('approve_invoice'), false)
    // The grant of then still says which role it was, and the key is free.
    const [past] = (await askFor(200, server, acme, `GET /companies/${ACME}/members/${BELLA}/grants?revoked=true`))
      .items
    assert.equal(past.role.key, 'own')
    const anew = await askFor(201, server, acme, `POST /companies/${ACME}/roles`, { body: { ...crm, key: 'own' } })
    assert.deepEqual(anew.permissions, [])
    assert.equal(
      (await ask(server, acme, `POST /companies/${ACME}/roles`, { body: { ...crm, key: 'own' } })).status,
      409,
    )
    assert.equal(
      (await ask(server, await companyKey(server, GLOBEX), `GET /companies/${GLOBEX}/members/${CARLA}/grants`)).status,
      200,
    )
  })
}
