import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ask, askFor, makeKey } from '../support/admin.ts'
import { signIn } from '../support/calls.ts'
import { type OldUser, startOldServer } from '../support/old-server.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'
import { ACME, GLOBEX, INITECH, NEW_HOUSE, OLD_PASSWORD, oldCompany, oldUser } from './house.ts'

const SMALL = '11111111-2222-4333-8444-555555555501'
const OFF = '11111111-2222-4333-8444-555555555502'
const PAUSED = '11111111-2222-4333-8444-555555555503'

/** What was set up here before anybody moves. */
const HOUSE = {
  ...NEW_HOUSE,
  companies: [
    ...NEW_HOUSE.companies,
    { id: INITECH, name: 'Initech' },
    { id: SMALL, name: 'Small' },
    { id: OFF, name: 'Off', active: false },
    { id: PAUSED, name: 'Paused' },
  ],
  licenses: [
    ...NEW_HOUSE.licenses,
    { company: INITECH, application: 'crm', from: '2020-01-01', permissions: ['create_invoice'], note: 'ours' },
    { company: SMALL, application: 'crm', from: '2020-01-01', seats: 0 },
    { company: PAUSED, application: 'crm', from: '2020-01-01', suspended: true },
  ],
  users: [
    ...NEW_HOUSE.users,
    { email: 'left@x.test', companies: [{ company: GLOBEX }] },
    { email: 'member.off@x.test', companies: [{ company: GLOBEX, active: false }] },
    { email: 'managed@x.test', managed_by: INITECH, companies: [] },
    {
      email: 'seated@x.test',
      companies: [{ company: GLOBEX, grants: [{ application: 'crm', permissions: ['list_invoices'] }] }],
    },
    { email: 'unseated@x.test', companies: [{ company: GLOBEX, grants: [{ application: 'crm' }] }] },
  ],
}

type Case = {
  name: string
  email: string
  told: OldUser['companies']
  /** What comes of it: company's name and its permissions; undefined where nobody comes in. */
  gets: Record<string, string[]> | undefined
  left: string[]
}

const all = [
  'list_invoices',
  'create_invoice',
  'approve_invoice',
  'close_books',
  'reopen_books',
  'is_superuser',
  'fly',
  'see all',
]
const CASES: Case[] = [
  {
    name: 'what operators keep for themselves, what the application has not, and "everything"',
    email: 'new1@x.test',
    told: [oldCompany(ACME, 'ACME', ...all)],
    gets: { ACME: ['approve_invoice', 'create_invoice', 'list_invoices', 'use_app'] },
    left: [
      'permission_operator_only close_books',
      'permission_operator_only reopen_books',
      'permission_unknown (no slug)',
      'permission_unknown fly',
      'superuser',
    ],
  },
  {
    name: 'what a license here does not include',
    email: 'new2@x.test',
    told: [oldCompany(INITECH, 'Initech', 'create_invoice', 'approve_invoice')],
    gets: { Initech: ['create_invoice', 'list_invoices', 'use_app'] },
    left: ['permission_not_included approve_invoice'],
  },
  {
    name: 'a company that is switched off here, one whose name another has, and one without use_app',
    email: 'new3@x.test',
    told: [
      oldCompany(OFF, 'Off'),
      oldCompany('22222222-2222-4333-8444-555555555501', 'Globex', 'create_invoice'),
      { company_id: GLOBEX, company_name: 'Globex', permissions: ['create_invoice'] },
      oldCompany(INITECH, 'Initech'),
    ],
    gets: { Initech: ['use_app'] },
    left: ['company_name_taken 22222222-2222-4333-8444-555555555501', `company_off ${OFF}`, `no_use_app ${GLOBEX}`],
  },
  {
    name: 'one company told twice counts as it was told first',
    email: 'new4@x.test',
    told: [oldCompany(ACME.toUpperCase(), 'ACME'), oldCompany(ACME, 'Other', 'create_invoice')],
    gets: { ACME: ['use_app'] },
    left: [],
  },
  {
    name: 'a license whose seats are all held: nobody comes in, and nothing is kept',
    email: 'new5@x.test',
    told: [oldCompany(SMALL, 'Small', 'create_invoice')],
    gets: undefined,
    left: [`seats_full ${SMALL}`],
  },
  {
    name: 'a license that is suspended stays so: nobody comes in, and nothing is kept',
    email: 'new6@x.test',
    told: [oldCompany(PAUSED, 'Paused', 'create_invoice')],
    gets: undefined,
    left: [],
  },
  {
    name: 'no company at all: nobody comes in, and nothing is kept',
    email: 'new7@x.test',
    told: [],
    gets: undefined,
    left: [],
  },
  {
    name: 'who was taken out of the company here stays out',
    email: 'left@x.test',
    told: [oldCompany(GLOBEX, 'Globex'), oldCompany(INITECH, 'Initech')],
    gets: { Initech: ['use_app'] },
    left: [`member_left ${GLOBEX}`],
  },
  {
    name: 'a membership that is switched off here stays off',
    email: 'member.off@x.test',
    told: [oldCompany(GLOBEX, 'Globex'), oldCompany(INITECH, 'Initech')],
    gets: { Initech: ['use_app'] },
    left: [`member_off ${GLOBEX}`],
  },
  {
    name: 'whom a company manages comes in for no other',
    email: 'managed@x.test',
    told: [oldCompany(GLOBEX, 'Globex', 'create_invoice'), oldCompany(INITECH, 'Initech')],
    gets: { Initech: ['use_app'] },
    left: [`managed_elsewhere ${GLOBEX}`],
  },
  {
    name: 'a seat that was given here has what was given here',
    email: 'seated@x.test',
    told: [oldCompany(GLOBEX, 'Globex', 'create_invoice', 'approve_invoice')],
    gets: { Globex: ['list_invoices', 'use_app'] },
    left: [`seat_here ${GLOBEX}`],
  },
  {
    name: 'a seat that was taken away here is not given again',
    email: 'unseated@x.test',
    told: [oldCompany(GLOBEX, 'Globex', 'create_invoice')],
    gets: undefined,
    left: [`seat_taken_away ${GLOBEX}`],
  },
]

