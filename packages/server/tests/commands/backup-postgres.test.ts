import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresCluster } from '../../../../tools/postgres.ts'
import { openDatabase } from '../../src/db/database.ts'
import { allSteps } from '../../src/db/migrate.ts'
import { makeKey } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { ACME, ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { makeReleased, RELEASED } from '../support/released.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { skipTools, startTooledPostgres, toolPath } from '../support/tooled-postgres.ts'
import { besideServer, type Environment, runCommand } from './run.ts'

let cluster: PostgresCluster
let databases = 0
const folder = mkdtempSync(join(tmpdir(), 'license-dump-'))

before(async () => {
  if (!skipTools) cluster = await startTooledPostgres()
})
after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const newDatabase = () => cluster.createDatabase(`house_${++databases}`)

async function house(): Promise<TestServer & { env: Environment }> {
  const server = await startServer('sqlite', {
    house: SMALL_HOUSE,
    env: { LICENSE_DATABASE_URL: await newDatabase(), LICENSE_DATABASE_POOL: '4' },
  })
  return { ...server, env: { ...besideServer(server), ...toolPath } }
}

/** Another house on the same key ring, without a server. */
async function elsewhere(env: Environment): Promise<Environment & { LICENSE_DATABASE_URL: string }> {
  const data = mkdtempSync(join(folder, 'data-'))
  copyFileSync(join(env.LICENSE_DATA_DIR ?? '', 'keys.json'), join(data, 'keys.json'))
  return { ...env, LICENSE_DATA_DIR: data, LICENSE_DATABASE_URL: await newDatabase() }
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

const LIVE = 'select id from tokens where revoked_at is null'
const UNUSED = 'select id from impersonations where used_at is null and expires_at > created_at'
const KEYS = 'select id from api_keys where revoked_at is null'

test('a house on PostgreSQL is backed up while it is written to, restores whole, and nobody is signed in', {
  skip: skipTools,
}, async () => {
  await using server = await house()
  const backup = join(folder, 'whole.dump')
  const token = await issue(server, ANNA, 'crm')
  await server.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'test' })
  // Not every character that ends a line somewhere ends one in a backup.
  await ask(server.env.LICENSE_DATABASE_URL ?? '', `update companies set name = E'AC\\u2028M\\r\\nE\\tx'`)

  const writing = new AbortController()
  const written = (async () => {
    for (; !writing.signal.aborted; await sleep(5)) await issue(server, ANNA, 'crm')
  })()
  const made = await runCommand(server.env, ['backup', backup])
  writing.abort()
  await written
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /the copy is checked/)
  assert.equal(statSync(backup).mode & 0o777, 0o600)
  assert.equal((await runCommand(server.env, ['backup', '--check', backup])).code, 0)

  const env = await elsewhere(server.env)
  const restored = await runCommand(env, ['restore', backup])
  assert.equal(restored.code, 0, restored.stderr)
  assert.match(restored.stdout, /Everyone must sign in again \(\d+ sessions ended\)/)
  assert.match(restored.stdout, /one-time tokens no longer work \(1\)/)
  assert.match(restored.stdout, /There was no database before\.\nThe house is in order\.\n$/)
  assert.deepEqual(await ask(env.LICENSE_DATABASE_URL, LIVE), [])
  assert.deepEqual(await ask(env.LICENSE_DATABASE_URL, UNUSED), [])
  const users = async (of: Environment) => JSON.parse((await runCommand(of, ['user', 'list', '--json'])).stdout)
  assert.deepEqual(await users(env), await users(server.env))
  assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
})

test('on PostgreSQL too, a restore keeps sessions only when told to, one-time tokens never, and the present house always', {
  skip: skipTools,
}, async () => {
  await using server = await house()
  const backup = join(folder, 'sessions.dump')
  await issue(server, ANNA, 'crm')
  await server.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'test' })
  await makeKey(server)
  assert.equal((await runCommand(server.env, ['backup', backup])).code, 0)
  const env = await elsewhere(server.env)
  const keysLeft = async () => (await ask(env.LICENSE_DATABASE_URL, KEYS)).length
  const live = async () => (await ask(env.LICENSE_DATABASE_URL, LIVE)).length
  const unused = async () => (await ask(env.LICENSE_DATABASE_URL, UNUSED)).length

  const kept = await runCommand(env, ['restore', backup, '--keep-sessions'])
  assert.equal(kept.code, 0, kept.stderr)
  assert.deepEqual([await live(), await unused(), await keysLeft()], [1, 0, 1])

  const again = await runCommand(env, ['restore', backup, '--json'])
  const { aside, ended, oneTime, keys } = JSON.parse(again.stdout)
  assert.deepEqual([ended, oneTime, keys, await live(), await keysLeft()], [1, 1, 1, 0, 0])
  assert.match(aside, /before-restore-\d{8}T\d{6}\.\d{3}Z\.dump$/)
  assert.equal(dirname(aside), env.LICENSE_DATA_DIR)
  // What was kept is a backup itself, of the house as it was.
  assert.equal((await runCommand(env, ['restore', aside, '--keep-sessions'])).code, 0)
  assert.deepEqual([await live(), await unused()], [1, 0])
})

