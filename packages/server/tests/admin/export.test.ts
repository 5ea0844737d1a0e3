import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openHouseFile } from '../../src/imports/house-source.ts'
import { runCommand } from '../commands/run.ts'
import { ACME, ask, askFor, BERT, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { call, signIn } from '../support/calls.ts'
import { emptyPlace, tablesOf } from '../support/full-house.ts'
import { PASSWORD } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

function get(server: TestServer, key: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.url}/api/v1/admin/export`, { ...init, headers: { authorization: `Bearer ${key}` } })
}

/** More than a connection holds by itself, so that an answer that nobody reads does not end. */
async function fill({ ctx }: TestServer): Promise<void> {
  const counts = { total: 1, done: 1, created: 0, existing: 0, refused: 1 }
  const times = { started_at: 0, updated_at: 0, finished_at: 0 }
  const told = { kind: 'users', digest: '', options: '{}', started_by: 'a test', name: 'x'.repeat(1_000_000) } as const
  for (let nth = 0; nth < 40; nth++)
    await ctx.db.transaction((tx) =>
      tx
        .insertInto('imports')
        .values({ id: `${nth}`, ...told, ...counts, ...times })
        .execute(),
    )
}

async function readWhole(text: string, server: TestServer) {
  const bytes = (async function* () {
    yield Buffer.from(text)
  })()
  const source = await openHouseFile(bytes, server.ctx.keys)
  for (const table of source.outline.tables) await Array.fromAsync(source.pages(table))
  return source.end()
}

/** Those that may come just when somebody else's has ended. */
async function untilFree(server: TestServer, key: string): Promise<Response> {
  for (;;) {
    const response = await get(server, key)
    if (response.status !== 503) return response
    await response.text()
  }
}

for (const database of databases) {
  test(`an operator's key has all of the house, which is a house again elsewhere (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const response = await get(server, key)
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^application\/x-ndjson/)
    const text = await response.text()
    const sums = await readWhole(text, server)
    assert.equal(sums.users?.rows, MANAGED_HOUSE.users.length)
    // It is in it itself, by whom.
    const [entry] = (await askFor(200, server, key, 'GET /audit?act=house.exported')).items
    assert.equal(entry.actor.kind, 'key')
    assert.ok(text.includes('"act":"house.exported"'))

    using place = await emptyPlace({ folder: server.config.dataDir }, database)
    const file = join(place.folder, 'house.ndjson')
    writeFileSync(file, text)
    const made = await runCommand(place.env, ['import', file, '--keep-sessions'])
    assert.equal(made.code, 0, made.stderr)
    const tables = await tablesOf(place.env)
    assert.deepEqual(tables.users, (await allTables(server)).users)
  })

  test(`nobody has it whose key is not for everything (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    for (const [wanted, code] of [
      [{ scopes: ['export:read'] }, 'scope_missing'],
      [{ scopes: ['*:read'] }, 'scope_missing'],
      [{ scopes: ['users:write', 'audit:read'] }, 'scope_missing'],
      [{ power: { kind: 'support' } }, 'not_allowed'],
      [{ power: { kind: 'company', companyId: ACME } }, 'not_allowed'],
      [{ power: { kind: 'application', applicationId: 'crm' } }, 'not_allowed'],
    ] as const) {
      const response = await get(server, await makeKey(server, wanted as Parameters<typeof makeKey>[1]))
      assert.deepEqual([response.status, JSON.parse(await response.text()).code], [403, code])
    }
    const key = await makeKey(server)
    assert.deepEqual((await askFor(200, server, key, 'GET /audit?act=house.exported')).items, [])
  })

  test(`while somebody takes it slowly everybody else is served, and it is of one moment (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    await fill(server)
    const key = await makeKey(server)
    const slow = await get(server, key)
    assert.equal(slow.status, 200)
    const { headers, status, body } = await ask(server, key, 'GET /export')
    assert.deepEqual([status, body.code, headers.has('retry-after')], [503, 'busy', true])
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { first_name: 'Afterwards' } })
    const { body: signedIn } = await signIn(server, 'bert@acme.test', PASSWORD)
    assert.equal((await call(server, 'GET get-permissions/', { token: signedIn.token })).status, 200)
    const text = await slow.text()
    assert.equal((await readWhole(text, server)).imports?.rows, 40)
    assert.ok(!text.includes('Afterwards'))
    const next = await untilFree(server, key)
    assert.ok((await next.text()).includes('Afterwards'))
  })

  test(`whoever goes away leaves nothing behind, and what is cut off is seen to be (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    await fill(server)
    const key = await makeKey(server)
    const leaving = new AbortController()
    const response = await get(server, key, { signal: leaving.signal })
    const reader = response.body?.getReader()
    const { value } = (await reader?.read()) ?? {}
    leaving.abort()
    await assert.rejects(readWhole(Buffer.from(value ?? []).toString(), server), { name: 'CommandError' })
    assert.equal(
      (await untilFree(server, key).then((whole) => whole.text().then((text) => readWhole(text, server)))).users?.rows,
      9,
    )
  })
}
