import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../src/errors.ts'
import { ask, askFor, makeKey, NOBODY, OLGA } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { startDjangoSite } from '../support/django-site.ts'
import { HOUSE, ofAcme, validate, WISH } from '../support/impersonation.ts'
import { databases, startServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

for (const database of databases) {
  test(`a Django site is asked first, and its own address is what is opened (${database})`, async () => {
    await using site = await startDjangoSite()
    await using server = await startServer(database, { house: HOUSE, env: site.env })
    const operator = await makeKey(server)
    const set = (body: object) => askFor(200, server, operator, 'PATCH /applications/crm', { body })
    assert.equal((await set({ django_url: `${site.base}//` })).django_url, site.base)
    const begun = await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
    assert.deepEqual(site.asked, ['GET /auth/impersonation'])
    assert.equal(begun.token, null)
    const [base, oneTime = ''] = begun.open_url.split('/impersonation/')
    assert.equal(base, site.base)
    assert.match(oneTime, UUID)
    assert.match(begun.notice.join(' '), /until the user signs in there again/)
    // As the site does then.
    const { body } = await validate(server, oneTime, false)
    assert.deepEqual(Object.keys(body), ['user', 'company', 'auth_token'])
    const mine = await call(server, `GET get-company-permissions/${body.company}/`, { token: body.auth_token })
    assert.equal(mine.status, 200)

    const before = await allTables(server)
    for (const answer of [
      { status: 200, body: '{"status":"down"}' },
      { status: 200, body: '"operational"' },
      { status: 200, body: '<html>' },
      { status: 404, body: '{}' },
      { status: 500, body: '{"status":"operational"}' },
      { status: 302, body: '', headers: { location: `${site.base}/impersonation` } },
    ]) {
      site.answer = answer
      const reply = await ask(server, operator, 'POST /impersonations', { body: WISH })
      assert.deepEqual([reply.status, reply.body.code], [409, 'site_not_ready'], JSON.stringify(answer))
      assert.match(reply.body.detail, /Nothing was begun\./)
    }
    await site[Symbol.asyncDispose]()
    const gone = await ask(server, operator, 'POST /impersonations', { body: WISH })
    assert.deepEqual([gone.status, gone.body.code], [409, 'site_not_ready'])
    const after = await allTables(server)
    assert.deepEqual(
      [after.impersonations, after.audit_entries?.length],
      [before.impersonations, before.audit_entries?.length],
    )
    // Whoever may not begin one makes the server call nobody.
    const asked = site.asked.length
    assert.equal((await ask(server, operator, 'POST /impersonations', { body: { ...WISH, user: OLGA } })).status, 403)
    assert.equal(site.asked.length, asked)
  })

  test(`addresses of a site are looked at when they are stored (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const before = (await allTables(server)).applications
    const wrong: [string, string][] = [
      ['django_url', 'site.example/auth'],
      ['django_url', 'ftp://site.example'],
      ['django_url', 'https://me:secret@site.example/auth'],
      ['django_url', 'https://site.example/auth?x=1'],
      ['django_url', 'https://site.example/auth#x'],
      ['django_url', 'http://127.0.0.1:8000/auth'],
      ['django_url', 'https://169.254.169.254/auth'],
      ['django_url', 'https://[::1]/auth'],
      ['django_url', 'http://93.184.215.14/auth'],
      ['impersonation_url', 'http://site.example/in'],
      ['impersonation_url', 'javascript:alert(1)'],
      ['impersonation_url', 'https://me@site.example/in'],
      ['impersonation_url', 'https://site.example/\nin'],
    ]
    for (const [field, address] of wrong) {
      const { status, body } = await ask(server, operator, 'PATCH /applications/crm', { body: { [field]: address } })
      assert.deepEqual([address, status, body.errors?.[0]?.path], [address, 400, `/body/${field}`])
      // Of a house file the spelling is looked at; where it leads, when it is called.
      if (!/^https?:\/\/[[\d]/.test(address))
        await assert.rejects(server.seed({ applications: [{ id: 'crm', [field]: address }] }), (error: AppError) => {
          assert.deepEqual(
            error.faults.map(({ path }) => path),
            [`/applications/0/${field}`],
          )
          return true
        })
    }
    assert.deepEqual((await allTables(server)).applications, before)
    const company = await makeKey(server, { power: ofAcme })
    const body = { impersonation_url: 'https://crm.example/in' }
    assert.equal((await ask(server, company, 'PATCH /applications/crm', { body })).status, 403)
    assert.equal(
      (await askFor(200, server, operator, 'PATCH /applications/crm', { body })).impersonation_url,
      'https://crm.example/in',
    )
    assert.equal('impersonation_url' in (await askFor(200, server, company, 'GET /applications/crm')), false)
  })

  test(`for others a page hands the one-time token on: who only looks at its address uses nothing up (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const body = { impersonation_url: 'https://crm.example/sso/in?a=1&b=2', name: 'C & "R" <M>' }
    await askFor(200, server, operator, 'PATCH /applications/crm', { body })
    const begun = await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
    assert.equal(begun.token, null)
    const [address, token = ''] = begun.open_url.split('#')
    assert.match(token, UUID)
    assert.equal(address, `${server.config.publicUrl}/impersonate/${begun.id}`)
    const look = (method = 'GET', id = begun.id) => fetch(`${server.url}/impersonate/${id}`, { method })
    for (const method of ['GET', 'HEAD', 'GET']) assert.equal((await look(method)).status, 200)
    const page = await look()
    const html = await page.text()
    assert.match(html, /<form method="post" action="https:\/\/crm\.example\/sso\/in\?a=1&#38;b=2" autocomplete="off">/)
    assert.match(html, /Open C &#38; &#34;R&#34; &#60;M&#62;/)
    // Nothing of whose it is, and nothing that runs in it.
    assert.doesNotMatch(html, new RegExp(`bert|Ticket|${token}|<script>|style=|onclick`, 'i'))
    const csp = page.headers.get('content-security-policy') ?? ''
    assert.match(
      csp,
      /default-src 'none'; script-src 'self';.*form-action https:\/\/crm\.example;.*frame-ancestors 'none'/,
    )
    assert.deepEqual(
      ['referrer-policy', 'cache-control', 'x-content-type-options'].map((name) => page.headers.get(name)),
      ['strict-origin', 'no-store', 'nosniff'],
    )
    for (const file of ['page.js', 'page.css']) assert.equal((await look('GET', file)).status, 200)
    assert.equal((await validate(server, token)).status, 200)
    for (const id of [begun.id, NOBODY, 'x', '%00']) {
      const over = await look('GET', id)
      assert.equal(over.status, 404, id)
      assert.match(over.headers.get('content-type') ?? '', /^text\/html/)
    }
    // Without an address there is the one-time token, and what to do with it.
    const bare = await askFor(200, server, operator, 'PATCH /applications/crm', { body: { impersonation_url: null } })
    assert.equal(bare.impersonation_url, null)
    const alone = await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
    assert.deepEqual([alone.open_url, alone.notice.length], [null, 1])
    assert.equal((await validate(server, alone.token)).status, 200)
    // It was told this once.
    const shown = await askFor(200, server, operator, `GET /impersonations/${alone.id}`)
    assert.equal('token' in shown || 'open_url' in shown, false)
  })

  test(`in an application of a flat dialect nobody acts as a user, and its site is not asked (${database})`, async () => {
    await using site = await startDjangoSite()
    await using server = await startServer(database, { house: HOUSE, env: site.env })
    const operator = await makeKey(server)
    const set = (body: object) => askFor(200, server, operator, 'PATCH /applications/crm', { body })
    await set({ django_url: site.base })
    const before = await allTables(server)
    for (const dialect of ['flat-0.1', 'flat-0.2']) {
      await set({ dialect })
      const reply = await ask(server, operator, 'POST /impersonations', { body: WISH })
      assert.deepEqual([reply.status, reply.body.code], [409, 'not_in_dialect'])
      assert.match(reply.body.detail, new RegExp(`CRM: its dialect is ${dialect}.*Nothing was begun`))
      // Who may not act as a user at all is not told of the application.
      const refused = await ask(server, operator, 'POST /impersonations', { body: { ...WISH, user: OLGA } })
      assert.equal(refused.status, 403)
    }
    assert.deepEqual(site.asked, [])
    assert.deepEqual((await allTables(server)).impersonations, before.impersonations)
    await set({ dialect: 'v1' })
    await askFor(201, server, operator, 'POST /impersonations', { body: WISH })
  })
}
