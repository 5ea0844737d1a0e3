import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { switchApplication } from '../../src/credentials/accounts.ts'
import { EVENT_FORMS } from '../../src/outbox/event-forms.ts'
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
} from '../support/admin.ts'
import { beforeAnnouncing, brief, listenTo, settle } from '../support/events.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

type Do = (line: string, body?: object, status?: number) => Promise<ReturnType<typeof JSON.parse>>
type Case = { name: string; act(does: Do, server: TestServer): Promise<unknown>; heard: readonly string[] }

const crm = { application: 'crm' }
const MEMBER = `/companies/${ACME}/members`
const SEAT = `/companies/${ACME}/seats/crm`

/** One after the other in one house: what each leaves is what the next begins with. */
const CASES: readonly Case[] = [
  {
    name: 'a grant',
    act: (does) => does(`POST ${MEMBER}/${BERT}/grants`, { ...crm, permission: 'approve_invoice' }, 201),
    heard: ['permissions bert ACME +approve_invoice'],
  },
  {
    name: 'a grant that is taken away',
    act: async (does) => {
      const { items } = await does(`GET ${MEMBER}/${BERT}/grants`)
      const grant = items.find((each: { permission?: string }) => each.permission === 'approve_invoice')
      await does(`DELETE /companies/${ACME}/grants/${grant.id}`, undefined, 200)
    },
    heard: ['permissions bert ACME -approve_invoice'],
  },
  {
    name: 'rights as a whole',
    act: (does) => does(`PUT ${MEMBER}/${BERT}/rights/crm`, { grants: [{ permission: 'approve_invoice' }] }),
    heard: ['permissions bert ACME +approve_invoice -create_invoice'],
  },
  {
    name: 'a seat, of somebody who is new there',
    act: (does) => does(`PUT ${SEAT}/${BORIS}`, {}),
    heard: ['user.created boris', 'permissions boris ACME +use_app'],
  },
  {
    name: 'a seat that is taken away',
    act: (does) => does(`DELETE ${SEAT}/${BORIS}`, undefined, 204),
    heard: ['permissions boris ACME -use_app'],
  },
  {
    name: 'a seat that is given again, to somebody whose name is another one now',
    act: async (does) => {
      await does(`PATCH /users/${BORIS}`, { first_name: 'Bo' })
      await does(`PUT ${SEAT}/${BORIS}`, {})
    },
    heard: ['user.updated boris', 'permissions boris ACME +use_app'],
  },
  {
    name: 'another address',
    act: (does) => does(`PATCH /users/${BERT}`, { email: 'bertram@acme.test' }),
    heard: ['user.updated bertram'],
  },
  {
    name: 'another address and a revocation at once: the address first',
    act: async (does) => {
      await does(`PUT ${MEMBER}/${BERT}/rights/crm`, { grants: [] })
      await does(`PATCH /users/${BERT}`, { email: 'bert@acme.test' })
    },
    heard: ['user.updated bert', 'permissions bert ACME -approve_invoice -list_invoices'],
  },
  {
    name: 'a user who is switched off, in two companies',
    act: (does) => does(`PATCH /users/${DORA}`, { active: false }),
    heard: [
      'user.updated dora off',
      'permissions dora ACME -create_invoice -list_invoices -use_app',
      'permissions dora Globex -approve_invoice -list_invoices -use_app',
    ],
  },
  {
    name: 'a user who is switched on',
    act: (does) => does(`PATCH /users/${DORA}`, { active: true }),
    heard: [
      'user.updated dora',
      'permissions dora ACME +create_invoice +list_invoices +use_app',
      'permissions dora Globex +approve_invoice +list_invoices +use_app',
    ],
  },
  {
    name: 'a member who is switched off',
    act: (does) => does(`PATCH ${MEMBER}/${DORA}`, { active: false }),
    heard: ['permissions dora ACME -create_invoice -list_invoices -use_app'],
  },
  {
    name: 'a member who is switched on',
    act: (does) => does(`PATCH ${MEMBER}/${DORA}`, { active: true }),
    heard: ['permissions dora ACME +create_invoice +list_invoices +use_app'],
  },
  {
    name: 'a member who is taken out',
    act: (does) => does(`DELETE ${MEMBER}/${DORA}`, undefined, 204),
    heard: ['permissions dora ACME -create_invoice -list_invoices -use_app'],
  },
  {
    name: "a role of the application's own",
    act: (does) => does('PATCH /applications/crm/roles/clerk', { permissions: ['list_invoices'] }),
    heard: ['permissions anna ACME -create_invoice'],
  },
  {
    name: "a company's own role",
    act: (does) => does(`PATCH /companies/${ACME}/roles/crm/own`, { permissions: ['approve_invoice'] }),
    heard: ['permissions bella ACME +approve_invoice -create_invoice'],
  },
  {
    name: 'what a license includes',
    act: (does) => does(`PATCH /companies/${GLOBEX}/licenses/crm`, { permissions: ['create_invoice'] }),
    heard: ['permissions dora Globex -approve_invoice'],
  },
  {
    name: 'a license that is suspended',
    act: (does) => does(`PATCH /companies/${GLOBEX}/licenses/crm`, { suspended: true }),
    heard: [
      'license Globex in_force suspended',
      'permissions carla Globex -create_invoice -list_invoices -use_app',
      'permissions dora Globex -list_invoices -use_app',
    ],
  },
  {
    name: 'a license that is suspended no more, and gives a role to all its seats',
    act: (does) => does(`PATCH /companies/${GLOBEX}/licenses/crm`, { suspended: false, roles: ['viewer'] }),
    heard: [
      'license Globex in_force',
      'permissions carla Globex +create_invoice +list_invoices +use_app',
      'permissions dora Globex +list_invoices +use_app',
    ],
  },
  {
    name: 'a company that is switched off and has another name',
    act: (does) => does(`PATCH /companies/${GLOBEX}`, { active: false, name: 'Globex Ltd' }),
    heard: [
      'company Globex Ltd off',
      'permissions carla Globex Ltd -create_invoice -list_invoices -use_app',
      'permissions dora Globex Ltd -list_invoices -use_app',
    ],
  },
  {
    name: 'a new license: the company first',
    act: async (does) => {
      const { id } = await does('POST /companies', { name: 'Initech' }, 201)
      await does(`POST /companies/${id}/licenses`, { ...crm }, 201)
    },
    heard: ['company Initech', 'license Initech in_force'],
  },
  {
    name: 'a manifest',
    act: async (does) => {
      const { permissions } = await does('GET /applications/crm/manifest')
      const changed = permissions.map((each: { slug: string }) =>
        each.slug === 'approve_invoice' ? { ...each, needs: 'create_invoice' } : each,
      )
      await does('PUT /applications/crm/manifest', { manifest: { permissions: changed } })
    },
    heard: ['permissions anna ACME +create_invoice', 'permissions bella ACME +create_invoice'],
  },
  {
    name: 'an application that is switched off',
    act: (_does, { ctx }) => switchApplication(ctx, COMMAND_LINE, 'crm', false),
    // It may not read then.
    heard: [],
  },
  {
    name: 'an application that is switched on: both',
    act: (_does, { ctx }) => switchApplication(ctx, COMMAND_LINE, 'crm', true),
    heard: [
      'permissions anna ACME -approve_invoice -create_invoice -list_invoices -use_app',
      'permissions bert ACME -use_app',
      'permissions bella ACME -approve_invoice -create_invoice -list_invoices -use_app',
      'permissions boris ACME -use_app',
      'permissions anna ACME +approve_invoice +create_invoice +list_invoices +use_app',
      'permissions bert ACME +use_app',
      'permissions bella ACME +approve_invoice +create_invoice +list_invoices +use_app',
      'permissions boris ACME +use_app',
    ],
  },
  {
    name: 'a house file',
    act: (_does, server) =>
      server.seed({
        users: [
          {
            email: 'bert@acme.test',
            companies: [{ company: ACME, grants: [{ ...crm, permissions: ['list_invoices'] }] }],
          },
        ],
      }),
    heard: ['permissions bert ACME +list_invoices'],
  },
  {
    name: 'a user who is deleted: what is left of the rights first, with the last address',
    act: (does) => does(`DELETE /users/${BERT}`, undefined, 204),
    heard: ['permissions bert ACME -list_invoices -use_app', 'user.deleted bert'],
  },
]

