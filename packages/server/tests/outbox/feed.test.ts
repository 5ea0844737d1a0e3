import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LicenseClient, LicenseError } from 'cloudspot-license-api'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { switchUser } from '../../src/credentials/accounts.ts'
import { purgeOutbox } from '../../src/jobs/purge-events.ts'
import { replaceHistory } from '../../src/outbox/cursor.ts'
import { insertPing } from '../../src/outbox/event-store.ts'
import { ACME, ANNA, askFor, BERT, CARLA, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { answered, askAs, brief, listenTo, Mirror, settle, snapshotOf } from '../support/events.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const DAY = 86_400_000

function switchOff(server: TestServer, id: string): Promise<boolean> {
  return switchUser(server.ctx, COMMAND_LINE, id, false)
}

for (const database of databases) {
  test(`only an application with a secret, which it sends, reads events (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { secret, cursor } = await listenTo(server, 'crm')
    const other = await listenTo(server, 'shop')
    await switchOff(server, BERT)
    await settle(server)
    for (const path of [`events?after=${cursor}`, 'events', 'snapshot']) {
      const refused = [
        ['crm', undefined, 'application_secret_required'],
        ['crm', `${secret}x`, 'application_secret_required'],
        ['crm', other.secret, 'application_secret_required'],
        // It has none.
        ['spare', undefined, 'application_secret_required'],
        ['spare', secret, 'application_secret_required'],
        ['nobody', secret, 'unknown_application'],
      ] as const
      for (const [application, given, code] of refused) {
        const { status, body } = await askAs(server, application, given, path)
        assert.deepEqual([status, body.code, 'events' in body], [401, code, false], `${path} ${application}`)
      }
      assert.equal((await askAs(server, 'crm', secret, path)).status, 200, path)
    }
    // Nobody was told of on behalf of the one that may not read.
    const { events_since } = await server.ctx.db.read
      .selectFrom('applications')
      .select('events_since')
      .where('id', '=', 'spare')
      .executeTakeFirstOrThrow()
    assert.equal(events_since, null)
    const basic = Buffer.from(`crm:${secret}`).toString('base64')
    const reply = await fetch(`${server.url}/api/v1/application/events?after=${cursor}`, {
      headers: { 'x-license-module': 'crm', authorization: `Basic ${basic}` },
    })
    assert.equal(((await reply.json()) as { events: unknown[] }).events.length, 2)
  })

  test(`a cursor is one application's own, and of the events that are kept (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const [crm, shop] = [await listenTo(server, 'crm'), await listenTo(server, 'shop')]
    await switchOff(server, BERT)
    await settle(server)
    const read = (after: string, of = crm, application = 'crm') =>
      askAs(server, application, of.secret, `events?after=${after}`)
    for (const wrong of [shop.cursor, 'x', `${crm.cursor}x`, 'MTIz', Buffer.from('1.2.3').toString('base64url')]) {
      const { status, body } = await read(wrong)
      assert.deepEqual([status, body.code, body.errors?.[0]?.path], [400, 'invalid_input', '/query/after'], wrong)
    }
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'wait=26', 'wait=-1', 'unknown=1', 'after=']) {
      const { status, body } = await askAs(server, 'crm', crm.secret, `events?${query}`)
      assert.deepEqual([status, body.code], [400, 'invalid_input'], query)
    }
    const first = await askAs(server, 'crm', crm.secret, `events?after=${crm.cursor}&limit=1`)
    assert.deepEqual([first.body.events.length, first.body.more], [1, true])
    const second = await read(first.body.cursor)
    assert.deepEqual([second.body.events.length, second.body.more], [1, false])
    // Kept for thirty days, by default.
    server.clock.advance(29 * DAY)
    await purgeOutbox(server.ctx)
    assert.equal((await read(crm.cursor)).body.events.length, 2)
    server.clock.advance(2 * DAY)
    await purgeOutbox(server.ctx)
    for (const gone of [crm.cursor, first.body.cursor]) {
      const { status, body } = await read(gone)
      assert.deepEqual([status, body.code], [410, 'cursor_gone'])
    }
    assert.deepEqual((await read(second.body.cursor)).body.events, [])
    // After a restore other events may have had these numbers.
    await server.ctx.db.transaction(replaceHistory)
    assert.equal((await read(second.body.cursor)).body.code, 'cursor_gone')
    const { mirror, cursor } = await snapshotOf(server, 'crm', crm.secret)
    assert.deepEqual(mirror.told, await answered(server, 'crm'))
    assert.equal((await read(cursor)).status, 200)
  })

  test(`a snapshot and the events after its cursor are what answers say, whatever changes meanwhile (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { secret } = await listenTo(server, 'crm')
    const mirror = new Mirror()
    const changes = [ANNA, BERT, CARLA]
    let cursor = ''
    for (let page = ''; ; ) {
      const { body } = await askAs(server, 'crm', secret, `snapshot?limit=1${page}`)
      cursor ||= body.cursor
      assert.equal(body.cursor, cursor)
      for (const { user, company, permissions, version } of body.items)
        mirror.set(`${user.id} ${company.id}`, version, permissions)
      const next = changes.pop()
      if (next) await switchOff(server, next)
      if (next) await settle(server)
      if (body.next === null) break
      page = `&page=${body.next}`
    }
    const { body } = await askAs(server, 'crm', secret, `events?after=${cursor}`)
    const seen = new Set<string>()
    for (const event of body.events) {
      const key = `${event.data.user.id} ${event.data.company?.id} ${event.data.version}`
      // What the snapshot told already may come once more.
      if (
        event.type === 'permissions.updated' &&
        !seen.has(key) &&
        mirror.sets.get(key.slice(0, 73))?.version !== event.data.version
      )
        mirror.take(event)
      seen.add(key)
    }
    assert.deepEqual(mirror.told, await answered(server, 'crm'))
    for (const page of ['x', Buffer.from('a b c').toString('base64url')])
      assert.equal((await askAs(server, 'crm', secret, `snapshot?page=${page}`)).body.code, 'invalid_input')
  })

  test(`who waits is answered when something comes, when time is over, and when the server leaves (${database})`, async () => {
    const server = await startServer(database, { house: MANAGED_HOUSE })
    let isOpen = true
    try {
      const crm = await listenTo(server, 'crm')
      const path = (seconds: number) => `events?after=${crm.cursor}&wait=${seconds}`
      assert.deepEqual((await askAs(server, 'crm', crm.secret, path(1))).body.events, [])
      const waiting = askAs(server, 'crm', crm.secret, path(25))
      await switchOff(server, BERT)
      // By the job that runs, not by us.
      assert.ok((await waiting).body.events.length > 0)
      await crm.hear()
      const gone = new AbortController()
      const left = askAs(server, 'crm', crm.secret, path(25), gone.signal)
      left.catch(() => undefined)
      const until = askAs(server, 'crm', crm.secret, path(25))
      gone.abort()
      await assert.rejects(left)
      // Until it waits there.
      await sleep(500)
      const since = performance.now()
      isOpen = false
      await server[Symbol.asyncDispose]()
      assert.deepEqual((await until).body.events, [])
      assert.ok(performance.now() - since < 20_000)
    } finally {
      if (isOpen) await server[Symbol.asyncDispose]()
    }
  })

  test(`the client begins with a snapshot and hears what comes after it, until it is told to stop (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const { secret } = await listenTo(server, 'crm')
    const license = server.license('crm', { secret })
    const snapshot = await license.snapshot()
    const all = await Array.fromAsync(snapshot)
    assert.deepEqual(
      Object.fromEntries(all.map(({ user, company, permissions }) => [`${user.id} ${company.id}`, permissions])),
      await answered(server, 'crm'),
    )
    const stop = new AbortController()
    const heard: string[] = []
    let place = snapshot.cursor
    await switchOff(server, BERT)
    const listening = (async () => {
      for await (const { event, cursor } of license.events(place, { signal: stop.signal })) {
        heard.push(brief(event as Parameters<typeof brief>[0]))
        place = cursor
        if (heard.length === 2) await switchOff(server, CARLA)
        if (heard.length === 4) stop.abort(new Error('enough'))
      }
    })()
    await assert.rejects(listening, /enough/)
    assert.deepEqual(
      heard.map((each) => each.split(' ').slice(0, 2).join(' ')),
      ['user.updated bert', 'permissions bert', 'user.updated carla', 'permissions carla'],
    )
    const told: string[] = []
    const again = license.events(snapshot.cursor, { onCursor: (cursor) => told.push(cursor) })
    assert.equal((await again.next()).value?.event.type, 'user.updated')
    // Not yet: what came with it is not dealt with.
    assert.deepEqual(told, [])
    for (let left = 3; left > 0; left--) await again.next()
    const next = again.next()
    await switchOff(server, ANNA)
    await next
    assert.deepEqual([...new Set(told)], [place])
    await again.return()
    // Without an event, too.
    const now = new AbortController()
    const quiet = license.events(undefined, { signal: now.signal, onCursor: (cursor) => now.abort(cursor) })
    await assert.rejects(quiet.next(), (cursor) => typeof cursor === 'string' && cursor !== place)
    const lost = new LicenseClient('crm', { baseUrl: server.url }).events()
    await assert.rejects(
      lost.next(),
      (error) => error instanceof LicenseError && error.code === 'application_secret_required',
    )
    await server.ctx.db.transaction(replaceHistory)
    await assert.rejects(
      license.events(place).next(),
      (error) => error instanceof LicenseError && error.code === 'cursor_gone',
    )
  })

  test(`a ping is an event as any other (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const crm = await listenTo(server, 'crm')
    await server.ctx.db.transaction((tx) => insertPing(tx, server.ctx.now(), 'crm'))
    assert.deepEqual((await crm.hear()).map(brief), ['ping'])
    const key = await makeKey(server)
    await askFor(200, server, key, `PATCH /companies/${ACME}`, { body: { name: 'A' } })
    assert.deepEqual((await crm.hear()).map(brief), ['company A'])
  })
}
