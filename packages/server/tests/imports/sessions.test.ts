import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NoValidToken } from 'cloudspot-license-api'
import { ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'

for (const database of databases) {
  test(`a house file that switches a user or an application off ends the sessions, also for later (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const token = await issue(server, ANNA, 'crm')
    const session = server.license('crm').session(token)
    await session.getPermissions()
    for (const off of [{ users: [{ email: ANNA, active: false }] }, { applications: [{ id: 'crm', active: false }] }]) {
      const fresh = server.license('crm').session(await issue(server, ANNA, 'crm'))
      await fresh.getPermissions()
      await server.seed(off)
      await server.seed(JSON.parse(JSON.stringify(off).replace('false', 'true')))
      await assert.rejects(fresh.getPermissions(), NoValidToken)
    }
    await assert.rejects(session.getPermissions(), NoValidToken)
    await server
      .license('crm')
      .session(await issue(server, ANNA, 'crm'))
      .getPermissions()
  })

  test(`a house of more people than may wait to be hashed is seeded whole (${database})`, async () => {
    await using server = await startServer(database, {
      env: { LICENSE_HASH_QUEUE: '0', LICENSE_HASH_CONCURRENCY: '1' },
    })
    const users = Array.from({ length: 6 }, (_, index) => ({ email: `user-${index}@x.test`, password: PASSWORD }))
    assert.equal((await server.seed({ users })).users.added, 6)
    const { count } = await server.ctx.db.read
      .selectFrom('users')
      .select((e) => e.fn.count<number>('password_hash').as('count'))
      .executeTakeFirstOrThrow()
    assert.equal(Number(count), 6)
  })
}