/** What changes nothing that an application is told. */
const SILENT: readonly Omit<Case, 'heard'>[] = [
  {
    name: 'what is given already in another way',
    act: (does) => does(`POST ${MEMBER}/${BERT}/grants`, { ...crm, role: 'viewer' }, 201),
  },
  {
    name: 'what the license does not include',
    act: async (does) => {
      await does(`PATCH /companies/${ACME}/licenses/crm`, {
        permissions: ['create_invoice', 'approve_invoice', 'close_books', 'reopen_books', 'export_ledger'],
      })
    },
  },
  {
    name: 'the note and nothing else of a license',
    act: (does) => does(`PATCH /companies/${ACME}/licenses/crm`, { note: 'x' }),
  },
  {
    name: 'a role that nobody has',
    act: (does) => does('PATCH /applications/crm/roles/spare', { permissions: ['export_ledger'] }),
  },
  { name: 'the name of a role', act: (does) => does('PATCH /applications/crm/roles/clerk', { name: 'Scribe' }) },
  { name: 'a user without a seat', act: (does) => does(`PATCH /users/${EMIL}`, { first_name: 'Em', active: false }) },
  { name: 'a new user', act: (does) => does('POST /users', { email: 'new@acme.test', company: ACME }, 201) },
  { name: 'a new member', act: (does) => does(`POST ${MEMBER}`, { user: EMIL }, 201) },
  { name: 'the mark of a supporter', act: (does) => does(`PATCH /users/${BERT}`, { support: true }) },
  { name: 'a PIN that the application may not know', act: (does) => does(`PATCH /users/${BERT}`, { pin: '4711' }) },
  {
    name: 'a password',
    act: (does) => does(`PUT /users/${BERT}/password`, { password: 'a bicycle made for two' }, 204),
  },
  { name: 'an admin', act: (does) => does(`PATCH ${MEMBER}/${BERT}`, { role: 'admin' }) },
  { name: 'what happens in another application', act: (does) => does(`PUT /companies/${ACME}/seats/shop/${BERT}`, {}) },
  {
    name: 'a change that is looked at only',
    act: (does) => does(`PUT ${MEMBER}/${BERT}/rights/crm?preview=true`, { grants: [] }),
  },
  {
    name: 'a change that is refused',
    act: (does) =>
      does(
        `PUT ${MEMBER}/${BERT}/rights/crm`,
        { grants: [{ permission: 'list_invoices' }, { permission: 'nothing' }] },
        400,
      ),
  },
  {
    name: 'what is done and undone before it is announced',
    act: async (does) => {
      await does(`PATCH /users/${BERT}`, { active: false })
      await does(`PATCH /users/${BERT}`, { active: true })
      const { id } = await does(`POST ${MEMBER}/${BERT}/grants`, { ...crm, permission: 'approve_invoice' }, 201)
      await does(`DELETE /companies/${ACME}/grants/${id}`, undefined, 200)
    },
  },
]