async function idOf({ ctx }: TestServer, email: string): Promise<string | undefined> {
  return (await ctx.db.read.selectFrom('users').select('id').where('email', '=', email).executeTakeFirst())?.id
}

for (const database of databases) {
  describe(`what the old server tells widens nothing that was set up here (${database})`, () => {
    test('case by case: what comes along, what is left out and told to operators, what stays as it was', async () => {
      await using old = await startOldServer(
        Object.fromEntries(CASES.map(({ email, told }) => [email, oldUser(email, told)])),
      )
      await using server = await startServer(database, { house: HOUSE, env: old.env })
      const operator = await makeKey(server)
      const [left, unseated] = [await idOf(server, 'left@x.test'), await idOf(server, 'unseated@x.test')]
      await askFor(204, server, operator, `DELETE /companies/${GLOBEX}/members/${left}`)
      await askFor(204, server, operator, `DELETE /companies/${GLOBEX}/seats/crm/${unseated}`)
      const setUp = async () => {
        const { companies = [], licenses = [], license_permissions, permissions, roles } = await allTables(server)
        const ours = new Set(HOUSE.companies.map(({ id }) => id))
        return {
          companies: companies.filter(({ id }) => ours.has(String(id))),
          licenses: licenses
            .filter(({ company_id: id }) => ours.has(String(id)))
            .map(({ seats_held: _held, ...terms }) => terms),
          license_permissions,
          permissions,
          roles,
        }
      }
      const before = await setUp()
      const known = new Map<string, number>()
      for (const { name, email, gets, left } of CASES) {
        const tables = await allTables(server)
        const reply = await signIn(server, email, OLD_PASSWORD, { rich: true })
        if (gets) {
          assert.equal(reply.status, 200, `${name}: ${reply.text}`)
          const got = Object.fromEntries(
            reply.body.permissions.map((each: OldUser['companies'][number]) => [each.company_name, each.permissions]),
          )
          assert.deepEqual(got, gets, name)
        } else {
          assert.deepEqual([reply.status, reply.body.code], [403, 'no_access'], name)
          const { refusals: _r, throttles: _t, ...after } = await allTables(server)
          const { refusals: _s, throttles: _u, ...kept } = tables
          assert.deepEqual(after, kept, name)
          // The password was right: that was no try.
          for (let tries = 0; tries < 6; tries++)
            assert.equal((await signIn(server, email, OLD_PASSWORD)).status, 403, name)
        }
        const status = await askFor(200, server, operator, 'GET /upstream')
        const fresh: { why: string; what: string; times: number }[] = status.left_out.filter(
          (each: { why: string; what: string; times: number }) => known.get(`${each.why} ${each.what}`) !== each.times,
        )
        for (const each of fresh) known.set(`${each.why} ${each.what}`, each.times)
        const names = fresh.map(({ why, what }) => (why === 'superuser' ? why : `${why} ${what}`))
        assert.deepEqual(names.sort(), [...left].sort(), name)
      }
      assert.deepEqual(await setUp(), before)
      // Nobody became anything more by it.
      const users = await server.ctx.db.read.selectFrom('users').select(['operator', 'support']).execute()
      assert.ok(users.every(({ operator, support }) => operator === 0 && support === 0))
      const roles = await server.ctx.db.read.selectFrom('memberships').select('role').execute()
      assert.ok(roles.every(({ role }) => role === 'member'))

      // When there is a seat, the same sign-in comes in: until then it was asked again.
      await askFor(200, server, operator, `PATCH /companies/${SMALL}/licenses/crm`, { body: { seats: 1 } })
      const reply = await signIn(server, 'new5@x.test', OLD_PASSWORD)
      assert.deepEqual(reply.body.permissions[0].permissions, ['create_invoice', 'list_invoices', 'use_app'])
    })

    test('a license that the move made says so, and bounds as much as any', async () => {
      await using old = await startOldServer({
        'new1@x.test': oldUser('new1@x.test', [oldCompany(ACME, 'ACME', 'create_invoice')]),
      })
      await using server = await startServer(database, { house: HOUSE, env: old.env })
      assert.equal((await signIn(server, 'new1@x.test', OLD_PASSWORD)).status, 200)
      const operator = await makeKey(server)
      const license = await askFor(200, server, operator, `GET /companies/${ACME}/licenses/crm`)
      assert.deepEqual(
        [license.seats, license.permissions, license.until, license.suspended],
        [null, 'all', null, false],
      )
      assert.match(license.note, /switch-over/)
      const member = await askFor(
        200,
        server,
        operator,
        `GET /companies/${ACME}/members/${await idOf(server, 'new1@x.test')}`,
      )
      assert.deepEqual([member.role, member.primary], ['member', true])
      await askFor(200, server, operator, `PATCH /companies/${ACME}/licenses/crm`, { body: { suspended: true } })
      assert.equal((await signIn(server, 'new1@x.test', OLD_PASSWORD)).status, 403)
      assert.deepEqual(old.signIns(), { 'new1@x.test': 1 })
      assert.equal((await ask(server, operator, 'GET /upstream')).body.users.moved, 1)
    })
  })
}
