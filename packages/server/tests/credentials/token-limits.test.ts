import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { listLiveTokens } from '../../src/credentials/token-store.ts'
import type { Tx } from '../../src/db/database.ts'
import { type Call, call } from '../support/calls.ts'
import { ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { type DatabaseKind, databases, newDatabase, startServer, type TestServer } from '../support/server.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const BEGIN = Date.parse('2030-01-01T00:00:00Z')
/** How often a server stores the uses that it noted (src/jobs/note-uses.ts). */
const NOTED_EVERY = 5 * SECOND
/** How exact an idle limit is. */
const EXACT = MINUTE

const WISHES: Record<string, Call> = {
  crm: {},
  shop: { module: 'shop' },
  vault: { module: 'vault', headers: { 'x-license-secret': 'the-vault-opens-at-nine' } },
}

type Node = 0 | 1
type Use = { node: Node; at: number }
type Nodes = AsyncDisposable & {
  each: readonly [TestServer, TestServer]
  /** Sets both clocks, in milliseconds since BEGIN. What was noted before is stored at its next moment, as the job does it. */
  goTo(at: number): Promise<void>
  ask(node: Node, token: string, application: string): Promise<number>
}

/** Two servers of one house, with one clock. */
async function twoNodes(database: DatabaseKind, env: Record<string, string> = {}): Promise<Nodes> {
  const shared: Record<string, string> = {
    LICENSE_KEYS: JSON.stringify({ current: 'k', keys: { k: randomBytes(32).toString('base64') } }),
    ...(database === 'postgres' ? { LICENSE_DATABASE_URL: await newDatabase() } : {}),
    ...env,
  }
  const one = await startServer(database, { house: SMALL_HOUSE, env: shared })
  const { dataDir } = one.config
  const two = await startServer(database, {
    env: { ...shared, ...(database === 'sqlite' ? { LICENSE_DATABASE_URL: `sqlite:${dataDir}/license.db` } : {}) },
  })
  const each = [one, two] as const
  let now = 0
  const setClocks = (at: number) => {
    for (const { clock } of each) clock.stopAt(BEGIN + at)
  }
  return {
    each,
    async goTo(at) {
      const nextNoted = (Math.floor(now / NOTED_EVERY) + 1) * NOTED_EVERY
      if (at >= nextNoted) {
        setClocks(nextNoted)
        for (const { ctx } of each) await ctx.tokenUse.flush(ctx.db)
      }
      now = at
      setClocks(at)
    },
    ask: async (node, token, application) =>
      (await call(each[node], 'GET users/profile/', { token, ...WISHES[application] })).status,
    async [Symbol.asyncDispose]() {
      await two[Symbol.asyncDispose]()
      await one[Symbol.asyncDispose]()
    },
  }
}

for (const database of databases) {
  describe(`how long a token lives, on ${database}`, () => {
    let nodes: Nodes
    before(async () => {
      nodes = await twoNodes(database)
      await nodes.each[0].seed({
        applications: [
          { id: 'crm', token_days: 100 },
          { id: 'shop', token_days: 3, token_idle_days: 1 },
          { id: 'vault', token_days: 100, token_idle_days: 2 },
        ],
      })
    })
    after(() => nodes[Symbol.asyncDispose]())

    /** What is answered at one moment to a token that was used so before. */
    const answerAfter = async (application: string, uses: readonly Use[], last: Use): Promise<number> => {
      await nodes.goTo(0)
      const token = await issue(nodes.each[0], ANNA, application)
      for (const { node, at } of [...uses].sort((a, b) => a.at - b.at)) {
        await nodes.goTo(at)
        assert.equal(await nodes.ask(node, token, application), 200, `used after ${at} ms`)
      }
      await nodes.goTo(last.at)
      return await nodes.ask(last.node, token, application)
    }

    test('T6: its days are exact to the second, whoever is asked and however much it is used', async () => {
      const daily = (days: number): Use[] =>
        Array.from({ length: days }, (_, day) => ({ node: (day % 2) as Node, at: (day + 1) * DAY - HOUR }))
      for (const [application, days] of [
        ['shop', 3],
        ['vault', 100],
        ['crm', 100],
      ] as const) {
        const uses = [...daily(days), { node: 0 as const, at: days * DAY - 2 * SECOND }]
        for (const node of [0, 1] as const) {
          assert.equal(await answerAfter(application, uses, { node, at: days * DAY - SECOND }), 200, application)
          assert.equal(await answerAfter(application, uses, { node, at: days * DAY }), 401, application)
        }
      }
    })

    test('T6: an idle one lives its whole limit and at most a minute more, from the last use on whichever node', async () => {
      const node = fc.constantFrom<Node>(0, 1)
      // Also within seconds of another use, and of the moments at which uses are stored.
      const pause = fc.oneof(
        fc.integer({ min: 1, max: 70 * SECOND }),
        fc.integer({ min: 1, max: DAY - SECOND }),
        fc.constantFrom(NOTED_EVERY, NOTED_EVERY - 1, 29_999, 30_000, 34_999, DAY - 1),
      )
      const life = fc.array(fc.record({ node, pause }), { maxLength: 4 })
      await fc.assert(
        fc.asyncProperty(life, node, fc.constantFrom(-DAY, -HOUR, -1, EXACT, HOUR), async (pauses, asked, late) => {
          let at = 0
          const uses = pauses.map((each) => {
            at += each.pause
            return { node: each.node, at }
          })
          // Its days are not what ends it here.
          const end = at + 2 * DAY + late
          fc.pre(end > at)
          assert.equal(await answerAfter('vault', uses, { node: asked, at: end }), late < 0 ? 200 : 401)
        }),
        {
          numRuns: 150,
          seed: 6,
          examples: [
            // So soon after the sign-in that it is not stored.
            [[{ node: 0, pause: 29_999 }], 1, -1],
            [[{ node: 1, pause: 29_999 }], 1, -1],
            // Noted by one node, and not stored yet when the other is asked.
            [[{ node: 0, pause: DAY }], 1, -1],
            [[], 0, EXACT],
            [[], 0, -1],
          ],
        },
      )
    })

    test('T6: each application has its own limits, and one without a secret no idle one unless it says so', async () => {
      const rows: [string, number, number][] = [
        // Application, idle after, days.
        ['shop', DAY, 3 * DAY],
        ['vault', 2 * DAY, 100 * DAY],
        ['crm', Number.POSITIVE_INFINITY, 100 * DAY],
      ]
      for (const [application, idle, days] of rows) {
        const end = Math.min(idle, days)
        assert.equal(await answerAfter(application, [], { node: 1, at: end - 1 }), 200, application)
        assert.equal(await answerAfter(application, [], { node: 1, at: end + EXACT }), 401, application)
      }
    })

    test('T6: while uses are being stored a token is as alive as before', async () => {
      const [one] = nodes.each
      await nodes.goTo(0)
      const token = await issue(one, ANNA, 'vault')
      await nodes.goTo(DAY)
      assert.equal(await nodes.ask(0, token, 'vault'), 200)
      one.clock.stopAt(BEGIN + 2 * DAY + HOUR)
      const { db, tokenUse } = one.ctx
      const { promise: disk, resolve: goOn } = Promise.withResolvers<void>()
      const slow = { ...db, transaction: <T>(act: (tx: Tx) => Promise<T>) => disk.then(() => db.transaction(act)) }
      const storing = tokenUse.flush(slow)
      assert.equal(await nodes.ask(0, token, 'vault'), 200)
      // Nor is it forgotten when storing begins once more meanwhile.
      const again = tokenUse.flush(db)
      assert.equal(await nodes.ask(0, token, 'vault'), 200)
      goOn()
      await Promise.all([storing, again])
      assert.equal(await nodes.ask(0, token, 'vault'), 200)
    })

    test('T6: the list of live tokens has those that are answered, and no other', async () => {
      const [one] = nodes.each
      for (const [at, expected] of [
        [2 * DAY - 1, true],
        [2 * DAY + EXACT, false],
      ] as const) {
        await nodes.goTo(0)
        await one.ctx.db.transaction((tx) => tx.deleteFrom('tokens').execute())
        const token = await issue(one, ANNA, 'vault')
        await nodes.goTo(at)
        const listed = await listLiveTokens(one.ctx.db.read, { limit: 10 }, one.clock.now())
        assert.equal(listed.length === 1, expected)
        assert.equal((await nodes.ask(0, token, 'vault')) === 200, expected)
      }
    })

    test('T6: what the house says holds where the application says nothing', async () => {
      const env = { LICENSE_TOKEN_DAYS: '4', LICENSE_TOKEN_IDLE_DAYS: '1' }
      await using house = await twoNodes(database, env)
      const rows: [string, number, number][] = [
        ['vault', DAY - 1, 200],
        ['vault', DAY + EXACT, 401],
        ['crm', 4 * DAY - 1, 200],
        ['crm', 4 * DAY, 401],
      ]
      for (const [application, at, expected] of rows) {
        await house.goTo(0)
        const token = await issue(house.each[0], ANNA, application)
        await house.goTo(at)
        assert.equal(await house.ask(1, token, application), expected, `${application} after ${at} ms`)
      }
    })
  })
}
