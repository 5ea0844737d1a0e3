import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { KyselyPlugin, RootOperationNode } from 'kysely'
import { announceSome } from '../../src/access/announce.ts'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { createContext, createLog } from '../../src/context.ts'
import { switchUser } from '../../src/credentials/accounts.ts'
import { insertPing, numberEvents } from '../../src/outbox/event-store.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { findReadiness, wantEvents } from '../../src/outbox/wanting.ts'
import { ACME, ANNA, ask, BELLA, BERT, BORIS, CARLA, DORA, GLOBEX, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { answered, askAs, brief, listenTo, Mirror, settle, snapshotOf } from '../support/events.ts'
import { CHEAP_HASH } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

/** Another process on the same house. */
function anotherNode({ config, clock }: TestServer) {
  return createContext(config, { now: clock.now, log: createLog(config) })
}

for (const database of databases) {
  test(`a mark of many people is worked off in pieces: one person's do not wait behind it, and a crash loses nothing (${database})`, async () => {
    await using server = await startServer(database)
    const people = 900
    await server.seed({
      companies: [{ id: ACME, name: 'ACME' }],
      applications: [
        {
          id: 'crm',
          name: 'CRM',
          permissions: [{ slug: 'see' }, { slug: 'do' }],
          roles: [{ key: 'clerk', permissions: ['see'] }],
        },
      ],
      licenses: [{ company: ACME, application: 'crm', roles: ['clerk'] }],
      users: Array.from({ length: people }, (_, nth) => ({
        id: `00000000-0000-7000-8000-${String(nth).padStart(12, '0')}`,
        email: `user${nth}@acme.test`,
        password_hash: CHEAP_HASH,
        companies: [{ company: ACME, grants: [{ application: 'crm' }] }],
      })),
    })
    const crm = await listenTo(server, 'crm')
    const last = `00000000-0000-7000-8000-${String(people - 1).padStart(12, '0')}`
    const key = await makeKey(server)
    const node = await anotherNode(server)
    await server.ctx.outbox.inTurn(async () => {
      const role = 'applications/crm/roles/clerk'
      const tag = (await ask(server, key, `GET /${role}`)).headers.get('etag') ?? ''
      const changed = await ask(server, key, `PATCH /${role}`, {
        body: { permissions: ['see', 'do'] },
        headers: { 'if-match': tag },
      })
      assert.equal(changed.status, 200)
      // A part of it by a process that then is no more.
      assert.equal(await announceSome(node, { clock: true }), true)
      await node[Symbol.asyncDispose]()
      await switchUser(server.ctx, COMMAND_LINE, last, false)
    })
    const told = (await crm.hear()).filter(({ type }) => type === 'permissions.updated')
    const at = told.findIndex(({ data }) => data.user.id === last)
    assert.ok(at >= 0 && at < people - 200, `the one person is told as number ${at} of ${told.length}`)
    // Each once, and nobody twice; the one who may do nothing any more was not told the other.
    assert.equal(told.length, people)
    assert.equal(new Set(told.map(({ data }) => data.user.id)).size, people)
    assert.deepEqual(told[at]?.data.permissions, [])
  })

  test(`an application that begins while marks are looked at is noted all the same (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { ctx } = server
    let isBegun = false
    // It begins right after it was asked who wants to hear.
    const begins: KyselyPlugin = {
      transformQuery: ({ node, queryId }) => {
        const { sql } = ctx.db.read.getExecutor().compileQuery(node as RootOperationNode, queryId)
        if (sql.includes('"events_since" is not null')) asking.add(queryId)
        return node
      },
      async transformResult({ result, queryId }) {
        if (asking.has(queryId) && !isBegun) {
          isBegun = true
          await ctx.db.transaction((tx) => wantEvents(tx, 'crm', ctx.now()))
        }
        return result
      },
    }
    const asking = new WeakSet<object>()
    const watched = {
      ...ctx,
      outbox: new Outbox(),
      db: { ...ctx.db, kind: 'sqlite' as const, read: ctx.db.read.withPlugin(begins) },
    }
    // Not by the job that runs.
    await ctx.outbox.inTurn(async () => {
      await server.seed({ companies: [{ id: ACME, name: 'ACME & Sons' }] })
      await announceSome(watched, { clock: false })
    })
    assert.ok(isBegun)
    await settle(server)
    assert.equal(await findReadiness(ctx.db.read, 'crm'), 'ready')
  })

  test(`random acts and the clock, announced by several processes at once: all that was told is all that answers say (${database})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ act: fc.nat(99), who: fc.nat(99), what: fc.nat(99) }), { minLength: 12, maxLength: 30 }),
        async (drawn) => {
          await using server = await startServer(database, { house: MANAGED_HOUSE })
          const key = await makeKey(server)
          const crm = await listenTo(server, 'crm')
          const { mirror, cursor } = await snapshotOf(server, 'crm', crm.secret)
          // On SQLite one process serves.
          await using node = database === 'postgres' ? await anotherNode(server) : undefined
          for (const [nth, each] of drawn.entries()) {
            await actOf(server, key, each)
            if (nth % 3 === 0)
              await Promise.all([server.ctx, node].map((ctx) => ctx && announceSome(ctx, { clock: true })))
          }
          await settle(server)
          let after = cursor
          for (let isMore = true; isMore; ) {
            const { body } = await askAs(server, 'crm', crm.secret, `events?after=${after}&limit=5`)
            for (const event of body.events) mirror.take(event)
            after = body.cursor
            isMore = body.more
          }
          assert.deepEqual(mirror.told, await answered(server, 'crm'))
        },
      ),
      { numRuns: database === 'sqlite' ? 12 : 6, endOnFailure: true },
    )
  })
}

