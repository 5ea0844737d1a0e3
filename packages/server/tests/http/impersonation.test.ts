import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { startImpersonation } from '../../src/impersonation/start.ts'
import { askFor, makeKey } from '../support/admin.ts'
import { type Call, call, type Reply } from '../support/calls.ts'
import { ACME, ANNA, GLOBEX, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const MINUTE = 60_000

for (const database of databases) {
  describe(`impersonation, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
    })
    after(() => server[Symbol.asyncDispose]())

    const begin = (company = ACME, user = ANNA, application = 'crm') =>
      server.impersonate({ user, company, application, reason: 'A call to the desk' })
    const validate = (token: unknown, wish: Call = {}): Promise<Reply> =>
      call(server, 'POST impersonation-validation/', { ...wish, body: { token } })
    const profile = (token: string) => call(server, 'GET users/profile/', { token })

    test('a one-time token is a random UUID in lower case, as the oldest Django sites take it', async () => {
      assert.match(await begin(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.notEqual(await begin(), await begin())
    })

    test('it is exchanged once, however many try at once', async () => {
      const token = await begin()
      const replies = await Promise.all(Array.from({ length: 50 }, (_, at) => validate(token, { rich: at % 2 === 1 })))
      assert.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(49).fill(401)])
      const { body } = replies.find(({ status }) => status === 200) ?? {}
      assert.deepEqual([body.user, body.company], [ANNA, ACME])
      assert.equal((await profile(body.auth_token)).status, 200)
      assert.equal((await validate(token)).status, 401)
    })

    test('it is for its own application', async () => {
      const token = await begin()
      for (const wish of [{ module: 'shop' }, { module: 'attic' }, { module: null }, { module: 'vault' }]) {
        assert.equal((await validate(token, wish)).status, 401)
      }
      // What was tried elsewhere did not use it up.
      assert.equal((await validate(token)).status, 200)
    })

    test('it waits for two minutes', async () => {
      await using timed = await startServer(database, { house: SMALL_HOUSE })
      const now = Date.parse('2030-01-01T00:00:00Z')
      for (const [wait, expected] of [
        [2 * MINUTE - 1, 200],
        [2 * MINUTE, 401],
      ] as const) {
        timed.clock.stopAt(now)
        const token = await timed.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: '' })
        timed.clock.stopAt(now + wait)
        assert.equal((await call(timed, 'POST impersonation-validation/', { body: { token } })).status, expected)
      }
    })

    test('what it is exchanged for ends at its time, an hour at most, and is not made longer by use', async () => {
      await using timed = await startServer(database, { house: SMALL_HOUSE })
      const { db } = timed.ctx
      const { id } = await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()
      const now = Date.parse('2030-01-01T00:00:00Z')
      for (const [minutes, lasts] of [
        [30, 30],
        [600, 60],
      ] as const) {
        timed.clock.stopAt(now)
        const wish = { userId: id, companyId: ACME, applicationId: 'crm', reason: '', minutes }
        const { token } = await startImpersonation(timed.ctx, COMMAND_LINE, wish)
        timed.clock.stopAt(now + MINUTE)
        const { body } = await call(timed, 'POST impersonation-validation/', { body: { token }, rich: true })
        assert.equal(body.expires_in, (lasts - 1) * 60)
        assert.equal(body.expires_at, new Date(now + lasts * MINUTE).toISOString())
        const ask = () => call(timed, 'GET users/profile/', { token: body.auth_token })
        for (const passed of [5 * MINUTE, 20 * MINUTE, lasts * MINUTE - 1]) {
          timed.clock.stopAt(now + passed)
          assert.equal((await ask()).status, 200)
        }
        timed.clock.stopAt(now + lasts * MINUTE)
        assert.equal((await ask()).status, 401)
      }
    })

    test('it answers for the one company only, in every call', async () => {
      for (const [mine, other] of [
        [ACME, GLOBEX],
        [GLOBEX, ACME],
      ] as const) {
        const { body } = await validate(await begin(mine), { rich: true })
        const token = body.auth_token
        const ids = (companies: { id?: string; company_id?: string }[]) =>
          companies.map((each) => each.id ?? each.company_id)
        assert.deepEqual([body.company, body.user_info.company.id, ids(body.user_info.companies)], [mine, mine, [mine]])
        assert.equal((await call(server, `GET get-company-permissions/${mine}/`, { token })).status, 200)
        assert.equal((await call(server, `GET get-company-permissions/${other}/`, { token })).status, 404)
        assert.deepEqual(ids((await call(server, 'GET get-permissions/', { token })).body.permissions), [mine])
        const told = (await call(server, 'GET users/profile/', { token, rich: true })).body
        assert.deepEqual([told.company.id, ids(told.companies)], [mine, [mine]])
      }
    })

    test('why and by whom is told to our client, not to old ones', async () => {
      const { db } = server.ctx
      const { id } = await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()
      const olga = await db.read
        .selectFrom('users')
        .select('id')
        .where('email', '=', 'olga@house.test')
        .executeTakeFirstOrThrow()
      const body = { user: id, company: ACME, application: 'crm', reason: 'Ticket 7', minutes: 5 }
      const begun = async (key: string) => (await askFor(201, server, key, 'POST /impersonations', { body })).token
      const hers = await makeKey(server, { userId: olga.id })
      const told = (await validate(await begun(hers), { rich: true })).body
      assert.deepEqual(
        [told.reason, told.impersonated_by],
        ['Ticket 7', { name: 'olga@house.test', email: 'olga@house.test' }],
      )
      const nobodys = await makeKey(server, { name: 'the help desk' })
      const { impersonated_by } = (await validate(await begun(nobodys), { rich: true })).body
      assert.deepEqual(impersonated_by, { name: 'the help desk', email: null })
      assert.equal((await validate(await begin(), { rich: true })).body.impersonated_by, null)
      assert.deepEqual(Object.keys((await validate(await begun(hers))).body), ['user', 'company', 'auth_token'])
    })

    test('nobody becomes an operator, and nobody who may not use the application there', async () => {
      await assert.rejects(begin(ACME, 'olga@house.test'), { code: 'not_allowed' })
      await assert.rejects(begin(ACME, 'carla@globex.test'), { code: 'no_access' })
      await assert.rejects(begin(ACME, 'gina@example.test'), { code: 'no_access' })
      await assert.rejects(begin(ACME, 'felix@acme.test'), { code: 'no_access' })
      await assert.rejects(begin(ACME, ANNA, 'attic'), { code: 'no_access' })
    })

    test('who was made an operator or switched off meanwhile is not become', async () => {
      for (const meanwhile of [{ operator: true }, { active: false }]) {
        const token = await begin(GLOBEX, 'carla@globex.test')
        await server.seed({ users: [{ email: 'carla@globex.test', ...meanwhile }] })
        assert.equal((await validate(token)).status, 401)
        await server.seed({ users: [{ email: 'carla@globex.test', operator: false, active: true }] })
      }
      assert.equal((await validate(await begin(GLOBEX, 'carla@globex.test'))).status, 200)
    })

    test('what is taken from the user is taken from whoever looks through its eyes', async () => {
      const { body } = await validate(await begin())
      const ask = () => call(server, 'GET get-permissions/', { token: body.auth_token })
      assert.equal((await ask()).body.permissions.length, 1)
      await server.seed({ licenses: [{ company: ACME, application: 'crm', suspended: true }] })
      assert.deepEqual((await ask()).body.permissions, [])
      await server.seed({ licenses: [{ company: ACME, application: 'crm', suspended: false }] })
      assert.equal((await ask()).body.permissions.length, 1)
      // A membership that is switched off ends what was begun for it.
      await server.seed({ users: [{ email: ANNA, companies: [{ company: ACME, active: false }] }] })
      assert.equal((await ask()).status, 401)
      await server.seed({ users: [{ email: ANNA, companies: [{ company: ACME, active: true }] }] })
      assert.equal((await ask()).status, 401)
      const next = await validate(await begin())
      assert.equal((await call(server, 'POST sign-out/', { token: next.body.auth_token })).status, 200)
      assert.equal((await call(server, 'GET get-permissions/', { token: next.body.auth_token })).status, 401)
    })

    test('the library begins a session of it', async () => {
      const session = await server.license('crm').validateImpersonation(await begin())
      assert.equal(session.impersonation?.companyId, ACME)
      assert.ok(session.permissions.has('create_invoice', ACME))
      await assert.rejects(server.license('crm').validateImpersonation(crypto.randomUUID()), {
        code: 'invalid_impersonation',
      })
    })
  })
}
