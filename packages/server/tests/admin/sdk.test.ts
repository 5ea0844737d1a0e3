import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LicenseAdmin, LicenseError, Refused } from 'cloudspot-license-api/admin'
import {
  ACME,
  ANNA,
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
  OLGA,
} from '../support/admin.ts'
import { listAdminRoutes } from '../support/admin-routes.ts'
import { noted, TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

type Driven = { admin: LicenseAdmin; sent: string[] }

/** A client that notes what it asks for: `GET /users?limit=2`. */
async function drive(server: TestServer, apiKey: string): Promise<Driven> {
  const sent: string[] = []
  const admin = new LicenseAdmin({
    baseUrl: server.url,
    apiKey,
    fetch: (url, init) => {
      sent.push(`${init.method} ${url.slice(`${server.url}/api/v1/admin`.length)}`)
      return fetch(url, init)
    },
  })
  return { admin, sent }
}

const refusedAs = (code: string) => (error: unknown) => {
  assert.ok(error instanceof Refused && error instanceof LicenseError, String(error))
  assert.equal(error.code, code)
  return true
}

for (const database of databases) {
  test(`every route of the admin API has its call in the client (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
    const { admin, sent } = await drive(server, await makeKey(server))
    const crm = { application: 'crm' }

    assert.equal((await admin.whoami()).power, 'operator')

    const eva = await admin.users.create({ email: 'eva@acme.test', first_name: 'Eva', company: ACME })
    assert.deepEqual(
      eva.companies.map(({ company }) => company.name),
      ['ACME'],
    )
    assert.equal((await admin.users.update(eva.id, { last_name: 'Ek' })).last_name, 'Ek')
    await admin.users.setPassword(eva.id, 'a bicycle made for two')
    await admin.seats.give({ company: ACME, user: eva.id, ...crm }, { ends_at: '2099-12-31' })
    const session = await server.license('crm').authenticate('eva@acme.test', 'a bicycle made for two')
    const [token, more] = await admin.tokens.list({ user: eva.id }).toArray()
    assert.ok(token && !more && token.application === 'crm')
    await admin.tokens.remove({ user: eva.id, id: token.id })
    await assert.rejects(session.getPermissions(), { code: 'invalid_token' })
    assert.deepEqual(await admin.tokens.list({ user: eva.id }).toArray(), [])
    const another = await server.license('crm').authenticate('eva@acme.test', 'a bicycle made for two')
    await admin.users.signOut(eva.id)
    await assert.rejects(another.getPermissions(), { code: 'invalid_token' })
    assert.deepEqual(await emails(admin.users.list({ q: 'eva' })), ['eva@acme.test'])

    const initech = await admin.companies.create({ name: 'Initech' })
    assert.equal((await admin.companies.update(initech.id, { active: false })).active, false)
    assert.equal((await admin.companies.get(initech.id)).name, 'Initech')
    assert.deepEqual((await admin.companies.list({ q: 'ini' }).page()).items[0]?.id, initech.id)

    const emil = await admin.members.create(ACME, { email: 'emil@example.test' })
    const emilRef = { company: ACME, user: EMIL }
    assert.equal(emil.user.id, EMIL)
    assert.equal((await admin.members.update(emilRef, { role: 'admin' })).role, 'admin')
    assert.equal((await admin.members.get(emilRef)).role, 'admin')
    assert.equal((await admin.members.list({ company: ACME, q: 'emil' }).toArray()).length, 1)
    await admin.members.remove(emilRef)
    await assert.rejects(admin.members.get(emilRef), refusedAs('not_found'))

    assert.equal((await admin.applications.create({ id: 'hr', name: 'HR' })).id, 'hr')
    assert.equal((await admin.applications.update('hr', { token_days: 3 })).token_days, 3)
    const { secret } = await admin.applications.replaceSecret('hr')
    assert.ok(secret.startsWith('cls_'))
    assert.equal((await admin.applications.get('hr')).has_secret, true)
    await admin.applications.removeSecret('hr')
    assert.equal((await admin.applications.list().toArray()).find(({ id }) => id === 'hr')?.has_secret, false)
    assert.deepEqual(
      (await admin.permissions.list({ application: 'shop' }).toArray()).map(({ slug }) => slug),
      ['list_orders', 'use_app'],
    )

    for (const owner of [crm, { ...crm, company: ACME }]) {
      const made = await admin.roles.create(owner, { key: 'made', permissions: ['list_invoices'] })
      const changed = await admin.roles.update(made, { name: 'Made' }, { ifMatch: made.etag })
      assert.equal(changed.company, 'company' in owner ? ACME : null)
      await assert.rejects(
        admin.roles.update(made, { name: 'x' }, { ifMatch: made.etag }),
        refusedAs('changed_meanwhile'),
      )
      assert.deepEqual(await admin.roles.get(made), changed)
      const { etag: _etag, ...role } = changed
      const listed = await admin.roles.list('company' in owner ? { company: ACME } : crm).toArray()
      assert.deepEqual(
        listed.find(({ key }) => key === 'made'),
        role,
      )
      await admin.roles.remove(made)
      await assert.rejects(admin.roles.get(made), refusedAs('not_found'))
    }

    await admin.licenses.create(GLOBEX, { application: 'shop', seats: 1, from: '2020-01-01' })
    const bought = { company: GLOBEX, application: 'shop' }
    assert.equal((await admin.licenses.update(bought, { seats: 2 })).seats, 2)
    assert.equal((await admin.licenses.get(bought)).state, 'in_force')
    assert.equal((await admin.licenses.list({ company: GLOBEX }).toArray()).length, 2)
    assert.equal((await admin.licenses.list({ application: 'shop' }).toArray()).length, 2)

    const bert = { company: ACME, user: BERT }
    const grant = await admin.grants.create(bert, { ...crm, permission: 'approve_invoice', reason: 'holidays' })
    assert.equal(grant.reason, 'holidays')
    assert.deepEqual(await admin.grants.remove(grant), { revoked: [grant.id] })
    assert.equal((await admin.grants.list({ ...bert, revoked: true }).toArray()).length, 3)
    const lists = (await admin.grants.list({ ...bert, ...crm }).toArray()).find((g) => g.permission === 'list_invoices')
    assert.ok(lists)
    await assert.rejects(admin.grants.remove(lists), (error) => {
      refusedAs('needed_by_grants')(error)
      return (error as Refused).errors.length === 1 // just judged
    })
    assert.equal((await admin.grants.remove(lists, { cascade: true })).revoked.length, 2)

    const dora = { company: ACME, user: DORA, ...crm }
    const rights = await admin.rights.get(dora)
    const wanted = { grants: [{ permission: 'approve_invoice' }] }
    const preview = await admin.rights.preview(dora, wanted, { ifMatch: rights.etag })
    assert.deepEqual(preview, { loses: ['create_invoice'], gains: ['approve_invoice'], stored: false })
    const { etag, ...replaced } = await admin.rights.replace(dora, wanted, { ifMatch: rights.etag })
    assert.deepEqual(replaced, { ...preview, stored: true })
    assert.equal((await admin.rights.get(dora)).etag, etag)
    await assert.rejects(admin.rights.replace(dora, wanted, { ifMatch: rights.etag }), refusedAs('changed_meanwhile'))

    const asked = { company: ACME, ...crm, permission: 'approve_invoice' }
    assert.equal((await admin.explain.decide({ ...asked, user: DORA })).allowed, true)
    assert.equal((await admin.explain.decide({ ...asked, user: BORIS })).because, 'no_seat')
    assert.deepEqual(
      (await admin.explain.holders(asked).toArray()).map(({ user }) => user.id),
      [ANNA, DORA],
    )
    assert.ok((await admin.explain.company({ company: ACME }).toArray()).length >= 4)

    assert.equal((await admin.seats.list({ company: ACME, user: BELLA }).toArray()).length, 1)
    await admin.seats.remove({ company: ACME, user: BELLA, ...crm })
    await assert.rejects(admin.seats.remove({ company: ACME, user: BELLA, ...crm }), refusedAs('not_found'))

    const key = await admin.apiKeys.create({ name: 'of ACME', company: ACME, scopes: ['users:read'] })
    assert.equal((await admin.apiKeys.get(key.id)).name, 'of ACME')
    assert.equal((await admin.apiKeys.list().toArray()).length, 2)
    const acme = new LicenseAdmin({ baseUrl: server.url, apiKey: key.key })
    assert.equal((await acme.whoami()).company?.id, ACME)
    await assert.rejects(acme.users.get(CARLA), refusedAs('not_found'))
    await assert.rejects(acme.users.create({ email: 'x@acme.test' }), refusedAs('scope_missing'))
    await admin.apiKeys.remove(key.id)
    await assert.rejects(acme.whoami(), refusedAs('invalid_api_key'))

    const acting = await admin.impersonations.start({
      user: BERT,
      company: ACME,
      ...crm,
      reason: 'Ticket 7',
      minutes: 5,
    })
    assert.equal((await admin.impersonations.get(acting.id)).state, 'waiting')
    assert.equal(
      (await server.license('crm').validateImpersonation(acting.token ?? '')).impersonation?.reason,
      'Ticket 7',
    )
    const live = await admin.impersonations.list({ company: ACME, live: true }).toArray()
    assert.deepEqual([live[0]?.id, live[0]?.state], [acting.id, 'live'])
    await admin.impersonations.end(acting.id)
    assert.deepEqual(await admin.impersonations.list({ live: true }).toArray(), [])
    assert.equal((await admin.impersonations.list().toArray()).length, 1)
    const asOperator = { user: OLGA, company: ACME, ...crm, reason: 'Ticket 8' }
    await assert.rejects(admin.impersonations.start(asOperator), refusedAs('not_allowed'))

    const acts = await admin.audit.list({ target: eva.id, act: 'user.created' }).toArray()
    assert.deepEqual(
      acts.map(({ act, target }) => [act, target.id]),
      [['user.created', eva.id]],
    )
    assert.deepEqual(await admin.audit.list({ target: NOBODY }).toArray(), [])
    for (const [format, begin, end] of [
      ['ndjson', /^\{"id":/, '{"end":true,"entries":1}'],
      ['csv', /^id,at,act,/, /^end,1 entries,/],
    ] as const) {
      const filter = { format, target: eva.id, act: 'user.created' }
      const lines = await allOf(admin.audit.export(filter))
      assert.match(lines[0] ?? '', begin)
      assert.ok(lines.some((line) => line.includes(eva.id)))
      assert.match(lines.at(-1) ?? '', new RegExp(end))
    }
    assert.equal((await admin.audit.state()).retention_days, null)

    const upstream = await admin.upstream.status()
    assert.deepEqual([upstream.url, upstream.users.moved, upstream.left_out], [null, 0, []])
    assert.deepEqual(await admin.upstream.users({ state: 'moved' }).toArray(), [])

    const figures = await admin.statistics.get({ company: ACME, application: 'crm' })
    assert.deepEqual([figures.company?.id, figures.applications.map(({ id }) => id)], [ACME, ['crm']])

    const { manifest } = await admin.manifest.get('shop')
    const grown = { manifest: { ...manifest, permissions: [...manifest.permissions, { slug: 'close_shop' }] } }
    const plan = await admin.manifest.plan('shop', grown)
    assert.deepEqual([plan.changes.map(({ change }) => change), plan.refused], [['permission_added'], []])
    await assert.rejects(admin.manifest.apply('shop', grown, { ifMatch: '"x"' }), refusedAs('changed_meanwhile'))
    assert.equal((await admin.manifest.apply('shop', grown, { ifMatch: plan.etag })).changes.length, 1)
    assert.ok((await admin.manifest.get('shop')).manifest.permissions.some(({ slug }) => slug === 'close_shop'))

    const rows = [{ email: 'ida@acme.test', first_name: 'Ida' }, { email: 'anna@acme.test' }, { email: 'no address' }]
    const outcomes = ['created', 'existing', 'refused']
    const checked = await admin.imports.check({ rows })
    assert.deepEqual(
      checked.rows.map(({ outcome }) => outcome),
      outcomes,
    )
    const file = { kind: 'users', name: 'users.csv', digest: 'A'.repeat(43), total: 3 } as const
    const begun = await admin.imports.start(file)
    assert.equal((await admin.imports.start(file)).id, begun.id)
    const taken = await admin.imports.rows(begun.id, { from: 0, rows })
    assert.deepEqual(
      taken.rows.map(({ outcome }) => outcome),
      outcomes,
    )
    await assert.rejects(admin.imports.rows(begun.id, { from: 0, rows }), refusedAs('rows_out_of_order'))
    assert.deepEqual(await admin.imports.get(begun.id), taken.import)
    assert.deepEqual(await admin.imports.list().toArray(), [taken.import])

    // Where nobody listens.
    const made = await admin.endpoints.create('crm', { url: 'http://127.0.0.1:9/hook', types: ['permissions.updated'] })
    assert.match(made.secret, /^whsec_/)
    assert.deepEqual(
      (await admin.endpoints.list('crm')).map(({ id }) => id),
      [made.id],
    )
    assert.equal((await admin.endpoints.update('crm', made.id, { types: null })).types, null)
    assert.notEqual((await admin.endpoints.rotateSecret('crm', made.id, { hours: 1 })).second_secret_until, null)
    assert.notEqual((await admin.endpoints.get('crm', made.id)).second_secret_until, null)
    const tried = await admin.endpoints.ping('crm', made.id)
    assert.deepEqual([tried.state, tried.attempts_made.length], ['failed', 1])
    const failed = await admin.deliveries.list('crm', made.id, { state: 'failed' }).toArray()
    assert.deepEqual(
      failed.map(({ id }) => id),
      [tried.id],
    )
    assert.equal((await admin.deliveries.get('crm', made.id, tried.id)).attempts_made[0]?.status, null)
    assert.equal((await admin.deliveries.replayAll('crm', made.id, { state: 'delivered' })).replayed, 0)
    assert.equal((await admin.deliveries.replay('crm', made.id, tried.id)).message, tried.message)
    await noted(server, 'crm')
    await admin.endpoints.resend('crm', made.id)
    await admin.endpoints.remove('crm', made.id)
    await assert.rejects(admin.endpoints.get('crm', made.id), refusedAs('not_found'))

    const house = await allOf(admin.export())
    assert.ok(house.some((line) => line.includes('ida@acme.test')))
    assert.equal(JSON.parse(house.at(-1) ?? '').end, true)

    await admin.users.remove(eva.id)
    await assert.rejects(admin.users.get(eva.id), refusedAs('not_found'))

    const routes = [...(await listAdminRoutes(server.ctx)).keys()]
    assert.deepEqual([...new Set(sent.map((line) => routeOf(line, routes)))].sort(), routes.sort())
  })

  test(`a list is gone through page by page, without a gap or a repetition, and no further than it is wanted (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { admin, sent } = await drive(server, await makeKey(server))
    const all = MANAGED_HOUSE.users.map(({ email }) => email).sort()
    assert.deepEqual(await emails(admin.users.list({}, { pageSize: 2 })), all)
    assert.equal(sent.length, Math.ceil(all.length / 2))
    assert.deepEqual(await emails(admin.users.list()), all)

    sent.length = 0
    const list = admin.users.list({}, { pageSize: 2 })
    assert.equal(sent.length, 0, 'nothing is asked before it is used')
    for await (const user of list) if (user.email === all[2]) break
    assert.equal(sent.length, 2)

    const first = await admin.users.list().page({ limit: 4 })
    const second = await admin.users.list().page({ limit: 200, cursor: first.next_cursor ?? '' })
    assert.deepEqual(
      [...first.items, ...second.items].map(({ email }) => email),
      all,
    )
    assert.equal(second.next_cursor, null)
    await assert.rejects(admin.users.list().page({ limit: 201 }), refusedAs('invalid_input'))
    await assert.rejects(emails(admin.users.list({}, { pageSize: 0 })), refusedAs('invalid_input'))
  })
}

test('ids and texts arrive as they are, whatever is in them', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const { admin, sent } = await drive(server, await makeKey(server))
  const owner = { application: 'crm' }
  const key = 'a:b.c_d-e'
  await admin.roles.create(owner, { key, name: 'Ä / ? & 100 %' })
  assert.equal((await admin.roles.get({ ...owner, key })).name, 'Ä / ? & 100 %')
  assert.deepEqual(await emails(admin.users.list({ q: 'ács & söhne / ?#' })), [])
  assert.deepEqual(await emails(admin.users.list({ q: 'ács' })), ['boris@acme.test'])
  // What is no id names nothing else on its way.
  sent.length = 0
  for (const id of ['../companies', 'a/b', '%2e%2e', '?q=a', '#', 'ü'])
    await assert.rejects(admin.users.get(id), refusedAs('invalid_input'), id)
  assert.equal(sent.length, 6)
  for (const id of ['', '.', '..', undefined as never, 7 as never, {} as never])
    await assert.rejects(async () => admin.users.get(id), TypeError)
  assert.equal(sent.length, 6)
})

async function allOf<T>(some: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of some) all.push(each)
  return all
}

async function emails(users: AsyncIterable<{ email: string }>): Promise<string[]> {
  return (await allOf(users)).map(({ email }) => email)
}

/** The route that a line asked for, the one with the fewest names first: `/explain/company` is no `/explain/:what`. */
function routeOf(line: string, routes: readonly string[]): string {
  const [asked = ''] = line.split('?')
  const found = [...routes]
    .sort((a, b) => a.split(':').length - b.split(':').length)
    .find((route) => new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`).test(asked))
  assert.ok(found, `${asked} is no route`)
  return found
}
