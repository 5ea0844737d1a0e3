import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { houseSchema, schemaFile } from '../../../../tools/write-schema.ts'
import { AppError } from '../../src/errors.ts'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { checkHouse, readHouse } from '../../src/imports/read-house.ts'
import { call, signIn } from '../support/calls.ts'
import { ACME, CHEAP_HASH, GLOBEX, issue, PASSWORD, user } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const DEMO = new URL('../../../../examples/demo/house.json', import.meta.url)
const DAY = 86_400_000
const GHOST = '00000000-0000-4000-8000-000000000000'

function demoHouse(): HouseFile {
  return readHouse(readFileSync(DEMO, 'utf8'))
}

/** A house that says everything that a house file can say. */
const WHOLE: HouseFile = {
  companies: [{ id: GHOST.replace('0000', '1111'), name: 'Hooli', active: true }],
  applications: [
    {
      id: 'hr.app_1-x',
      name: 'People',
      dialect: 'v1',
      exposes_pin: true,
      secret: 'a-secret-of-people',
      active: true,
      token_days: 5,
      token_idle_days: null,
      permissions: [
        { slug: 'see:people', name: 'See', description: 'Who works here', needs: 'use_app', operator_only: true },
        { slug: 'hire.people', needs: 'see:people', deprecated: true },
        { slug: 'use_app', name: 'Use it' },
        { slug: 'is_superuser' },
      ],
      roles: [
        { key: 'boss', name: 'Boss', permissions: ['hire.people'] },
        { key: 'boss', name: 'Boss of Hooli', company: 'Hooli', permissions: ['see:people'] },
        { key: 'empty', company: null },
      ],
    },
  ],
  licenses: [
    {
      company: 'Hooli',
      application: 'hr.app_1-x',
      from: '2026-01-01T10:00:00+02:00',
      until: '2040-12-31',
      grace_days: 3,
      seats: 2,
      permissions: ['hire.people', 'is_superuser'],
      roles: ['empty'],
      suspended: false,
      note: 'The first one',
    },
  ],
  users: [
    {
      id: GHOST.replace('0000', '2222'),
      email: 'Hal@Hooli.test',
      first_name: 'Hal',
      last_name: 'Hooper',
      pin: '123456',
      password_hash: CHEAP_HASH,
      active: true,
      operator: false,
      managed_by: 'Hooli',
      companies: [
        {
          company: GHOST.replace('0000', '1111'),
          role: 'admin',
          primary: true,
          active: true,
          grants: [
            {
              application: 'hr.app_1-x',
              permissions: ['hire.people', 'use_app'],
              roles: ['boss'],
              starts_at: '2026-01-01',
              ends_at: null,
              reason: 'He hires',
              seat: { starts_at: '2026-01-01', ends_at: '2039-01-01' },
            },
            { application: 'hr.app_1-x', roles: ['boss'], starts_at: '2041-01-01', ends_at: '2041-01-01' },
          ],
        },
      ],
    },
  ],
}

const LICENSE = { company: 'ACME', application: 'crm' }
const grants = (...entries: object[]) => ({
  users: [{ email: 'anna@acme.test', companies: [{ company: 'ACME', grants: entries }] }],
})
const permissions = (...entries: object[]) => ({ applications: [{ id: 'crm', permissions: entries }] })
const newUser = (fields: object) => ({ users: [{ email: 'new@acme.test', ...fields }] })

