import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { call, signIn } from '../support/calls.ts'
import { startOldServer } from '../support/old-server.ts'
import { ringFile } from '../support/rings.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { ACME, GLOBEX, MIA, NEW_HOUSE, OLD_PASSWORD, oldCompany, oldUser } from './house.ts'

async function userOf({ ctx }: TestServer, email = MIA) {
  return ctx.db.read.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst()
}

async function actsOf({ ctx }: TestServer) {
  const rows = await ctx.db.read
    .selectFrom('audit_entries')
    .select(['act', 'actor_kind', 'actor_id', 'data'])
    .where('actor_id', '=', 'the switch-over')
    .orderBy('at')
    .orderBy('id')
    .execute()
  return rows
}

for (const database of databases) {
  describe(`a user moves over by signing in (${database})`, () => {
    test('who is not known here is asked for once, kept with all that they may do, and from then on it is ours to answer', async () => {
      await using old = await startOldServer({
        [MIA]: oldUser(MIA, [
          oldCompany(ACME, 'ACME', 'list_invoices', 'create_invoice'),
          oldCompany(GLOBEX, 'Globex of old', 'approve_invoice'),
        ]),
      })
      await using server = await startServer(database, { house: NEW_HOUSE, env: old.env })
      const first = await signIn(server, `  ${MIA.toUpperCase()} `, OLD_PASSWORD)
      assert.equal(first.status, 200, first.text)
      assert.deepEqual(first.body.permissions, [
        { company_id: ACME, company_name: 'ACME', permissions: ['create_invoice', 'list_invoices', 'use_app'] },
        // The company here keeps its name, and the permission brings what it needs.
        { company_id: GLOBEX, company_name: 'Globex', permissions: ['approve_invoice', 'list_invoices', 'use_app'] },
      ])
      assert.match(first.body.token, /^clt_/)
      // All that was sent, and to where.
      assert.deepEqual(old.asked, [
        {
          line: 'POST /api/v1/auth/authenticate/',
          headers: { 'content-type': 'application/json', 'x-license-module': 'crm' },
          body: JSON.stringify({ username: MIA, password: OLD_PASSWORD }),
        },
        {
          line: 'GET /api/v1/auth/users/profile/',
          headers: {
            'content-type': 'application/json',
            'x-license-module': 'crm',
            'x-license-token': 'old-token-1',
          },
          body: '',
        },
      ])

      const user = await userOf(server)
      assert.deepEqual(
        [user?.first_name, user?.last_name, user?.pin, user?.active, user?.operator, user?.support, user?.moved_by],
        ['Mia', 'Møller', null, 1, 0, 0, 'crm'],
      )
      assert.match(user?.password_hash ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      assert.equal(user?.password_foreign, 0)
      assert.ok(user?.moved_at)
      const acts = await actsOf(server)
      assert.deepEqual(acts.map(({ act }) => act).sort(), [
        'company.created',
        'grant.given',
        'grant.given',
        'grant.given',
        'license.created',
        'member.added',
        'member.added',
        'seat.given',
        'seat.given',
        'user.created',
        'user.moved',
      ])
      assert.ok(acts.every(({ actor_kind }) => actor_kind === 'system'))
      assert.doesNotMatch(JSON.stringify(acts), /mia|Møller|password of before|old-token/i)

      // The old one is off; nothing else is ever asked of it.
      await old.stop()
      const second = await signIn(server, MIA, OLD_PASSWORD)
      assert.deepEqual(second.body.permissions, first.body.permissions)
      assert.equal((await signIn(server, MIA, 'another')).status, 401)
      const { body: profile } = await call(server, 'GET users/profile/', { token: second.body.token })
      assert.deepEqual(profile, { first_name: 'Mia', last_name: 'Møller', email: MIA })
      assert.equal(old.asked.length, 2)
    })

    test('what is known here of somebody stands, what is empty is filled, and the address is the one that was typed', async () => {
      const told = oldUser(MIA, [oldCompany(GLOBEX, 'Globex')], { email: 'olga@house.test', pin: '123456' })
      await using old = await startOldServer({ [MIA]: told })
      await using server = await startServer(database, {
        house: {
          ...NEW_HOUSE,
          users: [
            ...NEW_HOUSE.users,
            { email: MIA, first_name: 'Maria' },
            { email: 'olga@house.test', operator: true },
          ],
        },
        env: old.env,
      })
      const before = await userOf(server)
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
      const user = await userOf(server)
      assert.deepEqual(
        [user?.id, user?.email, user?.first_name, user?.last_name, user?.pin],
        [before?.id, MIA, 'Maria', 'Møller', '123456'],
      )
      const moved = (await actsOf(server)).find(({ act }) => act === 'user.moved')
      const data = JSON.parse(moved?.data ?? '{}')
      assert.deepEqual([data.created, data.other_email_told, data.companies], [false, true, [GLOBEX]])
      const olga = await userOf(server, 'olga@house.test')
      assert.deepEqual([olga?.password_hash, olga?.first_name, olga?.operator], [null, '', 1])
      // Found by the name that came with the move.
      const terms = await server.ctx.db.read
        .selectFrom('user_terms')
        .select('term')
        .where('user_id', '=', user?.id ?? '')
        .execute()
      assert.ok(terms.some(({ term }) => term.startsWith('m')))
    })

    test('in the flat dialects: a company by its id, or by its name where there is one of that name', async () => {
      const globex = oldCompany(GLOBEX, 'Globex', 'create_invoice')
      await using old = await startOldServer({
        [MIA]: oldUser(MIA, [globex]),
        'max@globex.test': oldUser('max@globex.test', [globex]),
        'moe@acme.test': oldUser('moe@acme.test', [oldCompany(ACME, 'ACME', 'create_invoice')]),
      })
      old.dialects = { till: 'flat-0.2', press: 'flat-0.1' }
      await using server = await startServer(database, { house: NEW_HOUSE, env: old.env })
      const slugs = ['create_invoice', 'list_invoices', 'use_app'].map((permission) => ({ permission }))

      const { token: tillToken, ...till } = (await signIn(server, MIA, OLD_PASSWORD, { module: 'till' })).body
      assert.deepEqual(till, { company_id: GLOBEX, company_name: 'Globex', permissions: slugs })
      assert.match(tillToken, /^clt_/)
      const press = await signIn(server, 'max@globex.test', OLD_PASSWORD, { module: 'press' })
      assert.deepEqual([press.status, press.body.company, press.body.permissions], [200, 'Globex', slugs])
      // No company of that name: an id that we made would be another than the one that others know it by.
      const unknown = await signIn(server, 'moe@acme.test', OLD_PASSWORD, { module: 'press', rich: true })
      assert.deepEqual([unknown.status, unknown.body.code], [403, 'no_access'])
      assert.equal(await userOf(server, 'moe@acme.test'), undefined)
      await server.seed({ companies: [{ id: ACME, name: 'ACME' }] })
      assert.equal((await signIn(server, 'moe@acme.test', OLD_PASSWORD, { module: 'press' })).status, 200)

      await old.stop()
      for (const [email, module] of [
        [MIA, 'till'],
        ['max@globex.test', 'press'],
        ['moe@acme.test', 'press'],
      ] as const)
        assert.equal((await signIn(server, email, OLD_PASSWORD, { module })).status, 200, email)
    })

    test('a pin comes along where the old server tells it', async () => {
      const companies = [{ ...oldCompany(ACME, 'ACME', 'list_orders') }]
      await using old = await startOldServer({ [MIA]: oldUser(MIA, companies, { pin: '4711' }) })
      await using server = await startServer(database, { house: NEW_HOUSE, env: old.env })
      const { body } = await signIn(server, MIA, OLD_PASSWORD, { module: 'shop' })
      assert.equal((await call(server, 'GET users/profile/', { module: 'shop', token: body.token })).body.pin, '4711')
    })

    test('two first sign-ins at once both come in, and nothing is doubled', async () => {
      await using old = await startOldServer({ [MIA]: oldUser(MIA, [oldCompany(ACME, 'ACME', 'create_invoice')]) })
      await using server = await startServer(database, { house: NEW_HOUSE, env: old.env })
      const replies = await Promise.all(Array.from({ length: 5 }, () => signIn(server, MIA, OLD_PASSWORD)))
      for (const reply of replies) assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(old.signIns(), { [MIA]: 1 })
      const count = async (table: 'users' | 'seats' | 'grants' | 'tokens') =>
        (await server.ctx.db.read.selectFrom(table).selectAll().execute()).length
      assert.deepEqual(
        [await count('users'), await count('seats'), await count('grants'), await count('tokens')],
        [2, 2, 1, 5],
      )
      assert.equal((await actsOf(server)).filter(({ act }) => act === 'user.moved').length, 1)
    })

    test('a License server of ours is the old one', async () => {
      await using old = await startServer(database, {
        house: {
          companies: [{ id: ACME, name: 'ACME' }],
          applications: NEW_HOUSE.applications,
          licenses: [{ company: ACME, application: 'crm', from: '2020-01-01' }],
          users: [
            {
              email: MIA,
              first_name: 'Mia',
              password: OLD_PASSWORD,
              companies: [{ company: ACME, grants: [{ application: 'crm', permissions: ['approve_invoice'] }] }],
            },
          ],
        },
      })
      await using server = await startServer(database, {
        house: NEW_HOUSE,
        env: { LICENSE_UPSTREAM: `${old.url}/api/v1/`, LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' },
      })
      assert.equal((await signIn(server, MIA, 'wrong')).status, 401)
      const { permissions } = await server.license('crm').authenticate(MIA, OLD_PASSWORD)
      assert.ok(permissions.has('approve_invoice', ACME) && permissions.has('list_invoices', ACME))
      assert.ok(!permissions.has('create_invoice', ACME))
      await old.ctx.db.transaction((tx) => tx.deleteFrom('tokens').execute())
      assert.equal((await signIn(server, MIA, OLD_PASSWORD)).status, 200)
    })
  })
}

if (databases.includes('postgres')) {
  test('two first sign-ins at once on two servers of one house: one moves the user, both come in', async () => {
    await using old = await startOldServer({ [MIA]: oldUser(MIA, [oldCompany(ACME, 'ACME', 'create_invoice')]) })
    await using one = await startServer('postgres', { house: NEW_HOUSE, env: old.env })
    const { database } = one.config
    assert.ok(database.kind === 'postgres')
    await using two = await startServer('postgres', {
      env: { ...old.env, LICENSE_DATABASE_URL: database.url, LICENSE_KEYS_FILE: ringFile(one) },
    })
    // Both are told "yes" before one of them stores anything.
    const waiting: (() => void)[] = []
    old.behave = (request, response) => {
      if (!request.url?.endsWith('profile/')) return false
      waiting.push(() =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify(old.users.get(MIA)?.profile)),
      )
      if (waiting.length === 2) for (const answer of waiting) answer()
      return true
    }
    const replies = await Promise.all([one, two].map((server) => signIn(server, MIA, OLD_PASSWORD)))
    for (const reply of replies) assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(old.signIns(), { [MIA]: 2 })
    const users = await one.ctx.db.read.selectFrom('users').selectAll().where('email', '=', MIA).execute()
    const seats = await one.ctx.db.read
      .selectFrom('seats')
      .selectAll()
      .where('user_id', '=', users[0]?.id ?? '')
      .execute()
    const grants = await one.ctx.db.read.selectFrom('grants').selectAll().execute()
    assert.deepEqual([users.length, seats.length, grants.length], [1, 1, 1])
    assert.equal((await actsOf(one)).filter(({ act }) => act === 'user.moved').length, 1)
  })
}

if (databases.includes('postgres')) {
  test('two first users of a new company at once on two servers: one makes it with its license, both come in', async () => {
    const people = [MIA, 'max@acme.test']
    const companies = [oldCompany(ACME, 'ACME', 'create_invoice'), oldCompany(GLOBEX, 'Globex')]
    await using old = await startOldServer(
      Object.fromEntries(people.map((email) => [email, oldUser(email, companies)])),
    )
    await using one = await startServer('postgres', { house: NEW_HOUSE, env: old.env })
    const { database } = one.config
    assert.ok(database.kind === 'postgres')
    const env = { ...old.env, LICENSE_DATABASE_URL: database.url, LICENSE_KEYS_FILE: ringFile(one) }
    await using two = await startServer('postgres', { env })
    const replies = await Promise.all(people.map((email, at) => signIn(at === 0 ? one : two, email, OLD_PASSWORD)))
    for (const reply of replies) {
      assert.equal(reply.status, 200, reply.text)
      assert.equal(reply.body.permissions.length, 2)
    }
    const licenses = await one.ctx.db.read.selectFrom('licenses').selectAll().where('company_id', '=', ACME).execute()
    assert.deepEqual(
      licenses.map(({ seats_held }) => seats_held),
      [2],
    )
  })
}