const ETAGS = /rights\/|roles\/|manifest$/

function doer(server: TestServer, key: string): Do {
  return async (line, body, status = 200) => {
    const [method = '', path = ''] = line.split(' ')
    const reads = method !== 'GET' && ETAGS.test(path.replace(/\?.*/, ''))
    let tag = reads ? ((await ask(server, key, `GET ${path.replace(/\?.*/, '')}`)).headers.get('etag') ?? '') : ''
    if (path.endsWith('/manifest') && method === 'PUT')
      tag = (await ask(server, key, `POST ${path}/plan`, { body })).body.etag
    return askFor(status, server, key, line, {
      ...(body ? { body } : {}),
      ...(reads ? { headers: { 'if-match': tag } } : {}),
    })
  }
}

const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } })

for (const database of databases) {
  test(`what changes is told: the whole set and what came and went, in the order of each person (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const does = doer(server, await makeKey(server))
    const crmHears = await listenTo(server, 'crm')
    const versions = new Map<string, number>()
    for (const { name, act, heard } of CASES) {
      await beforeAnnouncing(server, async () => act(does, server))
      const events = await crmHears.hear()
      assert.deepEqual(events.map(brief).sort(), [...heard].sort(), name)
      // Of one person in the order that is told here.
      for (const who of ['bert', 'boris', 'dora', 'Initech']) {
        const of = (all: readonly string[]) => all.filter((each) => each.includes(who) && !each.includes('bertram'))
        assert.deepEqual(of(events.map(brief)).slice(0, 1), of(heard).slice(0, 1), name)
      }
      for (const event of events) {
        const form = EVENT_FORMS[event.type as keyof typeof EVENT_FORMS]
        assert.ok(ajv.validate(form, event), `${event.type}: ${ajv.errorsText()}`)
        const { user, company, version } = event.data
        const subject = `${event.type.split('.')[0]} ${user?.id} ${company?.id}`
        assert.ok(version > (versions.get(subject) ?? 0), `${subject} ${version}`)
        versions.set(subject, version)
      }
    }
    assert.deepEqual((await crmHears.hear()).map(brief), [])
  })

  test(`what changes nothing is not told (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const does = doer(server, await makeKey(server))
    const crmHears = await listenTo(server, 'crm')
    for (const { name, act } of SILENT) {
      await beforeAnnouncing(server, async () => act(does, server))
      assert.deepEqual((await crmHears.hear()).map(brief), [], name)
    }
    // It would have been.
    await does(`PATCH /users/${BERT}`, { first_name: 'Bertram' })
    assert.deepEqual((await crmHears.hear()).map(brief), ['user.updated bert'])
  })

  test(`an act that is taken back marks nothing (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { ctx } = server
    const crmHears = await listenTo(server, 'crm')
    const { switchUserIn } = await import('../../src/credentials/accounts.ts')
    const act = (fails: boolean) =>
      ctx.db.transaction(async (tx) => {
        await switchUserIn(ctx, tx, COMMAND_LINE, BERT, false)
        if (fails) throw new Error('taken back')
      })
    await assert.rejects(act(true), /taken back/)
    assert.equal((await ctx.db.read.selectFrom('due').select('id').execute()).length, 0)
    assert.deepEqual((await crmHears.hear()).map(brief), [])
    await act(false)
    assert.deepEqual((await crmHears.hear()).map(brief).length, 2)
  })

  test(`each application is told what concerns it (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const does = doer(server, await makeKey(server))
    const [crmHears, shopHears] = [await listenTo(server, 'crm'), await listenTo(server, 'shop')]
    await does(`PATCH /users/${BELLA}`, { first_name: 'Bea' })
    await does(`PUT /companies/${ACME}/seats/shop/${OLGA}`, {})
    await settle(server)
    await does(`PATCH /companies/${ACME}`, { name: 'ACME & Sons' })
    await does(`PATCH /companies/${GLOBEX}`, { name: 'Globus' })
    assert.deepEqual((await crmHears.hear()).map(brief).sort(), [
      'company ACME & Sons',
      'company Globus',
      'user.updated bella',
    ])
    assert.deepEqual((await shopHears.hear()).map(brief).sort(), [
      'company ACME & Sons',
      'permissions olga ACME +use_app',
      'user.created olga',
    ])
    await does(`DELETE /users/${CARLA}`, undefined, 204)
    assert.deepEqual((await crmHears.hear()).map(brief), [
      'permissions carla Globus -create_invoice -list_invoices -use_app',
      'user.deleted carla',
    ])
    assert.deepEqual(await shopHears.hear(), [])
  })

  test(`somebody with more seats than are looked at at once is told whole (${database})`, async () => {
    await using server = await startServer(database)
    const companies = Array.from(
      { length: 1_050 },
      (_, nth) => `00000000-0000-7000-8000-${String(nth).padStart(12, '0')}`,
    )
    await server.seed({
      companies: companies.map((id) => ({ id, name: id.slice(-4) })),
      applications: [{ id: 'crm', name: 'CRM' }],
      licenses: companies.map((company) => ({ company, ...crm })),
      users: [
        { id: ANNA, email: 'anna@acme.test', companies: companies.map((company) => ({ company, grants: [crm] })) },
      ],
    })
    const does = doer(server, await makeKey(server))
    const crmHears = await listenTo(server, 'crm')
    await does(`PATCH /users/${ANNA}`, { first_name: 'Ann' })
    assert.deepEqual((await crmHears.hear()).map(brief), ['user.updated anna'])
    await does(`DELETE /users/${ANNA}`, undefined, 204)
    const told = await crmHears.hear()
    const last = told.pop()
    assert.equal(last && brief(last), 'user.deleted anna')
    assert.deepEqual(told.map(({ data }) => data.company.id).sort(), companies)
    assert.ok(told.every(({ data }) => data.permissions.length === 0 && data.user.email === 'anna@acme.test'))
  })

  describe(`what a deleted person was, on ${database}`, () => {
    test('goes out of stored events at once, and out of the last ones after a week', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const does = doer(server, await makeKey(server))
      const crmHears = await listenTo(server, 'crm')
      const { cursor } = crmHears
      await does(`PATCH /users/${ANNA}`, { email: 'ann@acme.test', first_name: 'Annabel' })
      await does(`PATCH /users/${BELLA}`, { first_name: 'Annabel' })
      await crmHears.hear()
      await does(`DELETE /users/${ANNA}`, undefined, 204)
      await crmHears.hear()
      const { purgeOutbox } = await import('../../src/jobs/purge-events.ts')
      const again = async () => {
        crmHears.cursor = cursor
        await purgeOutbox(server.ctx)
        return (await crmHears.hear()).map(({ type, data }) => [
          type,
          data.user.id,
          data.user.email,
          data.user.first_name,
        ])
      }
      assert.deepEqual(await again(), [
        ['user.updated', ANNA, '', ''],
        ['user.updated', BELLA, 'bella@acme.test', 'Annabel'],
        ['permissions.updated', ANNA, 'ann@acme.test', undefined],
        ['user.deleted', ANNA, 'ann@acme.test', undefined],
      ])
      server.clock.advance(8 * 86_400_000)
      assert.deepEqual((await again()).slice(2), [
        ['permissions.updated', ANNA, '', undefined],
        ['user.deleted', ANNA, '', undefined],
      ])
      const tables = ['events', 'told', 'announced', 'due'] as const
      for (const table of tables) {
        const rows = JSON.stringify(await server.ctx.db.read.selectFrom(table).selectAll().execute())
        assert.doesNotMatch(rows, /ann@acme|Ames/, table)
      }
    })
  })
}
