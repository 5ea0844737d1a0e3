import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledQuery, type KyselyPlugin, type RootOperationNode, sql } from 'kysely'
import { announceSome } from '../../src/access/announce.ts'
import type { Context } from '../../src/context.ts'
import { ACME, askFor, BERT, BORIS, GLOBEX, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { answered, brief, listenTo } from '../support/events.ts'
import { CHEAP_HASH } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** In the middle of a day. */
const NOON = Date.UTC(2027, 4, 3, 12)

const at = (moment: number) => new Date(moment).toISOString()

for (const database of databases) {
  test(`what begins or ends by itself is told, when it does and not before (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { clock } = server
    clock.stopAt(NOON)
    const key = await makeKey(server)
    const crm = await listenTo(server, 'crm')
    const give = {
      application: 'crm',
      permission: 'approve_invoice',
      starts_at: at(NOON + HOUR),
      ends_at: at(NOON + 2 * HOUR),
    }
    await askFor(201, server, key, `POST /companies/${ACME}/members/${BERT}/grants`, { body: give })
    const seat = { starts_at: at(NOON + 3 * HOUR), ends_at: at(NOON + 4 * HOUR) }
    await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${BORIS}`, { body: seat })
    const license = { until: at(NOON + 5 * HOUR), grace_days: 2 }
    await askFor(200, server, key, `PATCH /companies/${GLOBEX}/licenses/crm`, { body: license })
    const heard = async () => (await crm.hear()).map(brief).sort()
    // The terms of the license changed; nothing began or ended yet.
    assert.deepEqual(await heard(), ['license Globex in_force'])
    const steps: readonly (readonly [at: number, heard: readonly string[]])[] = [
      [NOON + HOUR - 1, []],
      [NOON + HOUR, ['permissions bert ACME +approve_invoice']],
      [NOON + 2 * HOUR - 1, []],
      [NOON + 2 * HOUR, ['permissions bert ACME -approve_invoice']],
      [NOON + 3 * HOUR, ['permissions boris ACME +use_app', 'user.created boris']],
      [NOON + 4 * HOUR, ['permissions boris ACME -use_app']],
      [NOON + 5 * HOUR, ['license Globex in_grace']],
      [NOON + 5 * HOUR + 2 * DAY - 1, []],
      [
        NOON + 5 * HOUR + 2 * DAY,
        [
          'license Globex ended',
          'permissions carla Globex -create_invoice -list_invoices -use_app',
          'permissions dora Globex -approve_invoice -list_invoices -use_app',
        ],
      ],
      [NOON + 30 * DAY, []],
    ]
    for (const [moment, expected] of steps) {
      clock.stopAt(moment)
      assert.deepEqual(await heard(), expected, at(moment))
    }
  })

  test(`what began and ended while nobody ran is told as it is then (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { clock } = server
    clock.stopAt(NOON)
    const key = await makeKey(server)
    const crm = await listenTo(server, 'crm')
    const grant = (permission: string, starts: number, ends: number) =>
      askFor(201, server, key, `POST /companies/${ACME}/members/${BERT}/grants`, {
        body: { application: 'crm', permission, starts_at: at(starts), ends_at: at(ends) },
      })
    await grant('approve_invoice', NOON + DAY, NOON + 3 * DAY)
    await grant('close_books', NOON + DAY, NOON + 2 * DAY)
    assert.deepEqual(await crm.hear(), [])
    // Over more than all of it: what is over again is none.
    clock.stopAt(NOON + 2 * DAY + HOUR)
    assert.deepEqual((await crm.hear()).map(brief), ['permissions bert ACME +approve_invoice'])
    clock.stopAt(NOON + 10 * DAY)
    assert.deepEqual((await crm.hear()).map(brief), ['permissions bert ACME -approve_invoice'])
  })

  test(`more that end at one moment than are looked at at once are all told, once (${database})`, async () => {
    await using server = await startServer(database)
    const people = 520
    server.clock.stopAt(NOON)
    await server.seed(crowd(people, { ends_at: at(NOON + HOUR) }))
    const crm = await listenTo(server, 'crm')
    server.clock.stopAt(NOON + HOUR)
    const ended = await crm.hear()
    assert.equal(ended.length, people)
    assert.ok(ended.every(({ type, data }) => type === 'permissions.updated' && data.permissions.length === 0))
    assert.equal(new Set(ended.map(({ data }) => data.user.id)).size, people)
    assert.deepEqual(await answered(server, 'crm'), {})
  })

  test(`when nothing is due the job reads as few rows of a large house as of a small one (${database})`, async () => {
    const read: number[] = []
    for (const people of [50, 600]) {
      await using server = await startServer(database)
      server.clock.stopAt(NOON)
      // All with times, which end later or began before.
      await server.seed(crowd(people, { starts_at: at(NOON - HOUR), ends_at: at(NOON + DAY) }))
      const crm = await listenTo(server, 'crm')
      await crm.hear()
      server.clock.stopAt(NOON + HOUR)
      await crm.hear()
      read.push(await rowsRead(server, (watched) => announceSome(watched, { clock: true })))
    }
    const [small = 0, large = 0] = read
    assert.ok(large <= small && large <= 40, `${small} rows of the small house, ${large} of the large one`)
  })
}

/** People of one company, each with a seat for a while, and a grant for as long. */
function crowd(people: number, times: { starts_at?: string; ends_at?: string }) {
  return {
    companies: [{ id: ACME, name: 'ACME' }],
    applications: [{ id: 'crm', name: 'CRM', permissions: [{ slug: 'list_invoices' }] }],
    licenses: [{ company: ACME, application: 'crm' }],
    users: Array.from({ length: people }, (_, nth) => ({
      email: `user${nth}@acme.test`,
      password_hash: CHEAP_HASH,
      companies: [
        { company: ACME, grants: [{ application: 'crm', permissions: ['list_invoices'], ...times, seat: times }] },
      ],
    })),
  }
}

/** Tables that do not grow with the people of a house. */
const SMALL = ['applications', 'house']

/** Rows of tables that grow that all its statements read, when it looks as a process does that has the house for itself. */
async function rowsRead({ ctx }: TestServer, act: (watched: Context) => Promise<unknown>): Promise<number> {
  const asked: CompiledQuery[] = []
  const capture: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      asked.push(ctx.db.read.getExecutor().compileQuery(node as RootOperationNode, queryId))
      return node
    },
    transformResult: async ({ result }) => result,
  }
  await ctx.db.transaction((tx) => sql`analyze`.execute(tx))
  await act({ ...ctx, db: { ...ctx.db, kind: 'sqlite', read: ctx.db.read.withPlugin(capture) } })
  assert.ok(asked.length > 10, `${asked.length} statements`)
  let rows = 0
  for (const query of asked)
    rows += await (ctx.db.kind === 'sqlite' ? foundBySearch(ctx, query) : readByPlan(ctx, query))
  return rows
}

/** What is found is what is read, where the plan goes through no table and no index. */
async function foundBySearch({ db }: Context, query: CompiledQuery): Promise<number> {
  const explain = { ...query, sql: `explain query plan ${query.sql}` }
  const { rows } = await db.read.executeQuery<{ detail: string }>(explain)
  const scans = rows.filter(({ detail }) => {
    const [, table = ''] = /^SCAN (\w+)/.exec(detail) ?? []
    // These indexes hold nothing but what is due.
    return table !== '' && !SMALL.includes(table) && !/INDEX (due_small|due_large|events_unnumbered)/.test(detail)
  })
  assert.deepEqual(scans, [], query.sql)
  const found = await db.read.executeQuery(query)
  return SMALL.some((table) => query.sql.includes(`from "${table}"`)) ? 0 : found.rows.length
}

type PlanNode = {
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: PlanNode[]
}

async function readByPlan({ db }: Context, query: CompiledQuery): Promise<number> {
  const { rows } = await db.transaction(async (tx) => {
    // A table of so few rows would be read through whatever its indexes.
    await sql`set local enable_seqscan = off`.execute(tx)
    const explain = { ...query, sql: `explain (analyze, format json) ${query.sql}` }
    return tx.executeQuery<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(explain)
  })
  const nodes = (node: PlanNode | undefined): PlanNode[] => (node ? [node, ...(node.Plans ?? []).flatMap(nodes)] : [])
  return nodes(rows[0]?.['QUERY PLAN'][0].Plan).reduce((sum, node) => {
    const table = node['Relation Name'] ?? 'house'
    const read = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
    return SMALL.includes(table) ? sum : sum + read
  }, 0)
}
