import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { ACME, ANNA, ask, askFor, BERT, EMIL, GLOBEX, MANAGED_HOUSE, makeKey, NOBODY } from '../support/admin.ts'
import { signIn } from '../support/calls.ts'
import { startFaulty } from '../support/faults.ts'
import { CHEAP_HASH, PASSWORD } from '../support/house.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const digestOf = (text: string) => hash('sha256', text, 'base64url')

type Row = Record<string, unknown> & { email: string }

function people(count: number, start = 0): Row[] {
  return Array.from({ length: count }, (_, nth) => ({
    email: `moved${start + nth}@old.test`,
    first_name: `Moved ${start + nth}`,
    last_name: 'Person',
    password_hash: CHEAP_HASH,
  }))
}

function begin(server: Pick<TestServer, 'url'>, key: string, total: number, options?: object, name = 'users.csv') {
  return askFor(201, server, key, 'POST /imports', {
    body: { kind: 'users', name, digest: digestOf(name), total, ...(options && { options }) },
  })
}

function send(server: Pick<TestServer, 'url'>, key: string, id: string, from: number, rows: readonly Row[]) {
  return ask(server, key, `POST /imports/${id}/rows`, { body: { from, rows } })
}

/** All but what asking alone changes. */
async function house(server: Parameters<typeof allTables>[0]) {
  const { api_keys: _keys, ...tables } = await allTables(server)
  return tables
}

/** One of each kind, with what becomes of it. */
const MIXED: [row: Row, outcome: string, reason?: RegExp][] = [
  [{ email: ' New.One@Old.TEST ', first_name: 'Änne', password_hash: CHEAP_HASH, active: false }, 'created'],
  [{ email: 'bert@acme.test', first_name: 'Other', password_hash: CHEAP_HASH, active: false }, 'existing'],
  [{ email: 'no address' }, 'refused', /address is none/],
  [{ email: 'new.one@old.test' }, 'refused', /stands in an earlier row/],
  [{ email: 'a@old.test', password_hash: 'a plain password' }, 'refused', /password string/],
  [
    { email: 'b@old.test', password_hash: '$2b$15$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12' },
    'refused',
    /too large/,
  ],
  [{ email: 'c@old.test', first_name: 'x'.repeat(151) }, 'refused', /first_name is longer/],
  [{ email: 'd@old.test', last_name: 'a\0b' }, 'refused', /can not be stored/],
  [{ email: 'e@old.test', last_name: 'a\ud800b' }, 'refused', /can not be stored/],
  [{ email: 'f@old.test', pin: '1234567' }, 'refused', /pin is longer/],
  [{ email: 'g@old.test', id: '17' }, 'refused', /no UUID/],
  [{ email: 'h@old.test', id: EMIL }, 'refused', /id is taken/],
  [{ email: 'i@old.test', created_at: 'yesterday' }, 'refused', /no moment/],
  [
    { email: 'j@old.test', id: NOBODY, password_hash: '!unusable', pin: '4711', created_at: '2019-03-04T05:06:07Z' },
    'created',
  ],
  [{ email: 'k@old.test', id: NOBODY.toUpperCase() }, 'refused', /id stands in an earlier row/],
  [{ email: 'boris@gone.test', password_hash: CHEAP_HASH }, 'refused', /was deleted/],
  [{ email: 'l@old.test', password_hash: '' }, 'created'],
]
const ROWS = MIXED.map(([row]) => row)