const PEOPLE = [ANNA, BERT, BELLA, BORIS, CARLA, DORA]
const SLUGS = ['list_invoices', 'create_invoice', 'approve_invoice', 'export_ledger', 'close_books']

type Drawn = { act: number; who: number; what: number }

/** Some act; many of them are refused, which changes nothing. */
async function actOf(server: TestServer, key: string, { act, who, what }: Drawn): Promise<void> {
  const user = PEOPLE[who % PEOPLE.length] ?? ANNA
  const company = what % 2 === 0 ? ACME : GLOBEX
  const slug = SLUGS[what % SLUGS.length] ?? ''
  const at = (hours: number) => new Date(server.ctx.now() + hours * 3_600_000).toISOString()
  const times = what % 3 === 0 ? { starts_at: at(2), ends_at: at(5) } : {}
  const seat = `/companies/${company}/seats/crm/${user}`
  const acts: readonly (() => Promise<unknown>)[] = [
    () => ask(server, key, `PUT ${seat}`, { body: times }),
    () => ask(server, key, `DELETE ${seat}`),
    () =>
      ask(server, key, `POST /companies/${company}/members/${user}/grants`, {
        body: { application: 'crm', permission: slug, ...times },
      }),
    async () => {
      const { body } = await ask(server, key, `GET /companies/${company}/members/${user}/grants`)
      const grant = body.items?.[what % Math.max(1, body.items.length)]
      if (grant) await ask(server, key, `DELETE /companies/${company}/grants/${grant.id}?cascade=true`)
    },
    () => ask(server, key, `PATCH /users/${user}`, { body: { active: what % 3 !== 0 } }),
    () => ask(server, key, `PATCH /companies/${company}/members/${user}`, { body: { active: what % 3 !== 0 } }),
    () => ask(server, key, `POST /companies/${company}/members`, { body: { user, despite_manager: true } }),
    () => ask(server, key, `DELETE /companies/${company}/members/${user}`),
    () => ask(server, key, `PATCH /companies/${company}`, { body: { active: what % 4 !== 0 } }),
    () =>
      ask(server, key, `PATCH /companies/${company}/licenses/crm`, {
        body:
          what % 3 === 0
            ? { suspended: what % 2 === 0 }
            : { permissions: what % 5 === 0 ? 'all' : [slug], until: what % 4 === 0 ? at(4) : null },
      }),
    async () => {
      const role = '/applications/crm/roles/clerk'
      const tag = (await ask(server, key, `GET ${role}`)).headers.get('etag') ?? ''
      await ask(server, key, `PATCH ${role}`, { body: { permissions: [slug] }, headers: { 'if-match': tag } })
    },
    async () => server.clock.advance(3_600_000 * (1 + (what % 6))),
    () => ask(server, key, `DELETE /users/${what % 9 === 0 ? user : 'x'}`),
  ]
  await acts[act % acts.length]?.()
}

if (databases.includes('postgres')) {
  test('who reads while slow transactions are open misses nothing: numbers are given after the end', async () => {
    await using server = await startServer('postgres', { house: MANAGED_HOUSE })
    const crm = await listenTo(server, 'crm')
    const read: string[] = []
    let isOver = false
    const reader = (async () => {
      while (!isOver) {
        for (const event of await crm.hear()) read.push(event.id)
        await sleep(5)
      }
    })()
    const stored: string[] = []
    // Those that begin first end last, many at once.
    const writers = Array.from({ length: 40 }, async (_, nth) => {
      await sleep(Math.random() * 300)
      await server.ctx.db.transaction(async (tx) => {
        await insertPing(tx, server.ctx.now(), 'crm')
        await sleep(nth % 4 === 0 ? 400 : Math.random() * 60)
      })
      if (nth % 3 === 0) await numberEvents(server.ctx.db)
    })
    await Promise.all(writers)
    isOver = true
    await reader
    for (const event of await crm.hear()) read.push(event.id)
    for (const { id } of await server.ctx.db.read
      .selectFrom('events')
      .select('id')
      .where('type', '=', 'ping')
      .execute())
      stored.push(id)
    assert.equal(stored.length, 40)
    assert.deepEqual([...read].sort(), stored.sort())
  })

  test('four processes that announce at once tell each change once, in an order that grows', async () => {
    await using server = await startServer('postgres', { house: MANAGED_HOUSE })
    const crm = await listenTo(server, 'crm')
    const nodes = await Promise.all([1, 2, 3].map(() => anotherNode(server)))
    try {
      const mirror = new Mirror()
      for (let round = 0; round < 10; round++) {
        await Promise.all([
          ...PEOPLE.map((id) => switchUser(server.ctx, COMMAND_LINE, id, round % 2 === 1)),
          ...[server.ctx, ...nodes].map((ctx) => announceSome(ctx, { clock: true })),
        ])
      }
      // Who is as at first again may have been seen by none meanwhile; this one is not.
      await switchUser(server.ctx, COMMAND_LINE, PEOPLE[0] ?? '', false)
      const heard = await crm.hear()
      // Of a set twice under one version it complains.
      for (const event of heard) mirror.take(event)
      for (const [key, permissions] of Object.entries(await answered(server, 'crm')))
        if (mirror.sets.has(key)) assert.deepEqual(mirror.told[key], permissions, key)
      assert.ok(heard.map(brief).length > 0)
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]()
    }
  })
}
