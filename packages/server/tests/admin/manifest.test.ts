import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { manifestSchema, manifestSchemaFile } from '../../../../tools/write-schema.ts'
import type { AppError } from '../../src/errors.ts'
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
  GLOBEX,
  MANAGED_HOUSE,
  makeKey,
} from '../support/admin.ts'
import { issue } from '../support/house.ts'
import { differenceOf, type Lists, type PlannedPeople, peopleOf, readLists } from '../support/manifests.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables, type Rows } from '../support/tables.ts'

const CRM = '/applications/crm/manifest'

type Entry = {
  description?: string
  slug: string
  needs?: string | null
  operator_only?: boolean
  renamed_from?: string
  deprecated?: boolean
}
type Document = { permissions: Entry[]; roles?: { key: string; permissions: string[]; renamed_from?: string }[] }

/** A house, a key for it, and its manifest as it is. */
async function start(database: (typeof databases)[number]) {
  const server = await startServer(database, { house: MANAGED_HOUSE })
  const operator = await makeKey(server)
  const application = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })
  const document: Document = await askFor(200, server, operator, `GET ${CRM}`)
  return {
    server,
    operator,
    application,
    document,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** The document with some permissions as they shall be: null takes one out, a new slug puts one in. */
function changed(
  document: Document,
  changes: Record<string, Partial<Entry> | null>,
  roles?: Document['roles'],
): Document {
  const known = new Set(document.permissions.map(({ slug }) => slug))
  const kept = document.permissions.flatMap((entry) => {
    const change = changes[entry.slug]
    return change === null ? [] : [{ ...entry, ...change }]
  })
  const added = Object.entries(changes).flatMap(([slug, entry]) =>
    entry && !known.has(slug) ? { slug, ...entry } : [],
  )
  return { ...document, permissions: [...kept, ...added], ...(roles ? { roles } : {}) }
}

/** A document with one slug as another. */
function renamed(document: Document, from: string, to: string): Document {
  return JSON.parse(
    JSON.stringify(changed(document, { [from]: { slug: to, renamed_from: '?' } }))
      .replaceAll(`"${from}"`, `"${to}"`)
      .replace('"?"', `"${from}"`),
  )
}

async function plan(server: TestServer, key: string, manifest: object, allow_removals = false, path = CRM) {
  return askFor(200, server, key, `POST ${path}/plan`, { body: { manifest, allow_removals } })
}

async function apply(server: TestServer, key: string, manifest: object, etag: string, allow_removals = false) {
  return ask(server, key, `PUT ${CRM}`, { body: { manifest, allow_removals }, headers: { 'if-match': etag } })
}

/** Plans and applies, and holds the plan to what people may do before and after. */
async function planAndApply(server: TestServer, key: string, manifest: object, allow_removals = false) {
  const planned = await plan(server, key, manifest, allow_removals)
  const before = await lists(server)
  const done = await apply(server, key, manifest, planned.etag, allow_removals)
  assert.equal(done.status, 200, JSON.stringify(done.body))
  assert.deepEqual(done.body, planned)
  assert.deepEqual(peopleOf(planned), differenceOf(before, await lists(server), planned))
  return planned
}

async function lists(server: TestServer): Promise<Lists> {
  return readLists(
    server,
    'crm',
    MANAGED_HOUSE.users.map(({ id, email }) => ({ id, email })),
  )
}

function settled({ api_keys, ...tables }: Record<string, Rows>) {
  return { ...tables, keys: api_keys?.map((key) => ({ ...key, last_used_at: 0 })) }
}

const changesOf = ({ changes }: { changes: { change: string; permission?: string; role?: string }[] }) =>
  changes.map(({ change, permission, role }) => `${change} ${permission ?? role}`)

for (const database of databases) {
  test(`a manifest that is applied as it was read changes nothing (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const read = await ask(server, operator, `GET ${CRM}`)
    assert.equal(read.headers.get('etag')?.length, 26)
    assert.deepEqual(document.permissions.at(-1), {
      slug: 'is_superuser',
      name: 'Everything',
      description: '',
      needs: null,
      operator_only: true,
      deprecated: false,
    })
    const before = settled(await allTables(server))
    const planned = await plan(server, operator, document)
    assert.deepEqual(planned, {
      application: 'crm',
      etag: planned.etag,
      changes: [],
      loses: [],
      gains: [],
      people: { loses: 0, gains: 0, not_looked_at: 0 },
      licenses_without: [],
      licenses_without_total: 0,
      refused: [],
    })
    const done = await apply(server, operator, document, planned.etag)
    assert.deepEqual([done.status, done.headers.get('etag')], [200, read.headers.get('etag')])
    assert.deepEqual(settled(await allTables(server)), before)
    // All of it is optional but the slugs: names fall back to them.
    const short = await plan(server, operator, {
      permissions: document.permissions.map(({ slug, needs }) => ({ slug, needs })),
    })
    assert.deepEqual(
      new Set(short.changes.map(({ change }: { change: string }) => change)),
      new Set(['permission_changed', 'operator_only_loosened']),
    )
  })

  test(`a plan stores nothing, and applying does exactly what it says (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const manifest = changed(
      document,
      {
        // Everybody who makes invoices exports them as well; approving comes with nothing any more.
        export_ledger: { deprecated: true },
        create_invoice: { needs: 'export_ledger', description: 'And what it is for' },
        approve_invoice: { needs: null },
        send_invoice: { needs: 'create_invoice' },
      },
      [
        { key: 'clerk', permissions: ['send_invoice', 'approve_invoice'] },
        { key: 'auditor', permissions: ['close_books'] },
        { key: 'viewer', permissions: [] },
        { key: 'manager', permissions: ['approve_invoice'] },
      ],
    )
    const before = settled(await allTables(server))
    const first = await plan(server, operator, manifest)
    assert.deepEqual(settled(await allTables(server)), before)
    assert.deepEqual(await plan(server, operator, manifest), first)
    assert.deepEqual(changesOf(first), [
      'permission_moved approve_invoice',
      'permission_changed create_invoice',
      'permission_moved create_invoice',
      'permission_deprecated export_ledger',
      'permission_added send_invoice',
      'role_changed auditor',
      'role_changed clerk',
      'role_added manager',
      'role_removed spare',
      'role_changed viewer',
    ])
    const planned = await planAndApply(server, operator, manifest)
    const told = (who: PlannedPeople[]) =>
      who.map(({ user, company, permissions }) => [user.email, company.name, permissions])
    // Bert was given it by itself, but ACME's license included it with what needed it only.
    const lost = [
      ['anna', 'ACME'],
      ['bella', 'ACME'],
      ['bert', 'ACME'],
      ['dora', 'ACME'],
      ['carla', 'Globex'],
      ['dora', 'Globex'],
    ]
    assert.deepEqual(
      told(planned.loses).map(([email, ...rest]) => [String(email).split('@')[0], ...rest]),
      lost.map((who) => [...who, ['list_invoices']]),
    )
    assert.ok(planned.people.gains >= 4)
    const after = await askFor(200, server, operator, 'GET /applications/crm/permissions')
    assert.deepEqual(
      after.items.filter(({ deprecated }: Entry) => deprecated).map(({ slug }: Entry) => slug),
      ['export_ledger'],
    )
    // What is deprecated is effective, and can be given.
    const body = { application: 'crm', permission: 'export_ledger' }
    await askFor(201, server, operator, `POST /companies/${GLOBEX}/members/${DORA}/grants`, { body })
    assert.ok((await lists(server)).get(`${DORA} ${GLOBEX}`)?.includes('export_ledger'))
    const explained = await askFor(
      200,
      server,
      operator,
      `GET /explain?user=${DORA}&company=${GLOBEX}&application=crm&permission=export_ledger`,
    )
    assert.match(explained.text.join(), /It is deprecated/)
    const { items } = await askFor(200, server, operator, 'GET /audit?act=manifest.applied')
    assert.equal(items.length, 1)
    assert.deepEqual(items[0].data.permission_added, ['send_invoice'])
    // The same again is no change.
    assert.deepEqual((await plan(server, operator, manifest)).changes, [])
  })

  test(`whoever has a renamed permission has it under its new name in the very next answer (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, application, document } = house
    const session = server.license('crm').session(await issue(server, 'bert@acme.test', 'crm'))
    assert.deepEqual([...(await session.getCompanyPermissions(ACME))], ['create_invoice', 'list_invoices', 'use_app'])
    const manifest = renamed(document, 'create_invoice', 'make_invoice')
    const planned = await planAndApply(server, application, manifest)
    assert.deepEqual(planned.changes, [
      { change: 'permission_renamed', permission: 'make_invoice', from: 'create_invoice', to: 'make_invoice' },
    ])
    assert.deepEqual([planned.people, planned.licenses_without], [{ loses: 0, gains: 0, not_looked_at: 0 }, []])
    assert.deepEqual([...(await session.getCompanyPermissions(ACME))], ['list_invoices', 'make_invoice', 'use_app'])
    // A role and a license that held it do.
    const roles = await askFor(200, server, operator, `GET /companies/${ACME}/roles`)
    assert.deepEqual(roles.items[0].permissions, ['make_invoice'])
    const license = await askFor(200, server, operator, `GET /companies/${ACME}/licenses/crm`)
    assert.ok(license.permissions.includes('make_invoice'))
    // The document that says so can be applied again; the old slug is free.
    assert.deepEqual((await plan(server, operator, manifest)).changes, [])
    const anew = await plan(
      server,
      operator,
      changed(await askFor(200, server, operator, `GET ${CRM}`), { create_invoice: {} }),
    )
    assert.deepEqual(changesOf(anew), ['permission_added create_invoice'])
  })

  test(`a renamed role stays with whoever has it (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const roles = (document.roles ?? []).map((role) =>
      role.key === 'clerk' ? { ...role, key: 'bookkeeper', renamed_from: 'clerk' } : role,
    )
    const planned = await planAndApply(server, operator, { ...document, roles })
    assert.deepEqual([changesOf(planned), planned.people.loses], [['role_renamed bookkeeper'], 0])
    const grants = await askFor(200, server, operator, `GET /companies/${ACME}/members/${ANNA}/grants`)
    assert.match(JSON.stringify(grants.items), /"bookkeeper"/)
  })

  test(`a house that moved since is refused, one where something else happened is not (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const manifest = changed(document, { create_invoice: { needs: null }, send_invoice: {} })
    const moves: [line: string, body: object | undefined][] = [
      // Somebody more would lose.
      [`PUT /companies/${ACME}/seats/crm/${BORIS}`, {}],
      [`POST /companies/${ACME}/members/${BORIS}/grants`, { application: 'crm', permission: 'create_invoice' }],
      [`PATCH /users/${BELLA}`, { active: false }],
      [`PATCH /companies/${GLOBEX}`, { active: false }],
      [`PATCH /companies/${ACME}/licenses/crm`, { suspended: true }],
      [`PATCH /companies/${ACME}/licenses/crm`, { suspended: false }],
      [`DELETE /companies/${ACME}/members/${DORA}`, undefined],
      // Another license leaves it out.
      [`PATCH /companies/${GLOBEX}/licenses/crm`, { permissions: ['list_invoices'] }],
      [`POST /applications/crm/roles`, { key: 'new', permissions: ['create_invoice'] }],
    ]
    for (const [at, [line, body]] of moves.entries()) {
      const { etag } = await plan(server, operator, manifest)
      const moved = await ask(server, operator, line, { ...(body ? { body } : {}) })
      assert.ok(moved.status < 300, `${line}: ${JSON.stringify(moved.body)}`)
      // A seat alone, in a company whose license leaves nothing out by it, changes no plan.
      if (at === 0) continue
      const before = settled(await allTables(server))
      const { status, body: refusal } = await apply(server, operator, manifest, etag)
      assert.deepEqual([line, status, refusal.code], [line, 412, 'changed_meanwhile'])
      assert.deepEqual(settled(await allTables(server)), before)
    }
    const { etag } = await plan(server, operator, manifest)
    // Another document, other permission to remove, the tag of another state, no plan at all.
    for (const [document, tag, allows] of [
      [changed(manifest, { list_invoices: { description: 'x' } }), etag, false],
      [manifest, etag, true],
      [manifest, '"none"', false],
      [manifest, '*', false],
      [manifest, (await ask(server, operator, `GET ${CRM}`)).headers.get('etag') ?? '', false],
    ] as const)
      assert.equal((await apply(server, operator, document, tag, allows)).status, 412)
    const without = await ask(server, operator, `PUT ${CRM}`, { body: { manifest } })
    assert.deepEqual([without.status, without.body.code], [428, 'condition_required'])
    // What touches nobody's rights here.
    for (const [line, body] of [
      ['POST /users', { email: 'new@acme.test' }],
      [`POST /companies/${ACME}/licenses`, { application: 'spare' }],
      [`PUT /companies/${ACME}/seats/shop/${BORIS}`, {}],
      [`PATCH /users/${CARLA}`, { first_name: 'Karla' }],
    ] as const)
      assert.ok((await ask(server, operator, line, { body })).status < 300, line)
    assert.equal((await apply(server, operator, manifest, etag)).status, 200)
  })

  test(`what happens while a manifest is being applied is seen (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    await askFor(200, server, operator, `PUT /companies/${ACME}/seats/crm/${BORIS}`, { body: {} })
    const manifest = changed(document, { create_invoice: { needs: null } })
    const { facts } = server.ctx
    const { bySeats } = facts
    for (const [happens, status] of [
      [{ line: 'POST /users', body: { email: 'new@acme.test' } }, 200],
      [
        {
          line: `POST /companies/${ACME}/members/${BORIS}/grants`,
          body: { application: 'crm', permission: 'create_invoice' },
        },
        412,
      ],
    ] as const) {
      const { etag } = await plan(server, operator, manifest)
      // When it is read already whom the change touches.
      facts.bySeats = async (numbers) => {
        facts.bySeats = bySeats
        await askFor(201, server, operator, happens.line, { body: happens.body })
        return bySeats(numbers)
      }
      assert.equal((await apply(server, operator, manifest, etag)).status, status, happens.line)
      // As it was, for the next one.
      const undo = await plan(server, operator, document)
      assert.equal((await apply(server, operator, document, undo.etag)).status, 200)
    }
  })

  test(`a plan of more seats than there is time for says so, and is applied as it is (${database})`, async (t) => {
    const many = Array.from({ length: 450 }, (_, at) => ({
      email: `user${at}@globex.test`,
      companies: [{ company: GLOBEX, grants: [{ application: 'crm', permissions: ['create_invoice'] }] }],
    }))
    await using server = await startServer(database, {
      house: { ...MANAGED_HOUSE, users: [...MANAGED_HOUSE.users, ...many] },
    })
    const operator = await makeKey(server)
    const document: Document = await askFor(200, server, operator, `GET ${CRM}`)
    const manifest = changed(document, { create_invoice: { needs: null }, approve_invoice: { needs: null } })
    const whole = await plan(server, operator, manifest)
    assert.deepEqual(whole.people, { loses: 456, gains: 0, not_looked_at: 0 })
    assert.equal(whole.loses.length, 456)

    // Judging the first seats takes all the time that there is.
    const { facts } = server.ctx
    const { bySeats } = facts
    facts.bySeats = async (numbers) => {
      facts.bySeats = bySeats
      const since = performance.now()
      t.mock.method(performance, 'now', () => since + 60_000)
      return bySeats(numbers)
    }
    const part = await plan(server, operator, manifest)
    t.mock.restoreAll()
    assert.deepEqual(part.people, { loses: 200, gains: 0, not_looked_at: 256 })
    assert.notEqual(part.etag, whole.etag)
    // One more that was not looked at is another plan all the same.
    const { items } = await askFor(200, server, operator, 'GET /users?q=user449')
    const grants = `/companies/${GLOBEX}/members/${items[0].id}/grants`
    const given = { application: 'crm', permission: 'approve_invoice' }
    await askFor(201, server, operator, `POST /companies/${ACME}/members`, { body: { user: items[0].id } })
    await askFor(200, server, operator, `PUT /companies/${ACME}/seats/crm/${items[0].id}`, { body: {} })
    await askFor(201, server, operator, `POST ${grants.replace(GLOBEX, ACME)}`, { body: given })
    assert.equal((await apply(server, operator, manifest, part.etag)).status, 412)
    await askFor(204, server, operator, `DELETE /companies/${ACME}/members/${items[0].id}`)
    const done = await apply(server, operator, manifest, part.etag)
    assert.deepEqual([done.status, done.body.people], [200, part.people])
  })

  test(`of two who apply at once one does, and the other is told that the house moved (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const manifests = ['one', 'two', 'three'].map((slug) => changed(document, { [slug]: {} }))
    const etags = await Promise.all(manifests.map(async (manifest) => (await plan(server, operator, manifest)).etag))
    const done = await Promise.all(manifests.map((manifest, at) => apply(server, operator, manifest, etags[at] ?? '')))
    assert.deepEqual(done.map(({ status }) => status).sort(), [200, 412, 412])
  })

  test(`what is in use is removed only where that is said, and ends as taken away (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const manifest = changed(document, { create_invoice: null }, [
      { key: 'auditor', permissions: ['close_books'] },
      { key: 'viewer', permissions: ['list_invoices'] },
    ])
    const refused = await plan(server, operator, manifest)
    assert.deepEqual(
      refused.refused.map(({ because, permission, role }: Record<string, string>) => [because, permission ?? role]),
      [
        ['in_use', 'create_invoice'],
        ['in_use', 'clerk'],
      ],
    )
    assert.match(
      refused.refused[0].message,
      /"create_invoice" is in use by 3 grants and the roles "clerk", "own" of the company \S+ac3e and 1 license/,
    )
    const removal = refused.changes.find(({ change }: { change: string }) => change === 'permission_removed')
    assert.deepEqual(removal.uses, { grants: 3, roles: 2, licenses: 1 })
    const before = settled(await allTables(server))
    const denied = await apply(server, operator, manifest, refused.etag)
    assert.deepEqual([denied.status, denied.body.code, denied.body.errors.length], [409, 'in_use', 2])
    assert.deepEqual(settled(await allTables(server)), before)

    // A seat of before had it too: it does not come back with that.
    const dora = `/companies/${ACME}/seats/crm/${DORA}`
    await askFor(204, server, operator, `DELETE ${dora}`)
    const planned = await planAndApply(server, operator, manifest, true)
    assert.deepEqual(planned.refused, [])
    assert.deepEqual(planned.loses.map(({ user }: PlannedPeople) => user.id).sort(), [ANNA, BERT, BELLA, CARLA].sort())
    assert.ok(
      planned.changes.some(
        ({ role, company, removed }: { role?: string; company?: string; removed?: string[] }) =>
          role === 'own' && company === ACME && removed?.join() === 'create_invoice',
      ),
    )
    const grants = await askFor(200, server, operator, `GET /companies/${ACME}/members/${BERT}/grants?revoked=true`)
    const gone = grants.items.find((grant: { permission: string }) => grant.permission.startsWith('create_invoice'))
    assert.match(gone.permission, /^create_invoice \(removed \d+\)$/)
    assert.ok(gone.revoked_at)
    const back = await askFor(200, server, operator, `PUT ${dora}`, { body: { restore_grants: true } })
    assert.equal(back.restored_grants, 0)
    const { items } = await askFor(200, server, operator, `GET /companies/${ACME}/members/${DORA}/grants`)
    assert.deepEqual(items, [])
    const license = await askFor(200, server, operator, `GET /companies/${ACME}/licenses/crm`)
    assert.deepEqual(license.permissions, ['approve_invoice', 'close_books', 'reopen_books'])
    const tables = await allTables(server)
    assert.equal(tables.grants?.filter(({ revoked_at, role_id }) => revoked_at === 0 && role_id === 1).length, 0)
    // Its name is free, and nobody has what is made under it.
    const anew = changed(await askFor(200, server, operator, `GET ${CRM}`), {
      create_invoice: { needs: 'list_invoices' },
    })
    assert.equal((await planAndApply(server, operator, anew)).people.gains, 0)
    assert.deepEqual(await differencesAfterSeed(server), [])
  })

  test(`a removal that nobody notices needs no word (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const manifest = changed(document, { export_ledger: null })
    const planned = await planAndApply(server, operator, {
      ...manifest,
      roles: document.roles?.filter(({ key }) => key !== 'spare'),
    })
    assert.deepEqual(changesOf(planned), ['permission_removed export_ledger', 'role_removed spare'])
    assert.equal((await ask(server, operator, 'GET /applications/crm/roles/spare')).status, 404)
  })

  test(`a plan names the licenses that leave a new permission out (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, document } = house
    const manifest = changed(document, {
      send_invoice: {},
      print_invoice: {},
      // What is named needs it, so it is included.
      approve_invoice: { needs: 'print_invoice' },
    })
    const planned = await plan(server, operator, manifest)
    assert.deepEqual(planned.licenses_without, [{ company: { id: ACME, name: 'ACME' }, permissions: ['send_invoice'] }])
    assert.equal(planned.licenses_without_total, 1)
    await planAndApply(server, operator, manifest)
    assert.deepEqual((await plan(server, operator, manifest)).licenses_without, [])
  })

  test(`an application's key runs its own manifest, and loosens nothing that is the operators' (${database})`, async () => {
    await using house = await start(database)
    const { server, operator, application, document } = house
    const roles = document.roles ?? []
    const inClerk = (slug: string) =>
      roles.map((role) => (role.key === 'clerk' ? { ...role, permissions: [slug] } : role))
    const REFUSED: [name: string, manifest: Document, allows: boolean, status: number, code: string][] = [
      ['loosening', changed(document, { close_books: { operator_only: false } }), false, 403, 'operator_only'],
      ['moving away', changed(document, { reopen_books: { needs: null } }), false, 403, 'operator_only'],
      ['renaming', renamed(document, 'close_books', 'shut_books'), false, 403, 'operator_only'],
      ['removing what is not used', changed(document, { is_superuser: null }), false, 403, 'operator_only'],
      [
        'letting others need it',
        changed(document, { list_invoices: { needs: 'close_books' } }),
        false,
        403,
        'operator_only',
      ],
      ['a role of it', changed(document, {}, inClerk('reopen_books')), false, 403, 'operator_only'],
      [
        'removing what is used',
        changed(document, { create_invoice: null }, inClerk('list_invoices')),
        false,
        409,
        'in_use',
      ],
      [
        '… although it says so',
        changed(document, { create_invoice: null }, inClerk('list_invoices')),
        true,
        403,
        'not_allowed',
      ],
    ]
    const before = settled(await allTables(server))
    for (const [name, manifest, allows, status, code] of REFUSED) {
      const planned = await plan(server, application, manifest, allows)
      assert.equal(planned.refused[0]?.because, code, name)
      const done = await apply(server, application, manifest, planned.etag, allows)
      assert.deepEqual([name, done.status, done.body.code], [name, status, code])
      // The same is an operator's to do, but for what is in use.
      const others = await plan(server, operator, manifest, allows)
      assert.deepEqual(
        others.refused.map(({ because }: { because: string }) => because),
        code === 'in_use' ? ['in_use'] : [],
        name,
      )
    }
    assert.deepEqual(settled(await allTables(server)), before)

    const manifest = changed(
      document,
      {
        new: {},
        create_invoice: { needs: 'new', operator_only: true },
        export_ledger: null,
        close_books: { deprecated: true },
      },
      inClerk('approve_invoice'),
    )
    const planned = await plan(server, application, manifest)
    // Whom it touches is told by ids: users and companies are not its to read.
    assert.ok(planned.people.gains > 0 && planned.people.loses > 0)
    for (const { user, company } of [...planned.gains, ...planned.loses])
      assert.deepEqual([Object.keys(user), Object.keys(company)], [['id'], ['id']])
    assert.deepEqual(planned.licenses_without, [])
    assert.ok(!/acme|globex/i.test(JSON.stringify(planned)))
    await planAndApply(server, application, manifest)

    const shop = await makeKey(server, { power: { kind: 'application', applicationId: 'shop' } })
    const looks = await makeKey(server, {
      power: { kind: 'application', applicationId: 'crm' },
      scopes: ['manifest:read'],
    })
    for (const [key, line, status] of [
      [shop, `GET ${CRM}`, 404],
      [shop, `POST ${CRM}/plan`, 404],
      [shop, `PUT ${CRM}`, 404],
      [looks, `GET ${CRM}`, 200],
      [looks, `POST ${CRM}/plan`, 200],
      [looks, `PUT ${CRM}`, 403],
    ] as const) {
      const body = line.startsWith('GET') ? {} : { body: { manifest: document } }
      assert.equal((await ask(server, key, line, { ...body, headers: { 'if-match': '"x"' } })).status, status, line)
    }
  })

  test(`a house file deprecates too, and leaves it where it says nothing (${database})`, async () => {
    await using house = await start(database)
    const { server, operator } = house
    const since = async () =>
      (await allTables(server)).permissions?.find(({ slug }) => slug === 'export_ledger')?.deprecated_at
    const seed = (more: object) =>
      server.seed({ applications: [{ id: 'crm', permissions: [{ slug: 'export_ledger', ...more }] }] })
    server.clock.stopAt(Date.parse('2026-06-15T00:00:00Z'))
    assert.deepEqual((await seed({ deprecated: true })).permissions, { added: 0, changed: 1 })
    server.clock.advance(1_000)
    assert.deepEqual((await seed({ deprecated: true })).permissions, { added: 0, changed: 0 })
    await seed({ name: 'Export' })
    assert.equal(await since(), Date.parse('2026-06-15T00:00:00Z'))
    const { permissions }: Document = await askFor(200, server, operator, `GET ${CRM}`)
    assert.deepEqual(
      permissions.filter(({ deprecated }) => deprecated).map(({ slug }) => slug),
      ['export_ledger'],
    )
    await seed({ deprecated: false })
    assert.equal(await since(), null)
    const root = { id: 'crm', permissions: [{ slug: 'use_app', deprecated: true }] }
    await assert.rejects(server.seed({ applications: [root] }), ({ faults }: AppError) => {
      assert.deepEqual(
        faults.map(({ path }) => path),
        ['/applications/0/permissions/0/deprecated'],
      )
      return true
    })
  })

  test(`every fault of a document is told by its place, and nothing is stored (${database})`, async () => {
    await using house = await start(database)
    const { server, operator } = house
    const before = settled(await allTables(server))
    const manifest = {
      application: 'shop',
      permissions: [{ slug: 'a', needs: 'nothing' }, { slug: 'b', renamed_from: 'nobody' }, { slug: 'b' }],
      roles: [{ key: 'r', permissions: ['c'] }],
    }
    for (const line of [`POST ${CRM}/plan`, `PUT ${CRM}`]) {
      const { status, body } = await ask(server, operator, line, { body: { manifest }, headers: { 'if-match': '"x"' } })
      assert.deepEqual([status, body.code], [400, 'invalid_input'])
      assert.deepEqual(body.errors.map(({ path }: { path: string }) => path).sort(), [
        '/body/manifest/application',
        '/body/manifest/permissions/0/needs',
        '/body/manifest/permissions/1/renamed_from',
        '/body/manifest/permissions/2/slug',
        '/body/manifest/roles/0/permissions/0',
      ])
    }
    for (const wrong of [
      {},
      { permissions: [{ slug: 'a b' }] },
      { permissions: [], role: [] },
      { permissions: [{ name: 'x' }] },
    ])
      assert.equal((await ask(server, operator, `POST ${CRM}/plan`, { body: { manifest: wrong } })).status, 400)
    assert.deepEqual(settled(await allTables(server)), before)
  })
}

