import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { fillHouse } from '../../../../bench/house.ts'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import type { Context } from '../../src/context.ts'
import { deleteUser } from '../../src/credentials/accounts.ts'
import { ACME, ask, askFor, BELLA, BERT, CARLA, DORA, GLOBEX, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { signIn } from '../support/calls.ts'
import { issue } from '../support/house.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'

const DAY = 86_400_000
/** After which nothing that was counted is told any more. */
const LATER = 3_600_000

/** What there is, counted by a second, naive reading of all tables. */
async function truth(ctx: Context, company?: string) {
  const { read } = ctx.db
  const now = ctx.now()
  const users = (await read.selectFrom('users').selectAll().execute()).filter((user) => user.deleted_at === null)
  const members = (await read.selectFrom('memberships').selectAll().execute()).filter(
    (each) => each.company_id === company && each.left_at === null,
  )
  const companies = await read.selectFrom('companies').selectAll().execute()
  const licenses = (await read.selectFrom('licenses').selectAll().execute()).filter(
    (each) => company === undefined || each.company_id === company,
  )
  const seats = await read.selectFrom('seats').selectAll().execute()
  const holders = (application: string) =>
    new Set(
      seats
        .filter((seat) => seat.company_id === company && seat.application_id === application)
        .map((seat) => seat.user_id),
    )
  const tokens = (await read.selectFrom('tokens').selectAll().execute()).filter(
    (token) => token.impersonation_id === null,
  )
  const since = (list: typeof tokens, days: number) =>
    new Set(list.filter((token) => token.issued_at > now - days * DAY).map((token) => token.user_id)).size
  const signedIn = (list: typeof tokens) => ({
    last_day: since(list, 1),
    last_7_days: since(list, 7),
    last_30_days: since(list, 30),
  })
  const last = (list: typeof tokens) =>
    list.length === 0 ? null : new Date(Math.max(...list.map((token) => token.issued_at))).toISOString()
  const stateOf = (license: (typeof licenses)[number]) => {
    if (license.starts_at > now) return 'scheduled'
    if (license.ends_at > now) return 'in_force'
    return license.ends_at + license.grace_days * DAY > now ? 'in_grace' : 'ended'
  }
  const sum = (numbers: number[]) => numbers.reduce((all, each) => all + each, 0)
  const applications = (await read.selectFrom('applications').selectAll().orderBy('id').execute())
    .filter(({ id }) => company === undefined || licenses.some((license) => license.application_id === id))
    .map((application) => {
      const { id } = application
      const own = licenses.filter((license) => license.application_id === id)
      const counting = own.filter((license) => ['in_force', 'in_grace'].includes(stateOf(license)))
      const bySeat = company === undefined ? undefined : holders(id)
      const used = tokens.filter((token) => token.application_id === id && (!bySeat || bySeat.has(token.user_id)))
      return {
        id,
        name: application.name,
        active: application.active === 1,
        licenses: {
          scheduled: own.filter((each) => stateOf(each) === 'scheduled').length,
          in_force: own.filter((each) => stateOf(each) === 'in_force').length,
          in_grace: own.filter((each) => stateOf(each) === 'in_grace').length,
          ended: own.filter((each) => stateOf(each) === 'ended').length,
          suspended: own.filter((each) => each.suspended === 1).length,
        },
        seats: {
          bought: sum(counting.map((each) => each.seats ?? 0)),
          unlimited_licenses: counting.filter((each) => each.seats === null).length,
          held: sum(
            counting.map(
              (each) =>
                seats.filter((seat) => seat.company_id === each.company_id && seat.application_id === id).length,
            ),
          ),
          over: sum(counting.map((each) => (each.seats === null ? 0 : Math.max(0, each.seats_held - each.seats)))),
        },
        signed_in: signedIn(used),
        last_sign_in: last(used),
      }
    })
  const ending = licenses
    .filter((each) => stateOf(each) === 'in_force' && each.ends_at <= now + 30 * DAY)
    .sort((a, b) => a.ends_at - b.ends_at)
  return {
    applications,
    house: {
      users: {
        all: users.length,
        active: users.filter((user) => user.active === 1).length,
        with_password: users.filter((user) => user.password_hash !== null).length,
        operators: users.filter((user) => user.operator === 1).length,
        support: users.filter((user) => user.support === 1).length,
      },
      companies: { all: companies.length, active: companies.filter((each) => each.active === 1).length },
      signed_in: signedIn(tokens),
      last_sign_in: last(tokens),
    },
    members: {
      all: members.length,
      active: members.filter(
        (each) => each.active === 1 && users.some((user) => user.id === each.user_id && user.active === 1),
      ).length,
    },
    ending: ending.map((each) => [each.company_id, each.application_id]),
  }
}

/** A house in which everything that is told is there, and something else beside it. */
async function live(server: TestServer, key: string): Promise<void> {
  const today = server.ctx.now()
  const day = (days: number) => new Date(today + days * DAY).toISOString()
  const shop = `/companies/${ACME}/licenses/shop`
  await askFor(201, server, key, `POST /companies/${GLOBEX}/licenses`, {
    body: { application: 'shop', from: day(5), until: day(20) },
  })
  await askFor(200, server, key, `PATCH ${shop}`, { body: { until: day(-1), grace_days: 3, seats: 5 } })
  await askFor(200, server, key, `PATCH /companies/${GLOBEX}/licenses/crm`, {
    body: { until: day(12), suspended: true },
  })
  await askFor(200, server, key, `PATCH /companies/${ACME}/licenses/crm`, { body: { until: day(4), seats: 2 } })
  const { id } = await askFor(201, server, key, 'POST /companies', { body: { name: 'Initech', active: false } })
  await askFor(201, server, key, `POST /companies/${id}/licenses`, {
    body: { application: 'crm', from: day(-90), until: day(-40), grace_days: 14, seats: 9 },
  })
  await askFor(201, server, key, 'POST /users', { body: { email: 'plain@acme.test', company: ACME } })
  await askFor(200, server, key, `PATCH /users/${BELLA}`, { body: { active: false } })
  await askFor(200, server, key, `PATCH /users/${CARLA}`, { body: { support: true } })
  const gone = await askFor(201, server, key, 'POST /users', { body: { email: 'gone@acme.test', company: ACME } })
  await deleteUser(server.ctx, COMMAND_LINE, { id: gone.id, email: 'gone@acme.test' })
  for (const [days, email, application] of [
    [40, 'anna@acme.test', 'crm'],
    [20, 'bert@acme.test', 'crm'],
    [20, 'dora@acme.test', 'shop'],
    [6.9, 'dora@acme.test', 'crm'],
    [7.1, 'carla@globex.test', 'crm'],
    [0.5, 'bert@acme.test', 'crm'],
    [0.4, 'bert@acme.test', 'crm'],
    [0.2, 'emil@example.test', 'shop'],
  ] as const) {
    server.clock.stopAt(today - days * DAY)
    await issue(server, email, application)
  }
  server.clock.stopAt(today)
  await askFor(201, server, key, 'POST /api-keys', { body: { name: 'soon', expires_at: day(3) } })
  await askFor(201, server, key, 'POST /api-keys', { body: { name: 'sooner', company: ACME, expires_at: day(2) } })
  await askFor(201, server, key, 'POST /api-keys', { body: { name: 'late', expires_at: day(31) } })
}

const names = (list: { name: string }[]) => list.map(({ name }) => name)
const places = (list: { company: { id: string }; application: string }[]) =>
  list.map(({ company, application }) => [company.id, application])

for (const database of databases) {
  test(`statistics tell what a naive count tells, and no more than whoever asks may know (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server, { name: 'the first' })
    await live(server, operator)
    const supporter = await makeKey(server, { power: { kind: 'support' } })
    const acme = await makeKey(server, { name: 'of ACME', power: { kind: 'company', companyId: ACME } })
    const crm = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })

    const house = await truth(server.ctx)
    const { as_of: asOf, ...told } = await askFor(200, server, operator, 'GET /statistics')
    assert.equal(Date.parse(asOf), server.ctx.now())
    const {
      applications,
      licenses_ending: ending,
      api_keys_expiring: keys,
      company,
      throttled_accounts: throttled,
      ...rest
    } = told
    assert.deepEqual(applications, house.applications)
    assert.deepEqual(rest, house.house)
    assert.deepEqual([places(ending.soonest), ending.all], [house.ending, 2])
    assert.deepEqual(places(ending.soonest), [
      [ACME, 'crm'],
      [GLOBEX, 'crm'],
    ])
    assert.deepEqual([names(keys), company, throttled], [['sooner', 'soon'], null, 0])
    // So that none of it is told by chance.
    const [first, second] = house.applications
    assert.deepEqual(first?.licenses, { scheduled: 0, in_force: 2, in_grace: 0, ended: 1, suspended: 1 })
    assert.deepEqual(second?.licenses, { scheduled: 1, in_force: 0, in_grace: 1, ended: 0, suspended: 0 })
    assert.deepEqual(first?.seats, { bought: 2, unlimited_licenses: 1, held: 6, over: 2 })
    assert.deepEqual(first?.signed_in, { last_day: 1, last_7_days: 2, last_30_days: 3 })
    assert.deepEqual(await askFor(200, server, supporter, 'GET /statistics'), { as_of: asOf, ...told })

    // A supporter behind a user is not the user.
    const link = await server.impersonate({
      user: 'anna@acme.test',
      company: ACME,
      application: 'crm',
      reason: 'a test',
    })
    const entered = await fetch(`${server.url}/api/v1/auth/impersonation-validation/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-license-module': 'crm' },
      body: JSON.stringify({ token: link }),
    })
    assert.equal(entered.status, 200)
    server.clock.advance(LATER)
    assert.deepEqual(
      (await askFor(200, server, operator, 'GET /statistics')).applications,
      (await truth(server.ctx)).applications,
    )

    const own = await truth(server.ctx, ACME)
    const ours = await askFor(200, server, acme, 'GET /statistics')
    assert.deepEqual(ours.company, { id: ACME, name: 'ACME' })
    assert.deepEqual(ours.applications, own.applications)
    assert.deepEqual(ours.users, own.members)
    assert.deepEqual([ours.companies, ours.signed_in], [undefined, undefined])
    assert.deepEqual(
      [places(ours.licenses_ending.soonest), names(ours.api_keys_expiring)],
      [[[ACME, 'crm']], ['sooner']],
    )
    assert.doesNotMatch(JSON.stringify(ours), /Globex|Initech|"soon"/)
    const seen = await askFor(200, server, operator, `GET /statistics?company=${ACME.toUpperCase()}`)
    assert.equal(seen.users.with_password, own.members.all - 1)
    assert.deepEqual({ ...seen, users: ours.users }, ours)

    const one = await askFor(200, server, operator, 'GET /statistics?application=crm')
    const expected = await truth(server.ctx)
    assert.deepEqual(one.applications, [expected.applications[0]])
    assert.deepEqual(Object.keys(one).sort(), [
      'api_keys_expiring',
      'applications',
      'as_of',
      'company',
      'licenses_ending',
    ])
    assert.deepEqual(one.api_keys_expiring, [])
    const itself = await askFor(200, server, crm, 'GET /statistics')
    assert.deepEqual(itself, { as_of: one.as_of, company: null, applications: one.applications })
    assert.deepEqual(await askFor(200, server, crm, 'GET /statistics?application=crm'), itself)
    const both = await askFor(200, server, acme, 'GET /statistics?application=shop')
    assert.deepEqual(
      both.applications,
      own.applications.filter(({ id }) => id === 'shop'),
    )

    const refused: [string, string][] = [
      [acme, `?company=${GLOBEX}`],
      [acme, `?company=${BERT}`],
      [acme, '?application=nothing'],
      [crm, '?application=shop'],
      [crm, `?company=${ACME}`],
      [crm, `?company=${BERT}`],
      [operator, `?company=${DORA}`],
      [operator, '?application=nothing'],
    ]
    for (const [key, query] of refused)
      assert.equal((await ask(server, key, `GET /statistics${query}`)).status, 404, query)
    assert.equal((await ask(server, operator, 'GET /statistics?company=acme')).status, 400)
  })

  test(`a count is told for a while, with the moment it was made; accounts that must wait are counted (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const acme = await makeKey(server, { power: { kind: 'company', companyId: ACME } })
    const globex = await makeKey(server, { power: { kind: 'company', companyId: GLOBEX } })
    server.clock.stopAt(server.ctx.now())
    const before = await askFor(200, server, operator, 'GET /statistics')
    await askFor(201, server, operator, 'POST /companies', { body: { name: 'Initech' } })
    for (let nth = 0; nth < 6; nth++) await signIn(server, 'bert@acme.test', 'wrong', { module: 'crm' })
    server.clock.advance(500)
    assert.deepEqual(await askFor(200, server, operator, 'GET /statistics'), before)
    server.clock.advance(31_000 - 500)
    // Another one, that is wrong as often as the last wait was long.
    for (let nth = 0; nth < 3; nth++) await signIn(server, 'bert@acme.test', 'wrong', { module: 'crm' })
    server.clock.advance(10)
    const after = await askFor(200, server, operator, `GET /statistics?company=${ACME}`)
    assert.equal(Date.parse(after.as_of), server.ctx.now())
    const waits = async (key: string) => (await askFor(200, server, key, 'GET /statistics')).throttled_accounts
    assert.deepEqual([await waits(acme), await waits(globex)], [1, 0])
    server.clock.advance(LATER)
    const later = await askFor(200, server, operator, 'GET /statistics')
    assert.deepEqual([later.companies.all, later.throttled_accounts], [before.companies.all + 1, 0])
  })

  test(`a house of many pieces is counted whole, each person once (${database})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'license-statistics-'))
    const url = database === 'postgres' ? await newDatabase() : `sqlite:${join(folder, 'license.db')}`
    await fillHouse(
      database === 'postgres' ? { kind: 'postgres', url } : { kind: 'sqlite', file: join(folder, 'license.db') },
      4_100,
    )
    {
      await using server = await startServer(database, { env: { LICENSE_DATABASE_URL: url } })
      const now = server.ctx.now()
      await server.ctx.db.transaction(async (tx) => {
        await sql`update users set active = 0, password_hash = null where id like '%7'`.execute(tx)
        // Spread over forty-five days, two sign-ins of a user on different ones.
        await sql`update tokens set issued_at = ${sql.lit(now)} - (cast(substr(id, 25) as bigint) * 7919 % 45) * ${sql.lit(DAY)} - 3600000`.execute(
          tx,
        )
        await sql`delete from tokens where id like '%3'`.execute(tx)
      })
      const operator = await makeKey(server)
      const house = await truth(server.ctx)
      const told = await askFor(200, server, operator, 'GET /statistics')
      assert.ok(told.users.all > 4_000 && told.signed_in.last_7_days > 100)
      assert.deepEqual(told.users, house.house.users)
      assert.deepEqual(told.signed_in, house.house.signed_in)
      assert.deepEqual(told.applications, house.applications)
      const companies = await server.ctx.db.read.selectFrom('companies').select('id').orderBy('id').limit(1).execute()
      const one = await askFor(200, server, operator, `GET /statistics?company=${companies[0]?.id}`)
      assert.deepEqual(one.applications, (await truth(server.ctx, companies[0]?.id)).applications)
    }
    rmSync(folder, { recursive: true, force: true })
  })
}
