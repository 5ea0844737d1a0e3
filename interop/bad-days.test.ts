// The published Python packages on bad days: whatever is wrong on our side, they raise what their users are told to expect.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import {
  type DatabaseKind,
  databases,
  newDatabase,
  startServer,
  type TestServer,
} from '../packages/server/tests/support/server.ts'
import { openWire } from '../packages/server/tests/support/wire.ts'
import { prepareEnvironments } from './environments.ts'
import { assertAllowed, assertRefused, type Call, type Row, readTable } from './expectations.ts'
import { acme, applicationsOf, house, password, peopleOf, usersOf } from './house.ts'
import { type Answer, type PythonClient, startPythonClient } from './python-client.ts'
import { releases } from './table.ts'

const environments = await prepareEnvironments()
const missing = 'missing' in environments ? environments.missing : undefined
// On a person's machine the reason is said and the rest goes on; where everything counts, it fails.
const skip = process.env.CI ? false : (missing ?? false)

/** Started once, a process for each release: they go from server to server. */
let started: Promise<Map<string, PythonClient>> | undefined

async function startClients(url: string): Promise<Map<string, PythonClient>> {
  if ('missing' in environments) assert.fail(environments.missing)
  const { python } = environments
  const clients = readTable(releases).map(({ release }) => startPythonClient(python(release), url))
  return new Map((await Promise.all(clients)).map((client) => [client.release, client]))
}

after(async () => {
  for (const client of (await started)?.values() ?? []) await client[Symbol.asyncDispose]()
})

/** A release with a person of its own, who is signed in. */
type Visit = { crm: string; row: Row; email: string; token: string; ask(call: Call, args: unknown[]): Promise<Answer> }

/** Every release at once. */
async function visitAll(server: TestServer): Promise<Visit[]> {
  const url = `${server.url}/api/v1`
  started ??= startClients(url)
  const clients = await started
  const rows = readTable(releases)
  await server.seed({ users: rows.flatMap(({ release, dialect }) => usersOf(peopleOf(release), dialect).slice(0, 1)) })
  return Promise.all(
    rows.map(async (row) => {
      const { email } = peopleOf(row.release).anna
      const client = clients.get(row.release) ?? assert.fail(`no client of ${row.release}`)
      await client.turnTo(url)
      const { crm } = applicationsOf(row.dialect)
      const token = await signIn(server, crm, email, password)
      const ask = (call: Call, args: unknown[]) => client.perform({ application: crm, call, arguments: args })
      return { crm, row, email, token, ask }
    }),
  )
}

async function signIn(server: TestServer, module: string, username: string, secret: string): Promise<string> {
  const response = await fetch(`${server.url}/api/v1/auth/authenticate/`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-LICENSE-MODULE': module },
    body: JSON.stringify({ username, password: secret }),
  })
  const { token } = (await response.json()) as { token: string }
  return token
}

async function assertSignInRefused({ row, email, ask }: Visit, status: number): Promise<void> {
  assertRefused(row, 'authenticate', await ask('authenticate', [email, password]), status, 'the sign-in')
}

async function assertRestRefused({ row, token, ask }: Visit, status: number): Promise<void> {
  assertRefused(row, 'get_user', await ask('get_user', [token]), status, 'the profile')
  assertRefused(row, 'get_permissions', await ask('get_permissions', [token]), status, 'the permissions')
  const company = await ask('get_company_permissions', [acme.id, token])
  assertRefused(row, 'get_company_permissions', company, status, "a company's permissions")
}

async function assertImpersonationRefused({ row, ask }: Visit, status: number): Promise<void> {
  const answer = await ask('validate_impersonation', ['0b7e9d5c-6f0e-4c9b-8a53-9c1f3a1e7d11'])
  assertRefused(row, 'validate_impersonation', answer, status, 'a one-time token')
}

async function assertAllRefused(visit: Visit, status: number): Promise<void> {
  await assertSignInRefused(visit, status)
  await assertRestRefused(visit, status)
  await assertImpersonationRefused(visit, status)
}

async function assertSignInAllowed({ row, email, ask }: Visit): Promise<void> {
  assertAllowed(row, 'authenticate', await ask('authenticate', [email, password]))
}

