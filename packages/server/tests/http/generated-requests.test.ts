import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { openDigest } from '../support/generated/digest.ts'
import { newPlayed, play } from '../support/generated/play.ts'
import { setUpStage } from '../support/generated/stage.ts'
import { PASSWORD } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'

// The first of what drill/generated-requests.ts asks.
for (const database of databases) {
  test(`generated requests are answered as the API is described, and store nothing when they are refused (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    await using digest = await openDigest(server.config.database)
    const wish = { user: 'dora@acme.test', company: ACME, application: 'crm', reason: 'A call' }
    const stage = await setUpStage(server.url, await makeKey(server), {
      digest,
      connections: 1,
      password: PASSWORD,
      oneTime: [await server.impersonate(wish)],
    })
    const played = newPlayed()
    await play(stage, { count: 600, seed: 1 }, played)
    assert.deepEqual([...played.faults.keys()], [])
    assert.ok(played.wrong >= 50 && played.stored >= 20 && played.seen.size >= 200, JSON.stringify(played))
  })
}
