import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { changePassword, switchUser } from '../../src/credentials/accounts.ts'
import {
  ACME,
  ANNA,
  ask,
  askFor,
  BERT,
  BORIS,
  CARLA,
  GLOBEX,
  MANAGED_HOUSE,
  makeKey,
  OLGA,
  SAM,
} from '../support/admin.ts'
import { CHEAP_HASH } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const DAY = 86_400_000

for (const database of databases) {
  test(`a key works until it is revoked, has expired, or stands for somebody who may no longer (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const { id, key } = await askFor(201, server, operator, 'POST /api-keys', { body: { name: 'one' } })
    assert.match(key, /^clk_/)
    await askFor(200, server, key, 'GET /users')
    await askFor(204, server, operator, `DELETE /api-keys/${id}`)
    const refused = await ask(server, key, 'GET /users')
    assert.deepEqual([refused.status, refused.body.code], [401, 'invalid_api_key'])

    const short = await makeKey(server, { expiresAt: server.ctx.now() + DAY })
    await askFor(200, server, short, 'GET /users')
    server.clock.advance(DAY)
    await askFor(401, server, short, 'GET /users')

    const olgas = await makeKey(server, { userId: OLGA })
    await askFor(200, server, olgas, 'GET /users')
    await askFor(201, server, operator, 'POST /users', { body: { email: 'otto@house.test', operator: true } })
    await switchUser(server.ctx, COMMAND_LINE, OLGA, false)
    await askFor(401, server, olgas, 'GET /users')
    // What ended stays so, when she is switched on again too.
    await switchUser(server.ctx, COMMAND_LINE, OLGA, true)
    await askFor(401, server, olgas, 'GET /users')
    const mark = (is: boolean) => askFor(200, server, operator, `PATCH /users/${OLGA}`, { body: { operator: is } })
    for (const end of [
      () => mark(false),
      () => changePassword(server.ctx, COMMAND_LINE, OLGA, CHEAP_HASH),
      () => askFor(204, server, operator, `DELETE /users/${OLGA}/tokens`),
    ]) {
      await mark(true)
      const another = await makeKey(server, { userId: OLGA })
      await askFor(200, server, another, 'GET /users')
      await end()
      await askFor(401, server, another, 'GET /users')
      await mark(true)
      await askFor(401, server, another, 'GET /users')
    }

    const annas = await makeKey(server, { power: { kind: 'company', companyId: ACME }, userId: ANNA })
    await askFor(200, server, annas, `GET /companies/${ACME}/members`)
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'member' } })
    await askFor(401, server, annas, `GET /companies/${ACME}/members`)
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'admin' } })
    await askFor(401, server, annas, `GET /companies/${ACME}/members`)
    const again = await makeKey(server, { power: { kind: 'company', companyId: ACME }, userId: ANNA })
    await askFor(204, server, operator, `DELETE /companies/${ACME}/members/${ANNA}`)
    await askFor(401, server, again, `GET /companies/${ACME}/members`)

    const acmes = await makeKey(server, { power: { kind: 'company', companyId: ACME } })
    await askFor(200, server, acmes, 'GET /companies')
    await askFor(200, server, operator, `PATCH /companies/${ACME}`, { body: { active: false } })
    await askFor(401, server, acmes, 'GET /companies')
  })

  test(`a key is limited to its scopes, and makes none that can do more (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const make = (body: object, key = operator) => ask(server, key, 'POST /api-keys', { body: { name: 'x', ...body } })
    const reader = (await make({ scopes: ['users:read', 'api-keys:write'] })).body.key
    await askFor(200, server, reader, 'GET /users')
    await askFor(200, server, reader, 'GET /whoami')
    for (const line of ['GET /companies', `DELETE /users/${ANNA}`]) {
      const { status, body } = await ask(server, reader, line)
      assert.deepEqual([line, status, body.code], [line, 403, 'scope_missing'])
    }
    const looker = (await make({ scopes: ['*:read'] })).body.key
    await askFor(200, server, looker, 'GET /companies')
    await askFor(403, server, looker, `PATCH /users/${ANNA}`, { body: { first_name: 'x' } })

    const before = await allTables(server)
    const refused: [key: string, body: object][] = [
      [reader, { scopes: ['users:write'] }],
      [reader, { scopes: ['*'] }],
      [reader, { scopes: ['*:read'] }],
      [reader, {}],
      [looker, {}],
    ]
    for (const [key, body] of refused) assert.equal((await make(body, key)).status, 403, JSON.stringify(body))
    const company = { power: { kind: 'company', companyId: ACME } } as const
    const acmes = await makeKey(server, company)
    const wider = [
      { power: 'operator' },
      { power: 'support' },
      { power: 'company', company: GLOBEX },
      { company: GLOBEX },
      { application: 'crm' },
      { user: CARLA },
      { power: 'operator', scopes: ['users:read'] },
    ]
    for (const body of wider) {
      const { status } = await make(body, acmes)
      assert.ok([400, 403, 404].includes(status), `${JSON.stringify(body)}: ${status}`)
    }
    const tables = await allTables(server)
    assert.equal(tables.api_keys?.length, (before.api_keys?.length ?? 0) + 1)
    assert.equal((await make({ company: ACME }, acmes)).status, 201)
    assert.equal((await make({ scopes: ['users:read'] }, reader)).status, 201)
    // A person's key makes none that outlives the person, or itself.
    const until = server.ctx.now() + DAY
    const annas = await makeKey(server, { ...company, userId: ANNA, expiresAt: until })
    assert.equal((await make({ user: BERT }, annas)).status, 403)
    const child = (await make({}, annas)).body
    assert.deepEqual([child.user.id, child.expires_at], [ANNA, new Date(until).toISOString()])
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'member' } })
    await askFor(401, server, child.key, 'GET /whoami')
    // Nor does a narrow one make somebody who may do everything.
    const writer = (await make({ scopes: ['users:write'] })).body.key
    for (const body of [{ operator: true }, { support: true }, { company: ACME }]) {
      const { status } = await ask(server, writer, 'POST /users', { body: { email: 'w@house.test', ...body } })
      assert.deepEqual([body, status], [body, 403])
    }
    await askFor(201, server, writer, 'POST /users', { body: { email: 'w@house.test' } })
    // Nor does it take over the account of one who may.
    const olga = (body: object, key: string) => ask(server, key, `PATCH /users/${OLGA}`, { body })
    const password = { body: { password: 'a wrong horse, a battery' } }
    assert.equal((await olga({ email: 'mine@house.test' }, writer)).status, 403)
    assert.equal((await ask(server, writer, `PUT /users/${OLGA}/password`, password)).status, 403)
    assert.equal((await olga({ last_name: 'Other' }, writer)).status, 200)
    await askFor(200, server, operator, `PATCH /users/${SAM}`, { body: { operator: true } })
    assert.equal((await olga({ active: false }, writer)).status, 200)
    assert.equal((await olga({ active: true }, writer)).status, 403)
    assert.equal((await olga({ active: true, email: 'olga@other.test' }, operator)).status, 200)
    await askFor(204, server, operator, `PUT /users/${OLGA}/password`, password)
    await askFor(204, server, writer, `PUT /users/${BERT}/password`, password)
    const granter = (await make({ scopes: ['grants:write', 'members:read'] })).body.key
    const rights = `/companies/${ACME}/members/${BORIS}/rights/crm`
    const tag = (await ask(server, granter, `GET ${rights}`)).headers.get('etag') ?? ''
    assert.equal(
      (await ask(server, granter, `PUT ${rights}`, { body: { grants: [] }, headers: { 'if-match': tag } })).status,
      403,
    )
    for (const kind of ['support', 'application'] as const) {
      const power = kind === 'support' ? { kind } : { kind, applicationId: 'crm' }
      assert.equal((await make({}, await makeKey(server, { power }))).status, 403)
    }
  })

  test(`a key's secret is stored as a hash, and its use is noted (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const [listed] = (await askFor(200, server, key, 'GET /api-keys')).items
    assert.notEqual(listed.last_used_at, null)
    assert.ok(!JSON.stringify(await allTables(server)).includes(key.slice(4)))
    for (const wrong of [undefined, 'clk_x', `${key.slice(0, -1)}?`, key.replace('clk_', 'clt_'), `${key}0`]) {
      const { status, body } = await ask(server, wrong, 'GET /users')
      assert.deepEqual([status, body.code], [401, wrong === undefined ? 'api_key_required' : 'invalid_api_key'])
    }
  })
}