async function assertRestAllowed({ row, token, ask }: Visit): Promise<void> {
  assertAllowed(row, 'get_user', await ask('get_user', [token]))
  assertAllowed(row, 'get_permissions', await ask('get_permissions', [token]))
  assertAllowed(row, 'get_company_permissions', await ask('get_company_permissions', [acme.id, token]))
}

async function assertAllAllowed(visit: Visit): Promise<void> {
  await assertSignInAllowed(visit)
  await assertRestAllowed(visit)
}

async function each(visits: readonly Visit[], show: (visit: Visit) => Promise<void>): Promise<void> {
  await Promise.all(visits.map(show))
}

function start(database: DatabaseKind, env: Record<string, string> = {}): Promise<TestServer> {
  return startServer(database, { house, env })
}

for (const database of databases) {
  test(`a throttled account is BadCredentials, and who is signed in works on, with ${database}`, { skip }, async () => {
    await using server = await start(database)
    const visits = await visitAll(server)
    server.clock.stopAt(Date.now())
    await each(visits, async ({ crm, email }) => {
      for (let count = 0; count < 6; count++) await signIn(server, crm, email, 'a wrong password')
    })
    await each(visits, async (visit) => {
      await assertSignInRefused(visit, 429)
      await assertRestAllowed(visit)
    })
    server.clock.advance(60_000)
    await each(visits, assertAllAllowed)
  })

  test(`a disabled account is BadCredentials, and its tokens are NoValidToken, with ${database}`, {
    skip,
  }, async () => {
    await using server = await start(database)
    const visits = await visitAll(server)
    await each(visits, assertAllAllowed)
    await server.seed({ users: visits.map(({ email }) => ({ email, active: false })) })
    await each(visits, async (visit) => {
      await assertSignInRefused(visit, 403)
      await assertRestRefused(visit, 401)
    })
  })

  test(`a full hashing queue is BadCredentials, and look-ups go on, with ${database}`, { skip }, async () => {
    await using server = await start(database)
    const visits = await visitAll(server)
    {
      using crowd = new DisposableStack()
      const { hashConcurrency, hashQueue } = server.config
      for (let place = 0; place < hashConcurrency + hashQueue; place++) crowd.use(server.ctx.hasher.enter('crm'))
      await each(visits, async (visit) => {
        await assertSignInRefused(visit, 503)
        await assertRestAllowed(visit)
      })
    }
    await each(visits, assertAllAllowed)
  })

  test(`a broken database is a refusal like any other, with ${database}`, { skip }, async () => {
    await using server = await start(database)
    const visits = await visitAll(server)
    const rename = (from: string, to: string) =>
      server.ctx.db.transaction((tx) => sql`alter table ${sql.table(from)} rename to ${sql.table(to)}`.execute(tx))
    await rename('applications', 'applications_elsewhere')
    await each(visits, (visit) => assertAllRefused(visit, 500))
    await rename('applications_elsewhere', 'applications')
    await each(visits, assertAllAllowed)
  })
}

for (const database of databases) {
  test(`a server that is closing is a refusal like any other, with ${database}`, { skip }, async () => {
    await using serving = new AsyncDisposableStack()
    const server = serving.use(await start(database))
    const visits = await visitAll(server)
    // A sign-in of another application holds the end up: it waits at a gate that others hold.
    using held = new DisposableStack()
    const { promise, resolve } = Promise.withResolvers<void>()
    const running: Promise<void>[] = []
    for (let place = 0; place < server.config.hashConcurrency; place++)
      running.push(held.use(server.ctx.hasher.enter('other')).run(() => promise))
    const last = signIn(server, visits[0]?.crm ?? '', visits[0]?.email ?? '', password)
    while (server.ctx.hasher.waiting === 0) await new Promise((done) => setTimeout(done, 5))
    const ended = serving.disposeAsync()
    await each(visits, (visit) => assertAllRefused(visit, 503))
    resolve()
    await Promise.all(running)
    held.dispose()
    assert.match(await last, /^clt_/)
    await ended
  })
}

if (databases.includes('postgres')) {
  test('a database out of reach is a refusal like any other, with postgres', { skip }, async () => {
    await using wire = await openWire(await newDatabase())
    await using server = await start('postgres', { LICENSE_DATABASE_URL: wire.url })
    const visits = await visitAll(server)
    await wire.cut()
    await each(visits, (visit) => assertAllRefused(visit, 503))
    await wire.mend()
    await each(visits, assertAllAllowed)
  })
}
