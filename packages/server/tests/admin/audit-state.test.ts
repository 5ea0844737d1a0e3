import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealAll } from '../../src/audit/chain.ts'
import { verifyChain } from '../../src/audit/verify.ts'
import { seal } from '../../src/jobs/seal.ts'
import { ask, askFor, BERT, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const DAY = 86_400_000

async function happen(server: TestServer, key: string, what: string): Promise<void> {
  for (let nth = 0; nth < 3; nth++)
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { first_name: `${what} ${nth}` } })
}

for (const database of databases) {
  test(`what is older than LICENSE_AUDIT_DAYS goes, the chain verifies, and the state says so (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE, env: { LICENSE_AUDIT_DAYS: '30' } })
    const { ctx, clock } = server
    const key = await makeKey(server)
    const start = ctx.now()
    await happen(server, key, 'old')
    const fresh = await askFor(200, server, key, 'GET /audit/state')
    assert.equal(fresh.retention_days, 30)
    assert.ok(Math.abs(Date.parse(fresh.oldest_at) - start) < 60_000)
    await seal.run(ctx)
    const sealed = await askFor(200, server, key, 'GET /audit/state')
    assert.equal(sealed.unsealed, 0)
    const entries = (await askFor(200, server, key, 'GET /audit?limit=200')).items
    const newest = entries.find(({ seq }: { seq: number }) => seq === sealed.end.seq)
    assert.deepEqual([newest.at, entries.length], [sealed.end.at, sealed.end.seq])

    // A day before its time it stays.
    clock.advance(29 * DAY)
    await happen(server, key, 'new')
    await seal.run(ctx)
    assert.equal((await askFor(200, server, key, 'GET /audit/state')).oldest_at, sealed.oldest_at)
    clock.advance(DAY + 120_000)
    await seal.run(ctx)
    const after = await askFor(200, server, key, 'GET /audit/state')
    assert.ok(Date.parse(after.oldest_at) >= ctx.now() - 30 * DAY)
    const left = (await askFor(200, server, key, 'GET /audit?limit=200')).items
    assert.ok(left.every(({ at }: { at: string }) => Date.parse(at) >= ctx.now() - 30 * DAY))
    assert.deepEqual(
      left.map(({ personal }: { personal: { after: object } | null }) => personal?.after).filter(Boolean),
      [2, 1, 0].map((nth) => ({ first_name: `new ${nth}` })),
    )
    assert.equal(left[0].act, 'audit.purged')
    // What was a person's went with it.
    const personal = await ctx.db.read.selectFrom('audit_personal').select('data').execute()
    assert.doesNotMatch(JSON.stringify(personal), /old [01]/)
    await sealAll(ctx.db, ctx.keys)
    const verdict = await verifyChain(ctx.db.read, ctx.keys)
    assert.deepEqual([verdict.broken, verdict.unsealed, verdict.entries], [null, 0, left.length])
    const { end } = await askFor(200, server, key, 'GET /audit/state')
    assert.equal(end.anchor, `${verdict.last.seq}:${verdict.last.mac}`)
    // Where it ended before the clearing, it still is.
    assert.equal((await verifyChain(ctx.db.read, ctx.keys, [anchorOf(after.end.anchor)])).broken, null)
  })

  test(`without a limit nothing goes; a company is not told of the chain (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await happen(server, key, 'old')
    await seal.run(server.ctx)
    const before = await askFor(200, server, key, 'GET /audit?limit=200')
    server.clock.advance(4_000 * DAY)
    await seal.run(server.ctx)
    assert.deepEqual(await askFor(200, server, key, 'GET /audit?limit=200'), before)
    const state = await askFor(200, server, key, 'GET /audit/state')
    assert.deepEqual([state.retention_days, state.unsealed], [null, 0])
    for (const power of [
      { kind: 'company', companyId: '00000000-0000-7000-8000-00000000ac3e' },
      { kind: 'application', applicationId: 'crm' },
    ] as const)
      assert.equal((await ask(server, await makeKey(server, { power }), 'GET /audit/state')).status, 403)
  })
}

function anchorOf(text: string): { seq: number; mac: string } {
  const [seq = '', mac = ''] = text.split(':')
  return { seq: Number(seq), mac }
}
