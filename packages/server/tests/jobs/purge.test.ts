import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newDelivery } from '../../src/deliveries/delivery-store.ts'
import { purge } from '../../src/jobs/purge.ts'
import { ANNA, askFor, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { databases, startServer } from '../support/server.ts'

const DAY = 86_400_000
/** More than two batches. */
const MANY = 1_201

for (const database of databases) {
  test(`one turn clears away all that ended long ago, however much, and nothing that did not (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
    const { ctx } = server
    const key = await makeKey(server)
    const body = { url: 'http://127.0.0.1:9/hook', active: false }
    const endpoint = await askFor(201, server, key, 'POST /applications/crm/endpoints', { body })
    const now = ctx.now()
    const each = (age: number, count: number, name: string) =>
      Array.from({ length: count }, (_, nth) => ({ at: now - age, id: `${name}-${nth}` }))
    const all = [...each(40 * DAY, MANY, 'old'), ...each(10 * DAY, 3, 'young')]
    const tokens = all.map(({ at, id }) => ({
      id,
      hash: id,
      user_id: ANNA,
      application_id: 'crm',
      issued_at: at - DAY,
      expires_at: at,
      idle_limit: 0,
      last_used_at: at - DAY,
      revoked_at: null,
      only_company_id: null,
      impersonation_id: null,
    }))
    const deliveries = all.map(({ at, id }) => ({
      ...newDelivery({
        id,
        endpoint_id: endpoint.id,
        message_id: id,
        type: 'ping',
        lane: id,
        topic: null,
        seq: 0,
        created_at: at,
      }),
      state: 'failed' as const,
      finished_at: at,
    }))
    await ctx.db.transaction(async (tx) => {
      for (let from = 0; from < all.length; from += 200) {
        await tx
          .insertInto('tokens')
          .values(tokens.slice(from, from + 200))
          .execute()
        await tx
          .insertInto('deliveries')
          .values(deliveries.slice(from, from + 200))
          .execute()
      }
    })
    await purge.run(ctx)
    for (const table of ['tokens', 'deliveries'] as const) {
      const left = await ctx.db.read.selectFrom(table).select('id').orderBy('id').execute()
      assert.deepEqual(
        left.map(({ id }) => id),
        ['young-0', 'young-1', 'young-2'],
        table,
      )
    }
  })
}