test('on PostgreSQL too, a restore refuses what is no sound backup, and leaves the house as it is', {
  skip: skipTools,
}, async () => {
  await using server = await house()
  const backup = join(folder, 'sound.dump')
  assert.equal((await runCommand(server.env, ['backup', backup])).code, 0)
  const env = await elsewhere(server.env)
  assert.equal((await runCommand(env, ['restore', backup])).code, 0)
  const before = await ask(env.LICENSE_DATABASE_URL, 'select * from users order by id')
  const bytes = readFileSync(backup)
  const file = (name: string, content: Buffer | string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const flipped = Buffer.from(bytes)
  const at = bytes.length - 2_000
  flipped[at] = (flipped[at] ?? 0) ^ 0xff
  const dumpOf = async (change: string) => {
    await ask(server.env.LICENSE_DATABASE_URL ?? '', change)
    const made = join(folder, `${databases}-${change.length}.dump`)
    const ran = await runCommand(server.env, ['backup', made, '--force'])
    assert.equal(ran.code, 0, ran.stderr)
    return made
  }
  const refused: [file: string, says: RegExp][] = [
    [join(folder, 'nothing.dump'), /There is no file/],
    [file('text.dump', 'hello'), /pg_dump --format=custom did not make it/],
    [file('cut.dump', bytes.subarray(0, bytes.length - 500)), /The backup is broken/],
    [file('flipped.dump', flipped), /The backup is broken/],
    [file('house.db', 'SQLite format 3\0 and more'), /is a backup of a house on SQLite/],
    [await dumpOf("insert into migrations values ('9999-later')"), /newer program/],
    [
      await dumpOf(
        "delete from migrations where name = '9999-later'; update house set value = 'k0.AAAA' where name = 'key_check'",
      ),
      /not the one that this database was sealed with/,
    ],
  ]
  for (const [path, says] of refused) {
    for (const args of [
      ['restore', path],
      ['backup', '--check', path],
    ]) {
      const ran = await runCommand(env, args)
      assert.deepEqual([ran.code, ran.stdout], [1, ''], path)
      assert.match(ran.stderr, says)
    }
  }
  assert.deepEqual(await ask(env.LICENSE_DATABASE_URL, 'select * from users order by id'), before)
  assert.deepEqual(readdirSync(env.LICENSE_DATA_DIR ?? ''), ['keys.json'])
})

test('on PostgreSQL a restore needs the servers stopped, and rolls back when it fails half way', {
  skip: skipTools,
}, async () => {
  await using server = await house()
  const url = server.env.LICENSE_DATABASE_URL ?? ''
  const backup = join(folder, 'half.dump')
  const token = await issue(server, ANNA, 'crm')
  assert.equal((await runCommand(server.env, ['backup', backup])).code, 0)
  const open = await runCommand(server.env, ['restore', backup])
  assert.equal(open.code, 1)
  assert.match(open.stderr, /open on this database\. Stop them first/)

  const env = await elsewhere(server.env)
  assert.equal((await runCommand(env, ['restore', backup])).code, 0)
  // A table of somebody else's that has the name of an index of ours: its creation fails in the middle.
  await ask(env.LICENSE_DATABASE_URL, 'drop index users_email; create table users_email (mine text)')
  const failed = await runCommand(env, ['restore', backup])
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /the present house is as it was:\n.*psql failed/s)
  assert.match(failed.stderr, /users_email/)
  assert.equal((await ask(env.LICENSE_DATABASE_URL, 'select id from users')).length, 5)
  assert.equal((await ask(env.LICENSE_DATABASE_URL, 'select mine from users_email')).length, 0)
  assert.ok(url !== '' && (await call(server, 'GET get-permissions/', { token })).status === 200)
})

test('a backup of before an update is brought up to this program; what the newer schema had goes', {
  skip: skipTools,
}, async () => {
  const folders = { before: mkdtempSync(join(folder, 'before-')), after: mkdtempSync(join(folder, 'after-')) }
  const [before, after] = [await newDatabase(), await newDatabase()]
  const database = openDatabase({ kind: 'postgres', url: before }, { poolSize: 1, onIdleError: () => undefined })
  await makeReleased(database, '0001-house', 5)
  await database.close()
  const backup = join(folder, 'older.dump')
  const old = { ...toolPath, LICENSE_DATA_DIR: folders.before, LICENSE_DATABASE_URL: before }
  assert.equal((await runCommand(old, ['backup', backup])).code, 0)

  const env = { ...old, LICENSE_DATA_DIR: folders.after, LICENSE_DATABASE_URL: after, LICENSE_KEYS: RELEASED.keys }
  await ask(after, 'create table somebody_elses (id int)')
  assert.equal((await runCommand(env, ['migrate'])).code, 0)
  const ran = await runCommand(env, ['restore', backup, '--json'])
  assert.equal(ran.code, 0, ran.stderr + ran.stdout)
  const newer = Object.keys(allSteps('postgres')).filter((name) => name > '0001-house')
  assert.deepEqual(JSON.parse(ran.stdout).migrated, newer)
  assert.deepEqual(await ask(after, 'select id from users'), await ask(before, 'select id from users'))
  assert.deepEqual(await ask(after, 'select id from somebody_elses'), [])
})