/** What a seeding of the same house finds to do with people: nothing that was removed comes back by itself. */
async function differencesAfterSeed(server: TestServer): Promise<string[]> {
  const { read } = server.ctx.db
  const stray = await read
    .selectFrom('grants as g')
    .innerJoin('permissions as p', 'p.id', 'g.permission_id')
    .select('p.slug')
    .where('g.revoked_at', '=', 0)
    .where('p.removed_at', 'is not', null)
    .execute()
  return stray.map(({ slug }) => slug)
}

test('the example of docs/manifest.md is one', async () => {
  const [, text = ''] =
    /```json\n([\s\S]+?)```/.exec(readFileSync(new URL('../../../../docs/manifest.md', import.meta.url), 'utf8')) ?? []
  const manifest = JSON.parse(text)
  const crm = {
    id: 'crm',
    name: 'CRM',
    permissions: ['list_invoices', 'create_invoice', 'fax_invoice'].map((slug) => ({
      slug,
      deprecated: slug === 'fax_invoice',
    })),
  }
  await using server = await startServer('sqlite', { house: { applications: [crm] } })
  const key = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })
  const planned = await plan(server, key, manifest)
  assert.deepEqual((await apply(server, key, manifest, planned.etag)).status, 200)
  const stored: Document = await askFor(200, server, key, `GET ${CRM}`)
  const listed = ({ permissions }: Document) => permissions.map(({ slug, needs }) => [slug, needs ?? null]).sort()
  assert.deepEqual(listed(changed(stored, { use_app: null })), listed(manifest))
  assert.deepEqual(
    stored.permissions.filter(({ deprecated }) => deprecated).map(({ slug }) => slug),
    ['fax_invoice'],
  )
})

test('the published schema is the one that is held to; `node tools/run.mjs tools/write-schema.ts` writes it', () => {
  const schema: Record<string, object> = JSON.parse(readFileSync(manifestSchemaFile, 'utf8'))
  assert.deepEqual(schema, manifestSchema())
  assert.deepEqual(Object.keys(schema.properties ?? {}), ['$schema', 'application', 'permissions', 'roles'])
})
