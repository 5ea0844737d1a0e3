import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { lastSealed, purgeSealed, sealAll as sealChain } from '../../src/audit/chain.ts'
import { type Verdict, verifyChain } from '../../src/audit/verify.ts'
import { deleteUser } from '../../src/credentials/accounts.ts'
import { ACME, ask, askFor, BERT, GLOBEX, MANAGED_HOUSE, makeKey, OLGA } from '../support/admin.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const DAY = 86_400_000

function sealAll({ ctx }: TestServer): Promise<void> {
  return sealChain(ctx.db, ctx.keys)
}

function verify({ ctx }: TestServer, ...anchors: Parameters<typeof verifyChain>[2] & object): Promise<Verdict> {
  return verifyChain(ctx.db.read, ctx.keys, anchors)
}

/** As somebody with the database, and without the key ring, would. */
async function tamper({ ctx }: TestServer, statement: string): Promise<void> {
  await ctx.db.transaction((tx) => sql.raw(statement).execute(tx))
}

/** Some of everything that is audited. */
async function live(server: TestServer, key: string, rounds = 3): Promise<void> {
  for (let nth = 0; nth < rounds; nth++) {
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { first_name: `Bert ${nth}`, pin: `47${nth}` } })
    await askFor(201, server, key, 'POST /companies', { body: { name: `Company ${nth} of ${performance.now()}` } })
    await askFor(200, server, key, `PATCH /companies/${ACME}/licenses/crm`, { body: { seats: 20 + nth } })
  }
}

