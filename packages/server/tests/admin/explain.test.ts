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
  NOBODY,
} from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { issue } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

type Decision = {
  allowed: boolean
  because: string | null
  mend: { method: string; path: string; body: object }[]
  text: string[]
  grants: { through: string; slugs: string[]; phase: string; given_by: string | null }[]
}

function decide(
  server: TestServer,
  key: string,
  user: string,
  permission: string,
  more: { company?: string; application?: string; at?: string } = {},
): Promise<Decision> {
  const query = new URLSearchParams({ user, company: ACME, application: 'crm', permission, ...more })
  return askFor(200, server, key, `GET /explain?${query}`)
}

const SLUGS = [
  'use_app',
  'list_invoices',
  'create_invoice',
  'approve_invoice',
  'export_ledger',
  'close_books',
  'reopen_books',
  'is_superuser',
]

/** Everything that can stand in the way, as one makes it so; each on its own house. */
const OBSTACLES: [because: string, make: [line: string, body: object | undefined][]][] = [
  ['application_off', [['PATCH /applications/crm', { active: false }]]],
  ['user_off', [[`PATCH /users/${BERT}`, { active: false }]]],
  ['company_off', [[`PATCH /companies/${ACME}`, { active: false }]]],
  ['not_a_member', [[`DELETE /companies/${ACME}/members/${BERT}`, undefined]]],
  ['membership_off', [[`PATCH /companies/${ACME}/members/${BERT}`, { active: false }]]],
  ['license_suspended', [[`PATCH /companies/${ACME}/licenses/crm`, { suspended: true }]]],
  ['license_scheduled', [[`PATCH /companies/${ACME}/licenses/crm`, { from: '2099-01-01' }]]],
  ['license_ended', [[`PATCH /companies/${ACME}/licenses/crm`, { until: '2020-02-01' }]]],
  ['no_seat', [[`DELETE /companies/${ACME}/seats/crm/${BERT}`, undefined]]],
  ['seat_not_started', [[`PUT /companies/${ACME}/seats/crm/${BERT}`, { starts_at: '2099-01-01' }]]],
  ['seat_ended', [[`PUT /companies/${ACME}/seats/crm/${BERT}`, { ends_at: '2020-02-01' }]]],
  ['not_included', [[`PATCH /companies/${ACME}/licenses/crm`, { permissions: ['approve_invoice'] }]]],
  [
    'license_ended',
    [
      [`PATCH /companies/${ACME}/licenses/crm`, { until: '2020-02-01', permissions: ['approve_invoice'] }],
      [`DELETE /companies/${ACME}/seats/crm/${BERT}`, undefined],
      [`PATCH /companies/${ACME}/members/${BERT}`, { active: false }],
      [`PATCH /users/${BERT}`, { active: false }],
    ],
  ],
]

