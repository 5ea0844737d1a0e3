import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { deleteUser } from '../../src/credentials/accounts.ts'
import { endKey } from '../../src/credentials/api-keys.ts'
import { ACME, ANNA, ask, askFor, BERT, CARLA, GLOBEX, makeKey, NOBODY, SAM } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { allow, begin, enter, HOUSE, looks, ofAcme, stateOf, supporter, validate } from '../support/impersonation.ts'
import { knownRing } from '../support/places.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

for (const database of databases) {
  test(`a live one is ended by operators, by whoever began it and by its company, in the very next answer (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    const sam = await supporter(server)
    const samsOther = await makeKey(server, { power: { kind: 'support' }, userId: SAM })
    const desk = await makeKey(server, { power: { kind: 'support' } })
    const acme = await makeKey(server, { power: ofAcme })
    const globex = await makeKey(server, { power: { kind: 'company', companyId: GLOBEX } })
    const crm = await makeKey(server, { power: { kind: 'application', applicationId: 'crm' } })
    for (const [ender, status] of [
      [operator, 204],
      [sam, 204],
      [samsOther, 204],
      [acme, 204],
      [desk, 403],
      [globex, 404],
      [crm, 403],
    ] as const) {
      const { id, token } = await enter(server, sam)
      const reply = await ask(server, ender, `DELETE /impersonations/${id}`)
      assert.equal(reply.status, status)
      const isOver = status === 204
      assert.deepEqual([await looks(server, token), await stateOf(server, id)], isOver ? [401, 'over'] : [200, 'live'])
    }
    // One that waits, too; and a second time says the same and writes nothing.
    const waiting = await begin(server, sam)
    await askFor(204, server, operator, `DELETE /impersonations/${waiting.id}`)
    assert.equal((await validate(server, waiting.token)).status, 401)
    const entries = (await allTables(server)).audit_entries?.length
    await askFor(204, server, operator, `DELETE /impersonations/${waiting.id}`)
    assert.equal((await allTables(server)).audit_entries?.length, entries)
    await askFor(404, server, operator, `DELETE /impersonations/${NOBODY}`)

    // Ended while it is exchanged: refused at once or in the next answer, never alive.
    for (let round = 0; round < 10; round++) {
      const begun = await begin(server, sam)
      const [came] = await Promise.all([
        validate(server, begun.token),
        askFor(204, server, operator, `DELETE /impersonations/${begun.id}`),
      ])
      if (came.status === 200) assert.equal(await looks(server, came.body.auth_token), 401)
      else assert.equal(came.status, 401)
      assert.equal(await stateOf(server, begun.id), 'over')
    }
  })

  test(`it ends with what it hangs on: whom and what it is for, and who began it (${database})`, async () => {
    const ends: [string, (server: TestServer, operator: string) => Promise<unknown>][] = [
      ['the user is switched off', (s, k) => askFor(200, s, k, `PATCH /users/${BERT}`, { body: { active: false } })],
      ['the user signs out everywhere', (s, k) => askFor(204, s, k, `DELETE /users/${BERT}/tokens`)],
      [
        'the company is switched off',
        (s, k) => askFor(200, s, k, `PATCH /companies/${ACME}`, { body: { active: false } }),
      ],
      ['the company, by a house file', (s) => s.seed({ companies: [{ id: ACME, active: false }] })],
      ['the membership', (s, k) => askFor(204, s, k, `DELETE /companies/${ACME}/members/${BERT}`)],
      ['the seat', (s, k) => askFor(204, s, k, `DELETE /companies/${ACME}/seats/crm/${BERT}`)],
      ['the application', (s, k) => askFor(200, s, k, 'PATCH /applications/crm', { body: { active: false } })],
      [
        'the supporter is switched off',
        (s, k) => askFor(200, s, k, `PATCH /users/${SAM}`, { body: { active: false } }),
      ],
      [
        'the supporter is none any more',
        (s, k) => askFor(200, s, k, `PATCH /users/${SAM}`, { body: { support: false } }),
      ],
      ['the supporter is deleted', (s) => deleteUser(s.ctx, COMMAND_LINE, { id: SAM, email: 'sam@house.test' })],
      [
        "the supporter's key is revoked",
        async (s) => {
          const row = await s.ctx.db.read
            .selectFrom('api_keys')
            .select('id')
            .where('user_id', '=', SAM)
            .executeTakeFirst()
          return endKey(s.ctx, COMMAND_LINE, row?.id ?? '')
        },
      ],
    ]
    for (const [name, end] of ends) {
      await using server = await startServer(database, { house: HOUSE })
      const operator = await makeKey(server)
      const sam = await supporter(server)
      const live = await enter(server, sam)
      const waiting = await begin(server, sam)
      // The twin: another user's, for another company, begun by somebody else, in another application.
      const other = { user: CARLA, company: GLOBEX, application: 'shop' }
      await askFor(201, server, operator, `POST /companies/${GLOBEX}/licenses`, { body: { application: 'shop' } })
      await askFor(200, server, operator, `PUT /companies/${GLOBEX}/seats/shop/${CARLA}`, { body: {} })
      const twin = await begin(server, operator, other)
      const before = (await askFor(200, server, operator, 'GET /impersonations?live=true')).items
      assert.equal(before.length, 3, name)
      await end(server, operator)
      assert.equal(await looks(server, live.token), 401, name)
      assert.equal((await validate(server, waiting.token)).status, 401, name)
      const { items } = await askFor(200, server, operator, 'GET /impersonations?live=true')
      assert.deepEqual(
        items.map(({ id }: { id: string }) => id),
        [twin.id],
        name,
      )
      assert.deepEqual([await stateOf(server, live.id), await stateOf(server, waiting.id)], ['over', 'over'], name)
      const there = await call(server, 'POST impersonation-validation/', {
        module: 'shop',
        body: { token: twin.token },
      })
      assert.equal(there.status, 200, name)
    }
  })

  test(`an admin's ends with the role, and with the company's leave (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const operator = await makeKey(server)
    await allow(server, ACME)
    const anna = () => makeKey(server, { power: ofAcme, userId: ANNA })
    const first = await enter(server, await anna())
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'member' } })
    assert.equal(await looks(server, first.token), 401)
    await askFor(200, server, operator, `PATCH /companies/${ACME}/members/${ANNA}`, { body: { role: 'admin' } })
    const second = await enter(server, await anna())
    const support = await enter(server, await supporter(server))
    await allow(server, ACME, false)
    assert.deepEqual([await looks(server, second.token), await looks(server, support.token)], [401, 200])
  })

  test(`a server that starts again knows what is live and what is over (${database})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'license-again-'))
    const env = {
      ...knownRing().env,
      LICENSE_DATABASE_URL: database === 'postgres' ? await newDatabase() : `sqlite:${join(folder, 'license.db')}`,
    }
    try {
      const made = { live: '', over: '', waiting: '', used: '' }
      let key = ''
      {
        await using server = await startServer(database, { house: HOUSE, env })
        key = await makeKey(server)
        made.live = (await enter(server, key)).token
        const over = await enter(server, key)
        await askFor(204, server, key, `DELETE /impersonations/${over.id}`)
        made.over = over.token
        made.waiting = (await begin(server, key)).token
        made.used = (await begin(server, key)).token
        assert.equal((await validate(server, made.used)).status, 200)
      }
      await using server = await startServer(database, { env })
      assert.deepEqual([await looks(server, made.live), await looks(server, made.over)], [200, 401])
      const answers = [await validate(server, made.used), await validate(server, made.waiting)]
      assert.deepEqual(
        answers.map(({ status }) => status),
        [401, 200],
      )
      assert.equal((await askFor(200, server, key, 'GET /impersonations?live=true')).items.length, 3)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
