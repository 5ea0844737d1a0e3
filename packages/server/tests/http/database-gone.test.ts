import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import pg from 'pg'
import { call, type Reply, signIn } from '../support/calls.ts'
import { ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'
import { openWire } from '../support/wire.ts'

/** A sign-in, a look-up, a sign-out and a one-time token, as an old client and as ours. */
async function askEverything(server: TestServer, token: string): Promise<Reply[]> {
  const replies: Reply[] = []
  for (const rich of [false, true]) {
    replies.push(await signIn(server, ANNA, PASSWORD, { rich }))
    replies.push(await signIn(server, 'nobody@acme.test', 'a wrong password', { rich }))
    replies.push(await call(server, 'GET get-permissions/', { token, rich }))
    replies.push(await call(server, 'GET get-permissions/', { token: 'clt_none', rich }))
    replies.push(await call(server, 'POST sign-out/', { token, rich }))
    replies.push(await call(server, 'POST impersonation-validation/', { body: { token: crypto.randomUUID() }, rich }))
  }
  return replies
}

function assertUnavailable({ status, headers, body, text }: Reply): void {
  assert.equal(status, 503, text)
  assert.equal(headers.get('retry-after'), '1')
  assert.equal(headers.get('cache-control'), 'no-store')
  if (headers.get('content-type')?.startsWith('application/problem+json')) {
    assert.deepEqual([body.code, body.retry_after], ['database_unavailable', 1])
  } else {
    assert.deepEqual(body, { message: 'The database does not answer just now. Try again in a moment.' })
  }
}

async function assertWorks(server: TestServer, token: string): Promise<void> {
  assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
  assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
  assert.equal((await signIn(server, ANNA, 'a wrong password')).status, 401)
  assert.equal((await call(server, 'GET /readyz')).status, 200)
}

if (databases.includes('postgres')) {
  test('without its database the server says 503 to everyone, and works again with it', async () => {
    await using wire = await openWire(await newDatabase())
    const env = { LICENSE_DATABASE_URL: wire.url }
    await using server = await startServer('postgres', { house: SMALL_HOUSE, env })
    const token = await issue(server, ANNA, 'crm')
    for (let times = 0; times < 2; times++) {
      await assertWorks(server, token)
      await wire.cut()
      for (const reply of await askEverything(server, token)) assertUnavailable(reply)
      assert.equal((await call(server, 'GET /readyz')).status, 503)
      assert.equal((await call(server, 'GET /livez')).status, 200)
      await wire.mend()
    }
    await assertWorks(server, token)
  })

  test('a database that takes no connections for a while is out of reach', async () => {
    const url = await newDatabase()
    const name = new URL(url).pathname.slice(1)
    await using server = await startServer('postgres', { house: SMALL_HOUSE, env: { LICENSE_DATABASE_URL: url } })
    const token = await issue(server, ANNA, 'crm')
    const admin = new pg.Client({ connectionString: process.env.TEST_POSTGRES_URL })
    await admin.connect()
    try {
      await admin.query(`alter database ${name} allow_connections false`)
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
      for (const reply of await askEverything(server, token)) assertUnavailable(reply)
      await admin.query(`alter database ${name} allow_connections true`)
    } finally {
      await admin.end()
    }
    await assertWorks(server, token)
  })
}

test('while another process writes to the SQLite file, look-ups go on and a sign-in waits its turn, but not for ever', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const token = await issue(server, ANNA, 'crm')
  const other = new DatabaseSync(server.ctx.db.file ?? '')
  other.exec('begin immediate')
  const refused = signIn(server, ANNA, PASSWORD)
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(server, 'GET get-permissions/', { token })))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  // Eight seconds, then it is told to come back.
  assertUnavailable(await refused)
  const waiting = signIn(server, ANNA, PASSWORD)
  assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
  other.exec('rollback')
  other.close()
  assert.equal((await waiting).status, 200)
})
