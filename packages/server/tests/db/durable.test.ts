import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Tx } from '../../src/db/database.ts'
import { call } from '../support/calls.ts'
import { ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

/** How the transaction is written: SQLite's 2 is FULL, 1 is NORMAL. Asked so that no answer is remembered. */
async function modeOf(server: TestServer, tx: Tx): Promise<unknown> {
  const ask = server.ctx.db.kind === 'sqlite' ? sql`select * from pragma_synchronous` : sql`show synchronous_commit`
  const { rows } = await sql<Record<string, unknown>>`${ask}`.execute(tx)
  return Object.values(rows[0] ?? {})[0]
}

const MODES = { sqlite: { durable: 2, not: 1 }, postgres: { durable: 'on', not: 'off' } }

for (const kind of databases) {
  const { durable, not } = MODES[kind]
  const usual = (server: TestServer) => server.ctx.db.transaction((tx) => modeOf(server, tx))

  test(`what is not waited for leaves all else durable, also when it fails (${kind})`, async () => {
    await using server = await startServer(kind)
    const { db } = server.ctx
    for (let round = 0; round < 3; round++) {
      assert.equal(await db.transaction((tx) => modeOf(server, tx), { isDurable: false }), not)
      assert.equal(await usual(server), durable)
      const fails = async (tx: Tx) => {
        assert.equal(await modeOf(server, tx), not)
        await sql`select 1 from nowhere`.execute(tx)
      }
      await assert.rejects(db.transaction(fails, { isDurable: false }), /nowhere/)
      assert.equal(await usual(server), durable)
    }
  })

  test(`of transactions that overlap each is as it was asked for (${kind})`, async () => {
    await using server = await startServer(kind)
    const { db } = server.ctx
    const slow = async (tx: Tx) => {
      await sleep(5)
      return modeOf(server, tx)
    }
    const wanted = Array.from({ length: 8 }, (_, nth) => nth % 3 !== 0)
    const modes = await Promise.all(wanted.map((isDurable) => db.transaction(slow, { isDurable })))
    assert.deepEqual(
      modes,
      wanted.map((isDurable) => (isDurable ? durable : not)),
    )
  })

  test(`the uses of tokens are not waited for, a sign-in is (${kind})`, async () => {
    await using server = await startServer(kind, { house: SMALL_HOUSE })
    const { ctx } = server
    const asked: (boolean | undefined)[] = []
    const db: typeof ctx.db = {
      ...ctx.db,
      transaction(act, options) {
        asked.push(options?.isDurable)
        return ctx.db.transaction(act, options)
      },
    }
    const token = await issue({ ctx: { ...ctx, db } }, ANNA, 'crm')
    server.clock.advance(60_000)
    assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
    await ctx.tokenUse.flush(db)
    assert.deepEqual(asked, [undefined, false])
  })
}

test('one that can not even begin leaves all else durable', async () => {
  await using server = await startServer('sqlite')
  const { db } = server.ctx
  const other = new DatabaseSync(db.file ?? '')
  other.exec('begin immediate')
  const waiting = db.transaction((tx) => modeOf(server, tx), { isDurable: false })
  await assert.rejects(waiting, /locked|busy/)
  other.exec('rollback')
  other.close()
  assert.equal(await db.transaction((tx) => modeOf(server, tx)), 2)
})
