import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { askFor, makeKey } from '../support/admin.ts'
import { TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { SMALL_HOUSE } from '../support/house.ts'
import { databases, newDatabase, startServer, type TestServer } from '../support/server.ts'
import { besideServer, type Environment, runCommand } from './run.ts'

type Checks = { code: number | null; ok: boolean; faults: string[]; warnings: string[]; text: string }

async function examine(env: Environment): Promise<Checks> {
  const { code, stdout, stderr } = await runCommand(env, ['doctor', '--json'])
  assert.equal(stderr, '')
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; state: string; says: string }[] }
  const named = (state: string) => checks.filter((check) => check.state === state).map((check) => check.name)
  return { code, ok, faults: named('fault'), warnings: named('warning'), text: stdout }
}

/** Changes the house behind its own back. */
async function damage(server: TestServer, statement: string): Promise<void> {
  await server.ctx.db.transaction((tx) => sql.raw(statement).execute(tx))
}

for (const database of databases) {
  test(`doctor finds a sound house sound (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const env = besideServer(server)
    // All passwords of this house are imported strings.
    assert.deepEqual(
      { ...(await examine(env)), text: '' },
      { code: 0, ok: true, faults: [], warnings: ['passwords'], text: '' },
    )
    const elsewhere = await examine({ ...env, LICENSE_PUBLIC_URL: 'https://license.example' })
    assert.deepEqual([elsewhere.code, elsewhere.warnings], [0, ['secrets', 'passwords']])
    assert.match(elsewhere.text, /without one: crm, shop\./)
    const { stdout } = await runCommand(env, ['doctor'])
    assert.match(stdout, /^✓ house: it has 5 users, 2 companies, 4 applications\.$/m)
    assert.match(stdout, /^! passwords: 5 are still hashed as imported\./m)
    assert.match(stdout, /The house is in order\.\n$/)
  })

  test(`doctor says what is wrong in a house (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const env = besideServer(server)
    await damage(server, "update licenses set seats_held = 7 where application_id = 'shop'")
    await damage(server, "update permissions set needs = id where slug = 'list_orders'")
    await damage(server, "delete from permissions where application_id = 'attic' and slug = 'use_app'")
    await damage(server, 'update grants set seat = null where id = (select min(id) from grants where revoked_at = 0)')
    await damage(
      server,
      `update grants set seat = (select max(number) from seats s where s.user_id <> grants.user_id)
        where id = (select max(id) from grants where revoked_at = 0)`,
    )
    const found = await examine(env)
    assert.deepEqual([found.code, found.faults], [1, ['seats', 'grants', 'permissions']])
    assert.match(found.text, /2 in force are under no seat, or another's/)
    assert.match(found.text, /ACME for shop counts 7, held are 1/)
    assert.match(found.text, /attic: it has no use_app; shop: list_orders needs itself in a circle/)

    const stranger = {
      ...env,
      LICENSE_KEYS: JSON.stringify({ current: 'a', keys: { a: Buffer.alloc(32).toString('base64') } }),
    }
    assert.ok((await examine(stranger)).faults.includes('key ring'))
    await damage(server, "update house set value = '99' where name = 'oldest_program'")
    await damage(server, "insert into migrations (name) values ('9999-later')")
    assert.deepEqual((await examine(env)).faults, ['schema'])
  })
}

test('doctor says where events do not arrive, and that a Django site checks none', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE, env: TO_THIS_MACHINE })
  const env = besideServer(server)
  assert.match((await runCommand(env, ['doctor'])).stdout, /^✓ events: they are sent nowhere\.$/m)
  const key = await makeKey(server)
  const secret = 'http://127.0.0.1:9/services/T0/B0/not-for-the-log'
  for (const body of [{ url: secret }, { url: 'https://93.184.215.14/auth', dialect: 'django' }])
    await askFor(201, server, key, 'POST /applications/shop/endpoints', { body })
  const fine = await examine(env)
  assert.deepEqual([fine.code, fine.warnings], [0, ['passwords', 'Django sites']])
  assert.match(fine.text, /checks no signature itself: whoever reaches https:\/\/93\.184\.215\.14 \(shop\)/)
  const off = "active = 0, disabled_at = 1, disabled_because = 'gone' where dialect = 'django'"
  await damage(server, `update endpoints set ${off}`)
  await damage(server, "update endpoints set failing_since = 1 where dialect = 'standard'")
  const found = await examine(env)
  assert.deepEqual([found.code, found.warnings], [0, ['passwords', 'events']])
  assert.match(
    found.text,
    /93\.184\.215\.14 of shop .* was switched off on .* \(it answered 410\); http:\/\/127\.0\.0\.1:9 of shop/,
  )
  assert.doesNotMatch(found.text, /not-for-the-log/)
})

test('doctor says that there is no database yet, or that it is empty, and makes none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'license-doctor-'))
  try {
    const env = { LICENSE_DATA_DIR: join(folder, 'none') }
    const none = await examine(env)
    assert.deepEqual([none.code, none.faults], [1, ['database']])
    assert.ok(!existsSync(env.LICENSE_DATA_DIR))

    writeFileSync(join(folder, 'license.db'), 'no database')
    const wrong = await examine({ LICENSE_DATA_DIR: folder })
    assert.deepEqual([wrong.code, wrong.faults], [1, ['database']])
    assert.deepEqual(readdirSync(folder), ['license.db'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('doctor says who else can read the data folder and the key file', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const { dataDir } = server.config
  chmodSync(dataDir, 0o755)
  chmodSync(join(dataDir, 'keys.json'), 0o644)
  const open = await examine(besideServer(server))
  assert.deepEqual([open.code, open.faults], [1, ['data folder', 'key file']])
  assert.match(open.text, /chmod 600 .*keys\.json/)
})

test('doctor lists wrong settings, and says when PostgreSQL is out of reach, without its password', async () => {
  const wrong = await examine({ LICENSE_PORT: 'x', LICENSE_TIME_ZONE: 'Mars' })
  assert.deepEqual([wrong.code, wrong.faults], [1, ['settings', 'settings']])
  const env = { LICENSE_DATA_DIR: tmpdir(), LICENSE_DATABASE_URL: 'postgres://house:hush@127.0.0.1:1/house' }
  const away = await examine(env)
  assert.ok(away.faults.includes('database'))
  assert.doesNotMatch(away.text, /hush/)
})

if (databases.includes('postgres')) {
  test('doctor says that a PostgreSQL database is empty, and leaves it so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'license-doctor-'))
    const env = { LICENSE_DATA_DIR: folder, LICENSE_DATABASE_URL: await newDatabase() }
    for (let times = 0; times < 2; times++) assert.deepEqual((await examine(env)).faults, ['schema'])
    assert.deepEqual(readdirSync(folder), [])
    rmSync(folder, { recursive: true })
  })
}