for (const database of databases) {
  test(`explain names the first link that fails, and its calls mend it (${database})`, async () => {
    for (const [because, make] of OBSTACLES) {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const key = await makeKey(server)
      assert.deepEqual([(await decide(server, key, BERT, 'create_invoice')).allowed], [true])
      for (const [line, body] of make) {
        const { status } = await ask(server, key, line, body ? { body } : {})
        assert.ok(status < 300, `${line}: ${status}`)
      }
      const refused = await decide(server, key, BERT, 'create_invoice')
      const first = make.length === 1 ? because : 'user_off'
      assert.deepEqual([refused.allowed, refused.because], [false, first])
      assert.ok(refused.text.length > 0)
      for (const { method, path, body } of refused.mend) {
        const reply = await ask(server, key, `${method} ${path}`, { body })
        assert.ok(
          reply.status < 300,
          `${because}: ${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(reply.body)}`,
        )
      }
      const mended = await decide(server, key, BERT, 'create_invoice')
      assert.deepEqual([because, mended.allowed, mended.mend], [because, true, []], JSON.stringify(mended.because))
    }
  })

  test(`explain, its holders and its dates say the same as the answers to applications (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await askFor(201, server, key, `POST /companies/${ACME}/members/${BERT}/grants`, {
      body: {
        application: 'crm',
        permission: 'approve_invoice',
        starts_at: '2090-01-01',
        ends_at: '2090-12-31',
        reason: 'the year of the move',
      },
    })
    let decisions = 0
    const holders = new Map<string, string[]>()
    const people = {
      [ANNA]: 'anna@acme.test',
      [BERT]: 'bert@acme.test',
      [BELLA]: 'bella@acme.test',
      [DORA]: 'dora@acme.test',
    }
    for (const company of [ACME, GLOBEX]) {
      for (const [user, email] of Object.entries(people)) {
        const token = await issue(server, email, 'crm')
        const { body } = await call(server, 'GET get-permissions/', { token })
        const answer: string[] =
          body.permissions.find((each: { company_id: string }) => each.company_id === company)?.permissions ?? []
        for (const slug of SLUGS) {
          const { allowed } = await decide(server, key, user, slug, { company })
          assert.deepEqual([email, company, slug, allowed], [email, company, slug, answer.includes(slug)])
          decisions++
          if (allowed && company === ACME) holders.set(slug, [...(holders.get(slug) ?? []), user])
        }
      }
    }
    assert.ok(decisions >= 40)
    for (const slug of SLUGS) {
      const { items } = await askFor(
        200,
        server,
        key,
        `GET /explain/holders?company=${ACME}&application=crm&permission=${slug}`,
      )
      const found = items.map((item: { user: { id: string } }) => item.user.id)
      assert.deepEqual([slug, found.sort()], [slug, (holders.get(slug) ?? []).sort()])
      for (const { grants } of items) for (const { phase } of grants) assert.equal(phase, 'in_force')
    }
    const on = async (at: string) => {
      const { items } = await askFor(200, server, key, `GET /explain/company?company=${ACME}&application=crm&at=${at}`)
      return items.find((item: { user: { id: string } }) => item.user.id === BERT).permissions
    }
    assert.deepEqual(await on('2089-12-31'), ['create_invoice', 'list_invoices', 'use_app'])
    assert.deepEqual(await on('2090-12-31'), ['approve_invoice', 'create_invoice', 'list_invoices', 'use_app'])
    assert.deepEqual(await on('2091-01-01'), ['create_invoice', 'list_invoices', 'use_app'])
    const planned = await decide(server, key, 'bert@acme.test', 'approve_invoice')
    assert.deepEqual(
      [planned.allowed, planned.because, planned.grants[0]?.phase],
      [false, 'not_granted', 'not_started'],
    )
    assert.match(planned.grants[0]?.given_by ?? '', /the API key "a test"/)
  })

  test(`explain tells a company nothing of others, and what it can not answer in a sentence (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const acme = await makeKey(server, { power: { kind: 'company', companyId: ACME } })
    assert.equal((await decide(server, acme, DORA, 'create_invoice')).allowed, true)
    // Who gave it is named where it is one of the company's own.
    const operator = await makeKey(server, { name: 'sync for Globex' })
    const grants = `POST /companies/${ACME}/members/${BERT}/grants`
    await askFor(201, server, operator, grants, { body: { application: 'crm', permission: 'approve_invoice' } })
    await askFor(201, server, acme, grants, {
      body: { application: 'crm', permission: 'approve_invoice', ends_at: '2099-12-31' },
    })
    for (const [key, givers] of [
      [operator, ['the API key "sync for Globex"', 'the API key "a test"']],
      [acme, ['an operator of the house', 'the API key "a test"']],
    ] as const) {
      const told = await decide(server, key, BERT, 'approve_invoice')
      const held = `GET /explain/holders?company=${ACME}&application=crm&permission=approve_invoice`
      const { items } = await askFor(200, server, key, held)
      const holder = items.find((item: { user: { id: string } }) => item.user.id === BERT)
      for (const { grants: ways } of [told, holder])
        assert.deepEqual(ways.map((grant: Decision['grants'][number]) => grant.given_by).sort(), [...givers].sort())
      assert.equal(told.text.join('\n').includes('Globex'), key === operator)
    }
    const of = (more: object) =>
      `GET /explain?${new URLSearchParams({ user: BERT, company: ACME, application: 'crm', permission: 'use_app', ...more })}`
    for (const more of [
      { company: GLOBEX },
      { user: CARLA },
      { user: EMIL },
      { user: 'carla@globex.test' },
      { user: NOBODY },
      { user: 'no address' },
      { application: 'none' },
    ])
      assert.equal((await ask(server, acme, of(more))).status, 404, JSON.stringify(more))
    for (const more of [{ permission: 'none' }, { at: 'tomorrow' }]) {
      const { status, body } = await ask(server, acme, of(more))
      assert.deepEqual([status, body.code, body.errors.length], [400, 'invalid_input', 1])
    }
    assert.equal(
      (await ask(server, acme, `GET /explain/holders?company=${GLOBEX}&application=crm&permission=use_app`)).status,
      404,
    )
    assert.equal((await ask(server, acme, `GET /explain/company?company=${GLOBEX}`)).status, 404)
    assert.ok((await askFor(200, server, acme, `GET /explain/company?company=${ACME}`)).items.length >= 4)
    assert.equal((await decide(server, acme, BORIS, 'use_app')).because, 'no_seat')
  })
}