for (const database of databases) {
  test(`each row is created, there already or refused by itself, and a dry run tells the same and stores nothing (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const { id: gone } = await askFor(201, server, key, 'POST /users', { body: { email: 'boris@gone.test' } })
    await askFor(204, server, key, `DELETE /users/${gone}`)
    const before = await house(server)
    const bert = before.users?.find(({ id }) => id === BERT)

    const checked = await askFor(200, server, key, 'POST /imports/check', { body: { from: 7, rows: ROWS } })
    assert.deepEqual(await house(server), before)
    for (const [at, [row, outcome, reason = /^$/]] of MIXED.entries()) {
      const told = checked.rows[at]
      assert.deepEqual([told.row, told.outcome], [7 + at, outcome], JSON.stringify(row))
      assert.match(told.reason ?? '', reason)
    }

    const started = await begin(server, key, ROWS.length)
    const { status, body } = await send(server, key, started.id, 0, ROWS)
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(
      body.rows.map(({ row, ...rest }: { row: number }) => ({ row: row + 7, ...rest })),
      checked.rows,
    )
    const counts = { total: 17, done: 17, created: 3, existing: 1, refused: 13 }
    for (const [name, count] of Object.entries(counts)) assert.equal(body.import[name], count, name)
    assert.notEqual(body.import.finished_at, null)
    assert.deepEqual(await askFor(200, server, key, `GET /imports/${started.id}`), body.import)

    // Whoever was there is as before, and the new ones are found.
    const after = await house(server)
    assert.deepEqual(
      after.users?.find(({ id }) => id === BERT),
      bert,
    )
    assert.equal(after.users?.length, (before.users?.length ?? 0) + 3)
    const [found] = (await askFor(200, server, key, 'GET /users?q=änne')).items
    assert.equal(found.email, 'new.one@old.test')
    const { active, has_password, operator } = await askFor(200, server, key, `GET /users/${found.id}`)
    assert.deepEqual([active, has_password, operator], [false, true, false])
    const kept = await askFor(200, server, key, `GET /users/${NOBODY}`)
    assert.deepEqual(
      [kept.email, kept.pin, kept.has_password, kept.created_at],
      ['j@old.test', '4711', false, '2019-03-04T05:06:07.000Z'],
    )

    // With the address of one who was deleted when that is said, and not without.
    const again = await begin(server, key, 1, { take_up_deleted: true }, 'again.csv')
    assert.equal((await send(server, key, again.id, 0, [{ email: 'boris@gone.test' }])).body.rows[0].outcome, 'created')
  })

  test(`an imported password signs in, and one that is there is never overwritten (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    await askFor(204, server, key, `PUT /users/${ANNA}/password`, { body: { password: 'a password of her own' } })
    const { id } = await begin(server, key, 2, { company: ACME, managed_by: ACME })
    const rows = [{ email: 'anna@acme.test', password_hash: CHEAP_HASH }, ...people(1)]
    const { body } = await send(server, key, id, 0, rows)
    assert.deepEqual(
      body.rows.map(({ outcome }: { outcome: string }) => outcome),
      ['existing', 'created'],
    )
    assert.equal((await signIn(server, 'anna@acme.test', 'a password of her own')).status, 200)
    assert.equal((await signIn(server, 'anna@acme.test', PASSWORD)).status, 401)
    await server.lift()

    const [moved] = (await askFor(200, server, key, `GET /companies/${ACME}/members?q=moved`)).items
    assert.equal(moved.user.email, 'moved0@old.test')
    assert.equal((await askFor(200, server, key, `GET /users/${moved.user.id}`)).managed_by, ACME)
    await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${moved.user.id}`, { body: {} })
    assert.equal((await signIn(server, 'moved0@old.test', 'another password')).status, 401)
    assert.equal((await signIn(server, 'moved0@old.test', PASSWORD)).status, 200)
  })

  test(`an import goes on at the row that is next, and at no other (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const { id } = await begin(server, key, 30)
    assert.equal((await send(server, key, id, 0, people(10))).body.import.done, 10)
    const before = await house(server)
    // The same again, one that leaves rows out, one that goes beyond the end.
    for (const [from, status, code] of [
      [0, 409, 'rows_out_of_order'],
      [11, 409, 'rows_out_of_order'],
      [10, 400, 'invalid_input'],
    ] as const) {
      const { status: got, body } = await send(server, key, id, from, people(from === 10 ? 21 : 10, from))
      assert.deepEqual([got, body.code], [status, code])
      if (status === 409) assert.deepEqual(body.errors, [{ path: '/body/from', message: 'must be 10' }])
    }
    assert.deepEqual(await house(server), before)

    // Whoever starts again with the same file is told where it ended; another file, or other options, is another import.
    const found = await begin(server, key, 30)
    assert.deepEqual([found.id, found.done, found.created], [id, 10, 10])
    assert.notEqual((await begin(server, key, 30, { take_up_deleted: true })).id, id)
    const other = { kind: 'users', name: 'users.csv', digest: digestOf('users.csv'), total: 31 }
    assert.equal((await askFor(400, server, key, 'POST /imports', { body: other })).errors[0].path, '/body/total')

    // Of two at once one is taken.
    const two = await Promise.all([10, 10].map((from) => send(server, key, id, from, people(20, from))))
    assert.deepEqual(two.map(({ status }) => status).sort(), [200, 409])
    assert.equal((await send(server, key, id, 30, people(1, 30))).body.code, 'rows_out_of_order')
    const anew = await begin(server, key, 30)
    assert.notEqual(anew.id, id)
    const { body } = await send(server, key, anew.id, 0, people(30))
    assert.deepEqual([body.import.created, body.import.existing], [0, 30])
    const page = await askFor(200, server, key, 'GET /imports?limit=2')
    assert.equal(page.items[0].id, anew.id)
    assert.equal((await askFor(200, server, key, `GET /imports?cursor=${page.next_cursor}`)).items.length, 1)
    assert.equal((await ask(server, key, `GET /imports/${NOBODY}`)).status, 404)
    assert.equal((await send(server, key, NOBODY, 0, people(1))).status, 404)
  })

  test(`a batch that fails at any step leaves nothing of it, and goes in when it is sent again (${database})`, async () => {
    const env: Record<string, string> = {}
    if (database === 'postgres') env.LICENSE_DATABASE_URL = await newDatabase()
    await using server = await startFaulty(env, MANAGED_HOUSE)
    const key = await makeKey(server)
    const { id } = await begin(server, key, 20, { company: ACME })
    const rows = people(20)
    let failed = 0
    for (let step = 1; ; step++) {
      const before = await house(server)
      server.faults.arm(step, new Error('the disk is gone'))
      const { status, body } = await send(server, key, id, 0, rows)
      if (!server.faults.disarm()) {
        assert.deepEqual([status, body.import?.created], [200, 20])
        break
      }
      // What comes after the batch, such as looking how long a hash takes, is not its business.
      if (status === 200) break
      failed++
      assert.equal(status, 500)
      assert.deepEqual(await house(server), before)
    }
    assert.ok(failed >= 10, `${failed} steps`)
    assert.equal((await askFor(200, server, key, `GET /imports/${id}`)).created, 20)
  })

  test(`each new user is audited as one that is made by hand, without secrets, and can be erased (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const { id } = await begin(server, key, 3, { company: ACME })
    await send(server, key, id, 0, [...people(2), { email: 'bert@acme.test' }])
    const [user] = (await askFor(200, server, key, 'GET /users?q=moved0')).items
    const entries = (await askFor(200, server, key, `GET /audit?target=${user.id}`)).items
    assert.deepEqual(
      entries.map(({ act }: { act: string }) => act),
      ['member.added', 'user.created'],
    )
    assert.equal(entries[1].data.import, id)
    assert.equal(entries[1].personal.email, 'moved0@old.test')
    const ofImport = (await askFor(200, server, key, `GET /audit?target=${id}`)).items
    assert.deepEqual(
      ofImport.map(({ act, data }: { act: string; data: { created?: number } }) => [act, data.created]),
      [
        ['import.finished', 2],
        ['import.started', undefined],
      ],
    )
    const tables = await house(server)
    for (const name of ['audit_entries', 'audit_personal', 'imports', 'refusals'])
      assert.ok(!JSON.stringify(tables[name]).includes('argon2'), name)
    await askFor(204, server, key, `DELETE /users/${user.id}`)
    assert.ok(!JSON.stringify(await house(server)).includes('moved0@old.test'))
  })

  test(`what an import gives is given by those alone who may give it (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const [few, more, all] = [
      await makeKey(server, { scopes: ['imports:write'] }),
      await makeKey(server, { scopes: ['imports:write', 'members:write'] }),
      await makeKey(server),
    ]
    const wish = (options: object) => ({
      body: { kind: 'users', name: 'x', digest: digestOf('x'), total: 1, options },
    })
    const before = await house(server)
    for (const [key, options, code] of [
      [few, { company: ACME }, 'scope_missing'],
      [few, { managed_by: ACME }, 'not_allowed'],
      [more, { company: ACME, managed_by: ACME }, 'not_allowed'],
      [all, { company: NOBODY }, 'not_found'],
      [all, { managed_by: NOBODY }, 'not_found'],
    ] as const) {
      assert.equal((await ask(server, key, 'POST /imports', wish(options))).body.code, code)
      const check = { body: { rows: people(1), options } }
      assert.equal((await ask(server, key, 'POST /imports/check', check)).body.code, code)
    }
    assert.deepEqual(await house(server), before)
    // Nor does somebody with less go on with what somebody with more began.
    const { id } = await askFor(201, server, all, 'POST /imports', wish({ company: GLOBEX }))
    assert.equal((await send(server, few, id, 0, people(1))).body.code, 'scope_missing')
    assert.equal((await send(server, more, id, 0, people(1))).status, 200)
    // Nobody becomes an operator, and rows have no other fields.
    for (const field of [
      'operator',
      'support',
      'is_superuser',
      'is_staff',
      'password',
      'password_foreign',
      'managed_by',
    ]) {
      const rows = [{ email: 'x@old.test', [field]: true }]
      const { status, body } = await ask(server, all, 'POST /imports/check', { body: { rows } })
      assert.deepEqual([status, body.errors[0].path], [400, `/body/rows/0/${field}`])
    }
    const tooMany = { body: { rows: people(501) } }
    assert.equal((await ask(server, all, 'POST /imports/check', tooMany)).status, 400)
  })
}