for (const database of databases) {
  test(`every act is written down with who, what, to whom, before and after, and nothing of it where it fails (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server, { name: 'the console' })
    const { id: keyId } = await askFor(200, server, key, 'GET /whoami')
    const count = async () => (await server.ctx.db.read.selectFrom('audit_entries').select('id').execute()).length
    const before = await count()
    await askFor(200, server, key, `PATCH /users/${BERT}`, {
      body: { first_name: 'Bertram', pin: '8899', active: false },
      headers: { 'x-request-id': 'desk-7' },
    })
    assert.equal(await count(), before + 2)
    // What is refused, and what changes nothing, leaves no entry.
    await askFor(409, server, key, `PATCH /users/${BERT}`, { body: { email: 'carla@globex.test', last_name: 'x' } })
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { first_name: 'Bertram' } })
    assert.equal(await count(), before + 2)
    const { items } = await askFor(200, server, key, `GET /audit?target=${BERT}`)
    const [off, changed] = items
    assert.deepEqual(
      [off.act, off.actor, off.request_id],
      ['user.switched_off', { kind: 'key', id: keyId, behind: null }, 'desk-7'],
    )
    assert.equal(changed.act, 'user.changed')
    assert.deepEqual(changed.data.changed, ['first_name', 'pin'])
    assert.deepEqual(
      [changed.personal.before, changed.personal.after],
      [{ first_name: 'Bert' }, { first_name: 'Bertram' }],
    )
    assert.ok(['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(changed.source))
    // No secret in any of it.
    await askFor(204, server, key, `PUT /users/${BERT}/password`, { body: { password: 'a bicycle made for two' } })
    const { secret } = await askFor(201, server, key, 'POST /applications/spare/secret')
    const made = await askFor(201, server, key, 'POST /api-keys', { body: { name: 'more' } })
    const { read } = server.ctx.db
    const all = JSON.stringify([
      await read.selectFrom('audit_entries').selectAll().execute(),
      await read.selectFrom('audit_personal').selectAll().execute(),
    ])
    for (const word of ['8899', 'bicycle', secret, made.key, key]) assert.ok(!all.includes(word))
  })

  test(`the chain names the first link that was changed, taken out, put in or cut off, whoever recomputes the rest (${database})`, async () => {
    const cases: [what: string, statement: string, seq: number][] = [
      ['an act is edited', `update audit_entries set act = 'user.created' where seq = 5`, 5],
      ['its data are edited', `update audit_entries set data = '{"seats":1}' where seq = 4`, 4],
      ['who did it is edited', `update audit_entries set actor_id = '${OLGA}' where seq = 6`, 6],
      ['one is taken out', 'delete from audit_entries where seq = 5', 5],
      [
        'two change places',
        'update audit_entries set seq = -1 where seq = 4; update audit_entries set seq = 4 where seq = 5; update audit_entries set seq = 5 where seq = -1',
        4,
      ],
      [
        'what is personal is edited',
        `update audit_personal set data = '{"source":"192.0.2.1"}' where entry_id = (select id from audit_entries where seq = 3)`,
        3,
      ],
      [
        'one is given the hash of another',
        'update audit_entries set mac = (select mac from audit_entries where seq = 3) where seq = 6',
        6,
      ],
    ]
    for (const [what, statement, seq] of cases) {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      await live(server, await makeKey(server))
      await sealAll(server)
      const sound = await verify(server)
      assert.deepEqual([sound.broken, sound.unsealed], [null, 0])
      assert.ok(sound.entries >= 10)
      for (const each of statement.split('; ')) await tamper(server, each)
      const { broken, entries } = await verify(server)
      assert.deepEqual([what, broken?.seq, entries], [what, seq, seq - 1])
    }
  })

  test(`an anchor that was kept elsewhere shows that the end was cut off (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await live(server, key)
    await sealAll(server)
    const anchor = await lastSealed(server.ctx.db.read)
    await live(server, key, 1)
    await sealAll(server)
    assert.equal((await verify(server, anchor)).broken, null)
    assert.equal((await verify(server, { ...anchor, mac: 'x'.repeat(43) })).broken?.seq, anchor.seq)
    await tamper(server, `delete from audit_entries where seq >= ${anchor.seq}`)
    // By itself the shorter chain holds.
    assert.equal((await verify(server)).broken, null)
    assert.equal((await verify(server, anchor)).broken?.seq, anchor.seq)
  })

  test(`erasing a person breaks no link; nothing of the person is left (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await live(server, key)
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { last_name: 'Nightingale' } })
    await sealAll(server)
    const told = async () => JSON.stringify((await askFor(200, server, key, `GET /audit?target=${BERT}`)).items)
    assert.match(await told(), /Nightingale/)
    await deleteUser(server.ctx, COMMAND_LINE, { id: BERT, email: 'bert@acme.test' })
    await sealAll(server)
    assert.equal((await verify(server)).broken, null)
    assert.doesNotMatch(await told(), /Nightingale|Bloom|bert@acme/)
    const { read } = server.ctx.db
    const left = JSON.stringify([
      await read.selectFrom('audit_entries').selectAll().execute(),
      await read.selectFrom('audit_personal').selectAll().execute(),
      await read.selectFrom('user_terms').selectAll().where('user_id', '=', BERT).execute(),
    ])
    assert.doesNotMatch(left, /Nightingale|Bloom|bert@acme/)
  })

  test(`two that seal at once make one chain; keys that rotate do not break it (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await live(server, key, 10)
    await Promise.all([sealAll(server), sealAll(server), sealAll(server)])
    await sealAll(server)
    const sound = await verify(server)
    assert.deepEqual([sound.broken, sound.unsealed], [null, 0])
    assert.equal(sound.last.seq, sound.entries)
  })

  test(`what is older than it is kept goes from the beginning, and the chain holds from there (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await live(server, key)
    await sealAll(server)
    const { entries } = await verify(server)
    server.clock.advance(10 * DAY)
    await live(server, key)
    await sealAll(server)
    const purge = () => server.ctx.db.transaction((tx) => purgeSealed(server.ctx, tx, server.ctx.now() - 5 * DAY, 4))
    let gone = 0
    for (let some = await purge(); some > 0; some = await purge()) gone += some
    assert.equal(gone, entries)
    const after = await verify(server)
    // With an entry for each clearing, which is not sealed yet.
    assert.deepEqual([after.broken, after.entries], [null, 9])
    // Purging is told too, and where the chain begins can't be moved by hand.
    const { items } = await askFor(200, server, key, 'GET /audit?act=audit.purged')
    assert.equal(items.length, Math.ceil(entries / 4))
    const old = { seq: 1, mac: 'x'.repeat(43) }
    assert.deepEqual([(await verify(server, old)).outdated, (await verify(server, old)).broken], [1, null])
    const { seq, mac } = await server.ctx.db.read
      .selectFrom('audit_entries')
      .select(['seq', 'mac'])
      .where('seq', '=', entries + 2)
      .executeTakeFirstOrThrow()
    await tamper(server, `delete from audit_entries where seq <= ${seq}`)
    assert.equal((await verify(server)).broken?.seq, entries + 1)
    await tamper(server, `update house set value = '${seq} ${mac} ' || substr(value, 1) where name = 'audit_start'`)
    assert.match((await verify(server)).broken?.says ?? '', /where it begins/)
  })

  test(`a company sees what was done in it, without what is personal; lists page through all (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    await live(server, operator)
    const acme = await makeKey(server, { power: { kind: 'company', companyId: ACME } })
    await askFor(200, server, acme, `PATCH /users/${BERT}`, { body: { first_name: 'Berta' } })
    const seen = (await askFor(200, server, acme, 'GET /audit')).items
    assert.ok(seen.length >= 4)
    for (const entry of seen) assert.deepEqual([entry.company, entry.personal, entry.source], [ACME, null, null])
    assert.equal((await ask(server, acme, `GET /audit?company=${GLOBEX}`)).status, 404)
    const all = (await askFor(200, server, operator, 'GET /audit?limit=200')).items.map(
      (entry: { id: string }) => entry.id,
    )
    const paged: string[] = []
    for (let cursor = ''; ; ) {
      const page = await askFor(200, server, operator, `GET /audit?limit=3${cursor}`)
      paged.push(...page.items.map((entry: { id: string }) => entry.id))
      if (page.next_cursor === null) break
      cursor = `&cursor=${page.next_cursor}`
    }
    assert.deepEqual(paged, all)
    const { items } = await askFor(200, server, operator, 'GET /audit?act=company.created')
    assert.equal(items.length, 3)
    assert.deepEqual((await askFor(200, server, operator, 'GET /audit?from=2099-01-01')).items, [])
    assert.deepEqual((await askFor(200, server, operator, 'GET /audit?until=2020-01-01')).items, [])
  })
}
