// Events in sites with the published Django package: ours, as they arrive there and change what people see; and what each
// release makes of each event, so that an operator knows which to send it.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { addEndpoint } from '../packages/server/tests/support/hook-receiver.ts'
import { acme, emailOf, globex, idOf, PASSWORD, type Person } from './django-house.ts'
import { type Place, testReleases } from './django-places.ts'
import type { Site, Visitor } from './django-site.ts'
import type { Row } from './django-table.ts'

const GLOBEX = globex.name.replace('&', '&amp;')
/** A busy machine has its time; what does not come fails then. */
const PATIENCE_MS = 20_000

testReleases('our events change what a Django site shows', async (t, place) => {
  await using site = await connect(place)
  const { row, admin } = place
  const give = (person: Person, company: string, permission: string) =>
    place.give(idOf(person, place.release), company, permission)
  const takeSeat = (person: Person, company: string) =>
    admin(204, `DELETE /companies/${company}/seats/${place.application}/${idOf(person, place.release)}`)
  const enter = async (person: Person, company: string) => {
    const visitor = site.visitor()
    await visitor.enter(emailOf(person, place.release), PASSWORD, company)
    return visitor
  }

  await t.test('a permission comes and goes, for one person and one company', async () => {
    const [anna, bert] = [await enter('anna', acme.id), await enter('bert', acme.id)]
    const may = { user: emailOf('anna', place.release), company: acme.name, mayCreate: true }
    for (const mayCreate of [false, true]) {
      await give('anna', acme.id, mayCreate ? 'create_invoice' : 'list_invoices')
      await shows(anna, row, acme.id, { ...may, mayCreate })
    }
    // What changes in another company is kept for when she works there.
    await give('anna', globex.id, 'create_invoice')
    await delivered(place)
    assert.deepEqual(await anna.looks(), may)
    await give('anna', acme.id, 'list_invoices')
    await shows(anna, row, acme.id, { ...may, mayCreate: false })
    await anna.choose(globex.id)
    assert.deepEqual(await anna.looks(), { ...may, company: GLOBEX })
    assert.deepEqual(await bert.looks(), { ...may, user: emailOf('bert', place.release) })
  })

  await t.test('one company less asks for another; the last one signs out', async () => {
    const [leon, bert] = [await enter('leon', acme.id), await enter('bert', acme.id)]
    await takeSeat('leon', acme.id)
    await until('asked for a company', async () => (await leon.open('/')).to === '/auth/select-company')
    const offered = [...(await leon.open('/auth/select-company')).text.matchAll(/set-company\/([\w-]+)"/g)]
    assert.deepEqual(
      offered.map(([, id]) => id),
      [globex.id],
    )
    await leon.choose(globex.id)
    assert.equal((await leon.looks())?.company, GLOBEX)
    await takeSeat('leon', globex.id)
    await until('signed out', async () => (await leon.open('/')).to?.startsWith('/login') === true)
    assert.equal((await leon.open('/invoices/new')).to, '/login?next=/invoices/new')
    assert.equal((await leon.signIn(emailOf('leon', place.release), PASSWORD)).to, '/login')
    assert.ok(await bert.looks())
  })

  await t.test('who is switched off is signed out', async () => {
    const [otto, bert] = [await enter('otto', acme.id), await enter('bert', acme.id)]
    assert.ok(await otto.looks())
    await admin(200, `PATCH /users/${idOf('otto', place.release)}`, { active: false })
    await until('signed out', async () => (await otto.open('/')).to?.startsWith('/login') === true)
    assert.ok(await bert.looks())
  })

  await t.test('an address changes, then what the person may do; and a pin', async () => {
    const emma = await enter('emma', acme.id)
    const [before, after] = [emailOf('emma', place.release), `new.${emailOf('emma', place.release)}`]
    await admin(200, `PATCH /users/${idOf('emma', place.release)}`, { email: after })
    await give('emma', acme.id, 'list_invoices')
    const knows = row['user.email.updated'] === 'works'
    await shows(emma, row, acme.id, { user: knows ? after : before, company: acme.name, mayCreate: false })
    assert.equal(before in (await site.stored()), !knows)
    if (row['user.pin.updated'] !== 'works') return
    const pin = async () => (await site.stored())[after]?.pin
    for (const wanted of ['4711', null]) {
      await admin(200, `PATCH /users/${idOf('emma', place.release)}`, { pin: wanted })
      await until(`pin ${wanted}`, async () => (await pin()) === wanted)
    }
  })

  await t.test('somebody new is there ahead of the first sign-in, which works', async () => {
    const email = `nina@${emailOf('anna', place.release).split('@')[1]}`
    const person = { email, first_name: 'Nina', last_name: 'New', password: PASSWORD }
    const { id } = await admin(201, 'POST /users', person)
    await admin(201, `POST /companies/${acme.id}/members`, { user: id })
    await place.give(id, acme.id, 'create_invoice')
    if (row['user.created'] === 'works') {
      await until('there', async () => (await site.stored())[email]?.last_name === 'New')
      assert.equal((await site.stored())[email]?.company, null)
    }
    const visitor = site.visitor()
    await visitor.enter(email, PASSWORD, acme.id)
    assert.deepEqual(await visitor.looks(), { user: email, company: acme.name, mayCreate: true })
  })

  await delivered(place)
  assert.deepEqual(site.complaints(), [])
})

testReleases(
  'each release makes of an event what the page says',
  async (_t, place) => {
    await using site = await place.start()
    const { release, row } = place
    const [anna, bert] = [emailOf('anna', release), emailOf('bert', release)]
    const visitor = site.visitor()
    await visitor.enter(anna, PASSWORD, acme.id)
    const other = site.visitor()
    await other.enter(bert, PASSWORD, acme.id)
    const { [anna]: stored, [bert]: storedOther } = await site.stored()
    const token = stored?.token
    const companies = [acme, globex].map(({ id, name }) => ({ company_id: id, company_name: name }))
    const rights = { username: anna, token, company_id: acme.id, available_companies: companies }

    const finds = { username: { token: 'another' }, token: { username: 'another@example.test' } }
    for (const [by, other] of Object.entries(finds)) {
      const data = { ...rights, ...other, company_id: globex.id, permissions: ['use_app'] }
      assert.equal((await tell(site, 'permissions.updated', data)).status, by === row['finds by'] ? 200 : 404, by)
    }
    assert.ok((await visitor.looks())?.mayCreate)
    const told = await tell(site, 'permissions.updated', { ...rights, permissions: ['list_invoices', 'use_app'] })
    assert.deepEqual(told, { status: 200, body: { status: 'OBJECT_UPDATED' } })
    const asks = row['permissions.updated'] === 'asks again'
    assert.equal((await visitor.looks())?.mayCreate, asks ? undefined : false)
    // Who has only this company is signed out by those that ask again.
    const only = { ...rights, username: bert, token: storedOther?.token, available_companies: companies.slice(0, 1) }
    await tell(site, 'permissions.updated', { ...only, permissions: ['list_invoices', 'use_app'] })
    assert.equal((await other.open('/')).to, asks ? '/login' : null)
    // The way out for those that ask again: their own name for use_app, along with it.
    await visitor.choose(acme.id)
    const both = ['django_cloudspotlicense.use_app', 'list_invoices', 'use_app']
    await tell(site, 'permissions.updated', { ...rights, permissions: both })
    assert.equal((await visitor.looks())?.mayCreate, false)

    const known = (type: keyof Row, status: number) => (row[type] === 'works' ? status : 500)
    const person = { user_first_name: 'Nina', user_last_name: 'New', user_pin: null, user_pwd: 'thrown away' }
    const created = { ...person, user_email: 'nina@example.test', license_token: 'none' }
    const cases: [event: keyof Row, data: object, status: number][] = [
      ['user.pin.updated', { user_username: anna, pin: '4711' }, 200],
      ['user.pin.updated', { user_username: 'nobody@example.test', pin: '4711' }, 404],
      ['user.created', created, 200],
      ['user.created', created, 400],
      ['user.email.updated', { current_email: bert, change_to_email: `new.${bert}` }, 200],
      ['user.email.updated', { current_email: bert, change_to_email: `new.${bert}` }, 404],
    ]
    for (const [event, data, status] of cases) {
      assert.equal((await tell(site, event, data)).status, known(event, status), `${event}: ${JSON.stringify(data)}`)
    }
    for (const [event, data] of [
      ['company.updated', {}],
      ['permissions.updated', {}],
    ] as const) {
      assert.equal((await tell(site, event, data)).status, 500, event)
    }
  },
  ['sqlite'],
)

/** The site with its endpoint at the server, told of the events that its release knows. */
async function connect(place: Place): Promise<Site> {
  const { row, application, server, key, admin } = place
  const knows = (event: keyof Row) => row[event] === 'works'
  await admin(200, `PATCH /applications/${application}`, {
    django_before_6_2: row['finds by'] === 'token',
    exposes_pin: knows('user.pin.updated'),
  })
  const types = [
    'permissions.updated',
    ...(knows('user.email.updated') ? ['user.updated'] : []),
    ...(knows('user.created') ? ['user.created'] : []),
  ]
  // Its address is known when it runs, and it needs the secret for that.
  const early = { url: 'https://127.0.0.1:9/auth', dialect: 'django', types }
  const { secret, path } = await addEndpoint(server, key, early, application)
  const site = await place.start(secret)
  await admin(200, `PATCH ${path}`, { url: site.base })
  // By the middleware, to the package, which knows nobody of that name.
  const { state, last_status } = await admin(200, `POST ${path}/ping`)
  assert.deepEqual([state, last_status], ['delivered', 404])
  return site
}

/** Until the site shows this. Releases that ask for the company again are told it. */
async function shows(visitor: Visitor, row: Row, company: string, wanted: object): Promise<void> {
  await until(JSON.stringify(wanted), async () => {
    const seen = await visitor.looks()
    if (!seen && row['permissions.updated'] === 'asks again') await visitor.choose(company)
    return JSON.stringify(seen) === JSON.stringify(wanted)
  })
}

/** Until nothing is on its way to this site. */
async function delivered({ server, application }: Place): Promise<void> {
  const { read } = server.ctx.db
  await until('all delivered', async () => {
    const due = await read.selectFrom('due').select('id').limit(1).execute()
    const unnumbered = await read.selectFrom('events').select('id').where('seq', 'is', null).limit(1).execute()
    const behind = await read
      .selectFrom('endpoints as e')
      .innerJoin('events as v', 'v.application_id', 'e.application_id')
      .select('v.id')
      .where('e.application_id', '=', application)
      .whereRef('v.seq', '>=', 'e.next_seq')
      .limit(1)
      .execute()
    const waiting = await read.selectFrom('deliveries').select('id').where('state', '=', 'waiting').limit(1).execute()
    return [due, unnumbered, behind, waiting].every((rows) => rows.length === 0)
  })
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`Waited for: ${what}`)
    await sleep(100)
  }
}

async function tell({ base }: Site, event: string, data: object) {
  const response = await fetch(`${base}/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event, data }),
  })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
}