/** What is wrong in a file, on top of the demo house → each fault as `path: message`. */
const WRONG: [string, unknown, string[]][] = [
  ['a list', [], ['/: must be object']],
  ['nothing', null, ['/: must be object']],
  ['a field that there is not', { company: [] }, ['/company: there is no such field']],
  [
    'a field that there is not, deep down',
    grants({ application: 'crm', premissions: [] }),
    ['/users/0/companies/0/grants/0/premissions: there is no such field'],
  ],
  ['no list', { users: {} }, ['/users: must be array']],
  ['no object', { users: ['anna'] }, ['/users/0: must be object']],
  ['no email', { users: [{ first_name: 'X' }] }, ['/users/0: "email" is missing']],
  ['a license of nothing', { licenses: [{}] }, ['/licenses/0: "company" and "application" is missing']],
  ['a switch in words', { companies: [{ name: 'ACME', active: 'yes' }] }, ['/companies/0/active: must be boolean']],
  [
    'a name too long',
    { companies: [{ name: 'x'.repeat(101) }] },
    ['/companies/0/name: must not have more than 100 characters'],
  ],
  ['a blank name', { companies: [{ name: '   ' }] }, ['/companies/0/name: must not be blank']],
  ['an id that is none', { companies: [{ id: '7', name: 'X' }] }, ['/companies/0/id: must be a UUID']],
  ['neither name nor id', { companies: [{ active: true }] }, ['/companies/0: give its "name", or its "id"']],
  [
    'a company that is not there, with no name',
    { companies: [{ id: GHOST }] },
    ['/companies/0: no company has this id; to make it, give its "name"'],
  ],
  [
    'a name that another company has',
    { companies: [{ id: GHOST, name: 'ACME' }] },
    [`/companies/0/name: there is a company "ACME" already, with the id ${ACME}`],
  ],
  [
    'a rename onto another',
    { companies: [{ id: GLOBEX, name: 'ACME' }] },
    [`/companies/0/name: there is a company "ACME" already, with the id ${ACME}`],
  ],
  [
    'a company twice',
    { companies: [{ name: 'ACME' }, { id: ACME }] },
    ['/companies/1: is the same as /companies/0: write it once'],
  ],
  [
    'a new company twice',
    { companies: [{ name: 'New' }, { name: 'New' }] },
    ['/companies/1: is the same as /companies/0: write it once'],
  ],
  ['a NUL', { companies: [{ name: 'A\0B' }] }, ['/companies/0/name: has a control character or a broken one']],
  [
    'a lone surrogate',
    newUser({ first_name: '\ud800' }),
    ['/users/0/first_name: has a control character or a broken one'],
  ],
  [
    'an application id with a blank',
    { applications: [{ id: 'my app', name: 'X' }] },
    ['/applications/0/id: must be 1 to 100 letters, digits, dots, underscores or dashes'],
  ],
  [
    'a new application without a name',
    { applications: [{ id: 'new' }] },
    ['/applications/0: no application has this id; to make it, give its "name"'],
  ],
  [
    'an application twice',
    { applications: [{ id: 'crm' }, { id: 'crm' }] },
    ['/applications/1: is the same as /applications/0: write it once'],
  ],
  [
    'a dialect that is none',
    { applications: [{ id: 'crm', dialect: 'v2' }] },
    ['/applications/0/dialect: must be one of v1, flat-0.2, flat-0.1'],
  ],
  [
    'a short secret',
    { applications: [{ id: 'crm', secret: 'short' }] },
    ['/applications/0/secret: must be 8 to 200 printable ASCII characters without blanks'],
  ],
  [
    'a secret that no header carries',
    { applications: [{ id: 'crm', secret: 'sésame öffne dich' }] },
    ['/applications/0/secret: must be 8 to 200 printable ASCII characters without blanks'],
  ],
  ['no days', { applications: [{ id: 'crm', token_days: 0 }] }, ['/applications/0/token_days: must be >= 1']],
  [
    'a slug with a blank',
    permissions({ slug: 'see all' }),
    ['/applications/0/permissions/0/slug: must be 1 to 100 letters, digits, underscores, dots, colons or dashes'],
  ],
  [
    'a need that there is not',
    permissions({ slug: 'a', needs: 'b' }),
    ['/applications/0/permissions/0/needs: needs "b", which is no permission of this application'],
  ],
  [
    'a circle',
    permissions({ slug: 'a', needs: 'b' }, { slug: 'b', needs: 'a' }),
    ['/applications/0/permissions/0/needs: needs itself in a circle: a → b → a'],
  ],
  [
    'a circle with what is stored',
    permissions({ slug: 'list_invoices', needs: 'create_invoice' }),
    ['/applications/0/permissions/0/needs: needs itself in a circle: list_invoices → create_invoice → list_invoices'],
  ],
  [
    'itself',
    permissions({ slug: 'a', needs: 'a' }),
    ['/applications/0/permissions/0/needs: needs itself in a circle: a → a'],
  ],
  [
    'a root that needs',
    permissions({ slug: 'use_app', needs: 'list_invoices' }),
    ['/applications/0/permissions/0/needs: "use_app" is the root and needs nothing'],
  ],
  [
    'the superuser, needed',
    permissions({ slug: 'is_superuser' }, { slug: 'a', needs: 'is_superuser' }),
    ['/applications/0/permissions/1/needs: nothing can need "is_superuser"'],
  ],
  [
    'the superuser, needing',
    permissions({ slug: 'is_superuser', needs: 'list_invoices' }),
    ['/applications/0/permissions/0/needs: "is_superuser" needs nothing'],
  ],
  [
    'a permission twice',
    permissions({ slug: 'a' }, { slug: 'a' }),
    ['/applications/0/permissions/1: is the same as /applications/0/permissions/0: write it once'],
  ],
  [
    'a role of what there is not',
    { applications: [{ id: 'crm', roles: [{ key: 'x', permissions: ['list_invoices', 'nothing'] }] }] },
    ['/applications/0/roles/0/permissions/1: no permission "nothing" in this application'],
  ],
  [
    'a role of another application',
    { applications: [{ id: 'crm', roles: [{ key: 'x', permissions: ['list_orders'] }] }] },
    ['/applications/0/roles/0/permissions/0: no permission "list_orders" in this application'],
  ],
  [
    'a role of no company',
    { applications: [{ id: 'crm', roles: [{ key: 'x', company: 'Acme' }] }] },
    ['/applications/0/roles/0/company: no company "Acme"'],
  ],
  [
    'a license of no company',
    { licenses: [{ ...LICENSE, company: 'Acme' }] },
    ['/licenses/0/company: no company "Acme"'],
  ],
  [
    'a license of no application',
    { licenses: [{ ...LICENSE, application: 'CRM' }] },
    ['/licenses/0/application: no application "CRM"'],
  ],
  [
    'a license twice',
    { licenses: [LICENSE, { ...LICENSE, company: ACME }] },
    ['/licenses/1: is the same as /licenses/0: write it once'],
  ],
  [
    'a date that is none',
    { licenses: [{ ...LICENSE, from: '2026-02-30' }] },
    ['/licenses/0/from: "2026-02-30" is no day and no moment with an offset; write 2026-01-01 or 2026-01-01T09:00:00Z'],
  ],
  [
    'a moment without an offset',
    { licenses: [{ ...LICENSE, until: '2026-12-31T18:00:00' }] },
    [
      '/licenses/0/until: "2026-12-31T18:00:00" is no day and no moment with an offset; write 2026-12-31 or 2026-12-31T18:00:00Z',
    ],
  ],
  [
    'an end before the start',
    { licenses: [{ ...LICENSE, from: '2026-02-01', until: '2026-01-31' }] },
    ['/licenses/0/until: the end must come after the start'],
  ],
  [
    'an end before what is stored',
    { licenses: [{ ...LICENSE, until: '2025-12-31' }] },
    ['/licenses/0/until: the end must come after the start'],
  ],
  [
    'a slug for all',
    { licenses: [{ ...LICENSE, permissions: 'everything' }] },
    ['/licenses/0/permissions: must be "all" or a list of slugs'],
  ],
  [
    'a permission that is not there',
    { licenses: [{ ...LICENSE, permissions: ['list_orders'] }] },
    ['/licenses/0/permissions/0: no permission "list_orders" in this application'],
  ],
  [
    'a role that is not there',
    { licenses: [{ ...LICENSE, roles: ['reader'] }] },
    ['/licenses/0/roles/0: no role "reader" of the application itself'],
  ],
  ['half a seat', { licenses: [{ ...LICENSE, seats: 1.5 }] }, ['/licenses/0/seats: must be integer']],
  ['less than no seat', { licenses: [{ ...LICENSE, seats: -1 }] }, ['/licenses/0/seats: must be >= 0']],
  [
    'an address that is none',
    { users: [{ email: 'anna' }] },
    ['/users/0/email: "anna" is no address that can have an account here'],
  ],
  [
    'an address with letters that only look right',
    { users: [{ email: 'аnna@acme.test' }] },
    ['/users/0/email: "аnna@acme.test" is no address that can have an account here'],
  ],
  [
    'a user twice, in another case',
    { users: [{ email: 'a@b.test' }, { email: ' A@B.TEST ' }] },
    ['/users/1: is the same as /users/0: write it once'],
  ],
  ['a PIN too long', newUser({ pin: '1234567' }), ['/users/0/pin: must not have more than 6 characters']],
  [
    'a password that is too short',
    newUser({ password: 'short' }),
    ['/users/0/password: must have at least 12 characters'],
  ],
  [
    'a password that everyone has',
    newUser({ password: 'unbelievable' }),
    ['/users/0/password: is one of the most common passwords: choose another'],
  ],
  [
    'a password twice over',
    newUser({ password: 'a good password', password_hash: CHEAP_HASH }),
    ['/users/0: give "password" or "password_hash", not both'],
  ],
  [
    'a password string that is none',
    newUser({ password_hash: 'md5$x' }),
    [
      '/users/0/password_hash: is no password string of Django (pbkdf2_sha256, bcrypt_sha256, bcrypt, argon2), bcrypt, argon2 or PBKDF2 ($pbkdf2-sha512$i=…), or its parameters are too large',
    ],
  ],
  ['managed by nobody', newUser({ managed_by: 'Acme' }), ['/users/0/managed_by: no company "Acme"']],
  [
    'a member of no company',
    newUser({ companies: [{ company: 'Acme' }] }),
    ['/users/0/companies/0/company: no company "Acme"'],
  ],
  [
    'a member twice',
    newUser({ companies: [{ company: 'ACME' }, { company: ACME }] }),
    ['/users/0/companies/1: is the same as /users/0/companies/0: write it once'],
  ],
  [
    'two primary ones',
    newUser({
      companies: [
        { company: 'ACME', primary: true },
        { company: 'Globex', primary: true },
      ],
    }),
    ['/users/0/companies: more than one company is marked primary'],
  ],
  [
    'a role that nobody has',
    newUser({ companies: [{ company: 'ACME', role: 'boss' }] }),
    ['/users/0/companies/0/role: must be one of member, admin'],
  ],
  [
    'a grant without a license',
    { users: [{ email: 'erin@initech.test', companies: [{ company: 'Initech', grants: [{ application: 'shop' }] }] }] },
    ['/users/0/companies/0/grants/0/application: "Initech" has no license for "shop"'],
  ],
  [
    'a grant in no application',
    grants({ application: 'cms' }),
    ['/users/0/companies/0/grants/0/application: no application "cms"'],
  ],
  [
    'a grant of what there is not',
    grants({ application: 'crm', permissions: ['use_app', 'list_orders'] }),
    ['/users/0/companies/0/grants/0/permissions/1: no permission "list_orders" in this application'],
  ],
  [
    "another company's role",
    grants({ application: 'crm', roles: ['auditor'] }),
    ['/users/0/companies/0/grants/0/roles/0: no role "auditor" in this application'],
  ],
  [
    'a grant that ends as it begins',
    grants({ application: 'crm', starts_at: '2026-01-01T00:00:00Z', ends_at: '2026-01-01T00:00:00Z' }),
    ['/users/0/companies/0/grants/0/ends_at: the end must come after the start'],
  ],
  [
    'a seat that ends before it begins',
    grants({ application: 'crm', seat: { starts_at: '2026-02-01', ends_at: '2026-01-01' } }),
    ['/users/0/companies/0/grants/0/seat/ends_at: the end must come after the start'],
  ],
]

