import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { call } from '../support/calls.ts'
import { ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { startServer, type TestServer } from '../support/server.ts'

const PERMISSIONS = 'GET get-permissions/'
/** More than one process answers by itself within a second. */
const MANY = 300

/** The threads that are started while a test goes on. */
function watchThreads(): { started: Worker[]; [Symbol.dispose](): void } {
  const started: Worker[] = []
  const note = (worker: Worker) => {
    started.push(worker)
  }
  process.on('worker', note)
  return { started, [Symbol.dispose]: () => process.off('worker', note) }
}

async function companiesOf(server: TestServer, token: string): Promise<string[]> {
  const { status, body } = await call(server, PERMISSIONS, { token })
  assert.equal(status, 200)
  return body.permissions.map((each: { company_name: string }) => each.company_name)
}

async function askMuch(server: TestServer, token: string, times = MANY): Promise<void> {
  const answers = await Promise.all(Array.from({ length: times }, () => companiesOf(server, token)))
  for (const companies of answers) assert.deepEqual(companies, ['ACME', 'Globex'])
}

/** Asks until a thread reads. Its start is not awaited by anything but time. */
async function startThread(server: TestServer, token: string, started: readonly Worker[]): Promise<Worker> {
  for (let tries = 0; started.length === 0 && tries < 20; tries++) await askMuch(server, token)
  const [thread] = started
  assert.ok(thread, 'nothing reads on a thread of its own')
  await sleep(1_000)
  return thread
}

const options = { skip: availableParallelism() < 2 && 'one core' }

test('a house that is asked little reads where it stands', async () => {
  using threads = watchThreads()
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const token = await issue(server, ANNA, 'crm')
  await askMuch(server, token, 20)
  assert.deepEqual(threads.started, [])
})

test(
  'a house that is asked a lot reads on a thread: the answers are the same, and a change shows in the very next one',
  options,
  async () => {
    using threads = watchThreads()
    await using server = await startServer('sqlite', { house: SMALL_HOUSE })
    const token = await issue(server, ANNA, 'crm')
    await startThread(server, token, threads.started)
    for (let round = 0; round < 20; round++) {
      await askMuch(server, token, 20)
      const set = (active: 0 | 1) =>
        server.ctx.db.transaction((tx) =>
          tx.updateTable('companies').set({ active }).where('name', '=', 'Globex').execute(),
        )
      await set(0)
      assert.deepEqual(await companiesOf(server, token), ['ACME'])
      await set(1)
      assert.deepEqual(await companiesOf(server, token), ['ACME', 'Globex'])
    }
    const refused = await call(server, PERMISSIONS, { token: `${token.slice(0, -1)}x` })
    assert.equal(refused.status, 401)
    assert.equal(threads.started.length, 1)
  },
)

test('a thread that falls costs no answer, and another one is not started at once', options, async () => {
  using threads = watchThreads()
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const token = await issue(server, ANNA, 'crm')
  const thread = await startThread(server, token, threads.started)
  const asking = askMuch(server, token)
  await sleep(5)
  await thread.terminate()
  await asking
  await askMuch(server, token)
  assert.equal(threads.started.length, 1)
})

test('what was asked before the end is answered, and nothing is left open', options, async () => {
  using threads = watchThreads()
  let thread: Worker
  {
    await using server = await startServer('sqlite', { house: SMALL_HOUSE })
    const token = await issue(server, ANNA, 'crm')
    thread = await startThread(server, token, threads.started)
    const { facts } = server.ctx
    const { hash } = await server.ctx.db.read.selectFrom('tokens').select('hash').executeTakeFirstOrThrow()
    const asked = Promise.all(Array.from({ length: 50 }, () => facts.byToken(hash)))
    await server.ctx.db.close()
    for (const each of await asked) assert.equal(each?.user.email, ANNA)
  }
  // A thread that has ended has no number any more.
  assert.equal(thread.threadId, -1)
})