for (const database of databases) {
  describe(`a house file, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: demoHouse() })
    })
    after(() => server[Symbol.asyncDispose]())

    test('loaded twice changes nothing, also on another day', async () => {
      await using again = await startServer(database)
      for (const house of [demoHouse(), WHOLE]) {
        const first = await again.seed(house)
        assert.ok(Object.values(first).some(({ added }) => added > 0))
        const stored = await allTables(again)
        again.clock.advance(40 * DAY)
        const second = await again.seed(house)
        assert.deepEqual([...new Set(Object.values(second).flatMap(({ added, changed }) => [added, changed]))], [0])
        assert.deepEqual(await allTables(again), stored)
      }
      await again.seed({ ...demoHouse(), users: [] })
      const { companies = [], users = [] } = await allTables(again)
      assert.deepEqual([companies.length, users.length], [4, 9])
    })

    for (const [why, house, expected] of WRONG) {
      test(`is refused with its path: ${why}`, async () => {
        const stored = await allTables(server)
        assert.deepEqual(await faultsOf(server, house), expected)
        assert.deepEqual(await allTables(server), stored)
      })
    }

    test('with one wrong line is not loaded at all, and every wrong line is told at once', async () => {
      const stored = await allTables(server)
      const house = {
        companies: [{ name: 'Hooli' }, { id: GHOST }],
        applications: [{ id: 'hr', name: 'People', permissions: [{ slug: 'hire', needs: 'fire' }] }],
        licenses: [
          { company: 'Hooli', application: 'crm', from: 'soon' },
          { company: 'Hoolihoop', application: 'crm' },
        ],
        users: [user('a@hooli.test'), user('b@hooli.test', { companies: [{ company: 'Initrode' }] }), newUserWith('x')],
      }
      assert.deepEqual(await faultsOf(server, house), [
        '/users/2/password: must have at least 12 characters',
        '/companies/1: no company has this id; to make it, give its "name"',
        '/applications/0/permissions/0/needs: needs "fire", which is no permission of this application',
        '/licenses/0/from: "soon" is no day and no moment with an offset; write 2026-01-01 or 2026-01-01T09:00:00Z',
        '/licenses/1/company: no company "Hoolihoop"',
        '/users/1/companies/0/company: no company "Initrode"',
      ])
      assert.deepEqual(await allTables(server), stored)
    })

    test('fields that are present overwrite, absent ones stay, nothing is removed', async () => {
      await using again = await startServer(database, { house: WHOLE })
      const before = await allTables(again)
      const [hal] = before.users ?? []
      assert.deepEqual([hal?.email, hal?.pin, hal?.first_name], ['hal@hooli.test', '123456', 'Hal'])
      again.clock.advance(1_000)
      await again.seed({
        companies: [{ name: 'Hooli' }],
        applications: [{ id: 'hr.app_1-x', name: 'Humans', token_days: null, roles: [{ key: 'boss', name: 'Chief' }] }],
        licenses: [{ company: 'Hooli', application: 'hr.app_1-x', seats: null, note: '', permissions: 'all' }],
        users: [
          { email: 'hal@hooli.test', last_name: '', pin: null, companies: [{ company: 'Hooli', role: 'member' }] },
        ],
      })
      const changed = await allTables(again)
      const expected: [string, number, object][] = [
        ['companies', 0, {}],
        // A role was named anew.
        ['applications', 0, { name: 'Humans', token_days: null, tree_version: 3 }],
        ['licenses', 0, { seats: null, note: '', includes_all: 1 }],
        ['users', 0, { last_name: '', pin: null }],
        ['memberships', 0, { role: 'member' }],
      ]
      for (const [table, at, fields] of expected) {
        const told = Object.keys(fields).length > 0 ? { updated_at: changed[table]?.[at]?.updated_at } : {}
        const wanted = {
          ...before[table]?.[at],
          ...fields,
          ...('updated_at' in (before[table]?.[at] ?? {}) ? told : {}),
        }
        assert.deepEqual(changed[table]?.[at], wanted, table)
      }
      for (const table of ['permissions', 'role_permissions', 'license_roles', 'seats', 'grants'])
        assert.deepEqual(changed[table], before[table], table)
      assert.deepEqual(changed.roles?.map(({ name }) => name).sort(), ['Boss of Hooli', 'Chief', 'empty'])
      assert.notEqual(changed.applications?.[0]?.updated_at, before.applications?.[0]?.updated_at)
    })

    test('a list that is present is the list: of what a role holds, and of what a license includes and gives', async () => {
      await using again = await startServer(database, { house: WHOLE })
      const slugs = async () => {
        const token = await issue(again, 'hal@hooli.test', 'hr.app_1-x')
        const headers = { 'x-license-secret': 'a-secret-of-people' }
        const { body } = await call(again, 'GET get-permissions/', { module: 'hr.app_1-x', token, headers })
        return body.permissions[0]?.permissions
      }
      assert.deepEqual(await slugs(), ['hire.people', 'see:people', 'use_app'])
      const license = { company: 'Hooli', application: 'hr.app_1-x' }
      await again.seed({ licenses: [{ ...license, permissions: ['see:people'] }] })
      assert.deepEqual(await slugs(), ['see:people', 'use_app'])
      await again.seed({ licenses: [{ ...license, permissions: [] }] })
      assert.deepEqual(await slugs(), ['use_app'])
      const role = (given: string[]) => ({
        applications: [{ id: 'hr.app_1-x', roles: [{ key: 'empty', permissions: given }] }],
      })
      await again.seed({
        licenses: [{ ...license, permissions: ['is_superuser', 'see:people'] }],
        ...role(['is_superuser']),
      })
      assert.deepEqual(await slugs(), ['is_superuser', 'see:people', 'use_app'])
      await again.seed(role([]))
      assert.deepEqual(await slugs(), ['see:people', 'use_app'])
    })

    test('a password applies only where the user is new', async () => {
      const email = 'petra@acme.test'
      const companies = [{ company: 'ACME', grants: [{ application: 'crm' }] }]
      await server.seed({ users: [{ email, password: 'the first password', companies }] })
      for (const other of [{ password: 'another password' }, { password: 'x' }, { password_hash: CHEAP_HASH }])
        await server.seed({ users: [{ email, ...other }] })
      assert.equal((await signIn(server, email, 'the first password')).status, 200)
      for (const password of ['another password', PASSWORD])
        assert.equal((await signIn(server, email, password)).status, 401)
    })

    test("a company's own role goes before the application's of the same name, in that company", async () => {
      await using again = await startServer(database, { house: WHOLE })
      const { roles = [], grants: given = [], companies = [] } = await allTables(again)
      const own = roles.find(({ key, company_id }) => key === 'boss' && company_id === companies[0]?.id)
      assert.deepEqual(
        new Set(given.filter(({ role_id }) => role_id !== null).map(({ role_id }) => role_id)),
        new Set([own?.id]),
      )
    })

    test('the primary company moves, and is one at most', async () => {
      const email = 'quinn@acme.test'
      const primary = async () => {
        const rows = (await allTables(server)).memberships ?? []
        const { users = [] } = await allTables(server)
        const { id } = users.find((each) => each.email === email) ?? {}
        return rows.filter((row) => row.user_id === id && row.is_primary === 1).map(({ company_id }) => company_id)
      }
      await server.seed({
        users: [user(email, { companies: [{ company: 'ACME', primary: true }, { company: 'Globex' }] })],
      })
      assert.deepEqual(await primary(), [ACME])
      await server.seed({ users: [{ email, companies: [{ company: 'Globex', primary: true }] }] })
      assert.deepEqual(await primary(), [GLOBEX])
      await server.seed({ users: [{ email, companies: [{ company: 'Globex', primary: false }] }] })
      assert.deepEqual(await primary(), [])
    })

    test('a license gives as many seats as it has; who has one keeps it', async () => {
      const licenses = [{ company: 'Initech', application: 'shop', from: '2020-01-01', seats: 2 }]
      const holder = (at: number) =>
        user(`seat${at}@initech.test`, { companies: [{ company: 'Initech', grants: [{ application: 'shop' }] }] })
      await server.seed({ licenses, users: [holder(0), holder(1)] })
      const stored = await allTables(server)
      assert.deepEqual(await faultsOf(server, { users: [holder(0), holder(1), holder(2)] }), [
        '/users/2/companies/0/grants/0: all 2 seats of this license are held',
      ])
      assert.deepEqual(await allTables(server), stored)
      await server.seed({ users: [holder(0), holder(1)] })
      await server.seed({ licenses: [{ company: 'Initech', application: 'shop', seats: 3 }], users: [holder(2)] })
      const held = (await allTables(server)).licenses?.find(({ seats }) => seats === 3)
      assert.equal(held?.seats_held, 3)
    })

    test('ids are kept as they are given, in lower case, and made where missing', async () => {
      const [company, person] = [crypto.randomUUID().toUpperCase(), crypto.randomUUID().toUpperCase()]
      await server.seed({
        companies: [{ id: company, name: 'Kept' }, { name: 'Made' }],
        users: [
          user('kept@acme.test', { id: person, companies: [{ company, primary: true }] }),
          user('made@acme.test'),
        ],
      })
      const { companies = [], users = [] } = await allTables(server)
      const id = (rows: Record<string, unknown>[], field: string, value: string) =>
        rows.find((row) => row[field] === value)?.id
      assert.equal(id(companies, 'name', 'Kept'), company.toLowerCase())
      assert.equal(id(users, 'email', 'kept@acme.test'), person.toLowerCase())
      const v7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
      assert.match(String(id(companies, 'name', 'Made')), v7)
      assert.match(String(id(users, 'email', 'made@acme.test')), v7)
      // An id is one user's, and a user's id does not change.
      assert.deepEqual(await faultsOf(server, { users: [{ id: person, email: 'other@acme.test' }] }), [
        '/users/0/id: this is the id of kept@acme.test',
      ])
      assert.deepEqual(await faultsOf(server, { users: [{ id: GHOST, email: 'kept@acme.test' }] }), [
        `/users/0/id: kept@acme.test has the id ${person.toLowerCase()}`,
      ])
      // A company that is named by its id can be renamed.
      await server.seed({ companies: [{ id: company, name: 'Kept, Ltd' }] })
      assert.equal(id((await allTables(server)).companies ?? [], 'name', 'Kept, Ltd'), company.toLowerCase())
    })

    test('of more new people than may wait at the gate of the hashing is loaded all the same', async () => {
      const env = { LICENSE_HASH_CONCURRENCY: '1', LICENSE_HASH_QUEUE: '1' }
      await using narrow = await startServer(database, { env })
      const users = Array.from({ length: 12 }, (_, at) => ({
        email: `p${at}@acme.test`,
        password: 'a password of many',
      }))
      assert.equal((await narrow.seed({ users })).users.added, 12)
      assert.ok(
        (await allTables(narrow)).users?.every(({ password_hash }) => String(password_hash).startsWith('$argon2id$')),
      )
    })

    test('two loads at once make everything once', async () => {
      await using again = await startServer(database)
      await Promise.all([again.seed(demoHouse()), again.seed(demoHouse()), again.seed(WHOLE), again.seed(WHOLE)])
      const stored = await allTables(again)
      assert.deepEqual([stored.companies?.length, stored.users?.length, stored.applications?.length], [4, 9, 3])
      for (const house of [demoHouse(), WHOLE]) await again.seed(house)
      assert.deepEqual(await allTables(again), stored)
      assert.equal((await signIn(again, 'anna@acme.test', 'anna rides a bicycle')).status, 200)
    })
  })
}

describe('the form of a house file', () => {
  test('a byte order mark is no harm; what is no JSON is told so', () => {
    assert.deepEqual(readHouse('\ufeff{"companies":[]}'), { companies: [] })
    for (const text of ['', '{', 'companies:', "{'a':1}"]) {
      assert.throws(() => readHouse(text), { code: 'invalid_input', message: /^This is no JSON/ })
    }
  })

  test('an empty house is one', () => {
    for (const house of [{}, { $schema: 'x' }, { companies: [], applications: [], licenses: [], users: [] }])
      assert.deepEqual(checkHouse(house), house)
  })

  test('the published schema is the one that is held to; `node tools/run.mjs tools/write-schema.ts` writes it', () => {
    const schema: Record<string, object> = JSON.parse(readFileSync(schemaFile, 'utf8'))
    assert.deepEqual(schema, houseSchema())
    assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    assert.deepEqual(Object.keys(schema.properties ?? {}), [
      '$schema',
      'companies',
      'applications',
      'licenses',
      'users',
    ])
  })
})

function newUserWith(password: string) {
  return { email: 'c@hooli.test', password }
}

/** Each fault as `path: message`; fails where the house is taken. */
async function faultsOf(server: TestServer, house: unknown): Promise<string[]> {
  try {
    await server.seed(house as HouseFile) // It is looked at as it comes.
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    assert.equal(error.code, 'invalid_input')
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
  return assert.fail('the house was taken')
}
