import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { restoreSqlite } from '../../src/commands/restore-sqlite.ts'
import { readConfig } from '../../src/config.ts'
import { makeKey } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { ACME, ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { besideServer, type Environment, runCommand } from './run.ts'

function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'license-backup-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A second house on the same key ring, without a server: what a backup is restored into. */
function emptyHouse(server: TestServer, folder: string): Environment {
  writeFileSync(join(folder, 'keys.json'), readFileSync(join(server.config.dataDir, 'keys.json')), { mode: 0o600 })
  return { LICENSE_DATA_DIR: folder }
}

function query(file: string, sql: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

const LIVE = 'select id from tokens where revoked_at is null'
const UNUSED = 'select id from impersonations where used_at is null and expires_at > created_at'
const KEYS = 'select id from api_keys where revoked_at is null'

test('a backup of a house that is being written to restores whole, with nobody signed in', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  using other = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  await issue(server, ANNA, 'crm')

  const writing = new AbortController()
  const written = (async () => {
    // A pause of the event loop each time, or nothing else here would ever run.
    for (; !writing.signal.aborted; await sleep(5)) await issue(server, ANNA, 'crm')
  })()
  const made = await runCommand(besideServer(server), ['backup', backup])
  writing.abort()
  await written
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /key ring is not in it: keep .*keys\.json/)
  assert.deepEqual(readdirSync(folder.path), ['house.db'])
  assert.equal(statSync(backup).mode & 0o777, 0o600)
  assert.ok(query(backup, LIVE).length > 0)

  const env = emptyHouse(server, other.path)
  const restored = await runCommand(env, ['restore', backup])
  assert.equal(restored.code, 0, restored.stderr)
  assert.match(restored.stdout, /Everyone must sign in again/)
  assert.match(restored.stdout, /There was no database before/)
  assert.deepEqual(query(join(other.path, 'license.db'), LIVE), [])
  assert.equal((await runCommand(env, ['doctor'])).code, 0)
  assert.deepEqual(
    JSON.parse((await runCommand(env, ['user', 'list', '--json'])).stdout),
    JSON.parse((await runCommand(besideServer(server), ['user', 'list', '--json'])).stdout),
  )
})

test('restore keeps sessions only when told to, one-time tokens never, and the present database always', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  await issue(server, ANNA, 'crm')
  await server.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'test' })
  await makeKey(server)
  assert.equal((await runCommand(besideServer(server), ['backup', backup])).code, 0)
  const left = (file: string) => [LIVE, UNUSED, KEYS].map((of) => query(file, of).length)
  assert.deepEqual(left(backup), [1, 1, 1])

  const env = emptyHouse(server, folder.path)
  const present = join(folder.path, 'license.db')
  assert.equal((await runCommand(env, ['restore', backup, '--keep-sessions'])).code, 0)
  assert.deepEqual(left(present), [1, 0, 1])

  const again = await runCommand(env, ['restore', backup, '--json'])
  const { aside, ended, keys } = JSON.parse(again.stdout)
  assert.deepEqual([ended, keys], [1, 1])
  assert.match(aside, /license\.db\.before-restore-\d{8}T\d{6}\.\d{3}Z$/)
  assert.deepEqual(left(present), [0, 0, 0])
  assert.deepEqual(left(aside), [1, 0, 1])
})

test('two restores within a second keep both houses of before', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  assert.equal((await runCommand(besideServer(server), ['backup', backup])).code, 0)
  const config = readConfig(emptyHouse(server, folder.path))
  assert.equal(config.database.kind, 'sqlite')
  const asides: (string | undefined)[] = []
  for (let time = 0; time < 4; time++)
    asides.push(
      (await restoreSqlite(config, { kind: 'sqlite', file: join(folder.path, 'license.db') }, backup, false)).aside,
    )
  assert.equal(asides[0], undefined)
  assert.equal(new Set(asides).size, 4)
  for (const aside of asides.slice(1)) assert.ok(existsSync(aside ?? ''))
})

test('restore refuses what is no sound backup of this house, and leaves the present database as it is', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  using other = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  assert.equal((await runCommand(besideServer(server), ['backup', backup])).code, 0)
  const env = emptyHouse(server, other.path)
  assert.equal((await runCommand(env, ['restore', backup])).code, 0)
  const present = join(other.path, 'license.db')
  const before = readFileSync(present)
  const bytes = readFileSync(backup)
  const file = (name: string, change: (path: string) => void) => {
    const path = join(folder.path, name)
    writeFileSync(path, bytes)
    change(path)
    return path
  }
  const run = (sql: string) => (path: string) => {
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
  }
  const refused: [file: string, says: RegExp][] = [
    [join(folder.path, 'nothing.db'), /There is no file/],
    [file('text.db', (path) => writeFileSync(path, 'hello')), /not an SQLite file/],
    [file('cut.db', (path) => truncateSync(path, 40_000)), /The backup is broken/],
    [
      file('loose.db', run("pragma foreign_keys = off; delete from users where email = 'anna@acme.test'")),
      /missing users/,
    ],
    [file('newer.db', run("insert into migrations values ('9999-later')")), /newer program/],
    [
      file('other.db', run("update house set value = 'k0.AAAA' where name = 'key_check'")),
      /not the one that this database was sealed with/,
    ],
    [file('used.db', (path) => writeFileSync(`${path}-wal`, 'x')), /not a backup/],
    [present, /the present database itself/],
  ]
  for (const [path, says] of refused) {
    const ran = await runCommand(env, ['restore', path])
    assert.deepEqual([ran.code, ran.stdout], [1, ''], path)
    assert.match(ran.stderr, says)
  }
  assert.deepEqual(readFileSync(present), before)
  assert.deepEqual(readdirSync(other.path).sort(), ['keys.json', 'license.db', 'license.db.lock'])
})

test('restore needs everything else stopped; backup overwrites only when told to', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  const run = (...args: string[]) => runCommand(besideServer(server), args)
  const token = await issue(server, ANNA, 'crm')
  assert.equal((await run('backup', backup)).code, 0)
  const twice = await run('backup', backup)
  assert.deepEqual([twice.code, /there already/.test(twice.stderr)], [1, true])
  assert.equal((await run('backup', backup, '--force')).code, 0)
  assert.equal((await run('backup', join(server.config.dataDir, 'license.db'), '--force')).code, 1)
  assert.match((await run('backup', join(folder.path, 'no', 'x.db'))).stderr, /There is no folder/)

  // Our server holds the database open, without the lock of `serve`.
  const open = await run('restore', backup)
  assert.equal(open.code, 1)
  assert.match(open.stderr, /Another process has .* open\. Stop it first\./)
  assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
})

test('a database that is too broken to open is kept aside with what lies beside it', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  assert.equal((await runCommand(besideServer(server), ['backup', backup])).code, 0)
  const env = emptyHouse(server, folder.path)
  writeFileSync(join(folder.path, 'license.db'), 'broken')
  writeFileSync(join(folder.path, 'license.db-wal'), 'what was written last')
  const ran = await runCommand(env, ['restore', backup, '--json'])
  assert.equal(ran.code, 0, ran.stderr)
  const { aside } = JSON.parse(ran.stdout)
  assert.equal(readFileSync(aside, 'utf8'), 'broken')
  assert.equal(readFileSync(`${aside}-wal`, 'utf8'), 'what was written last')
  assert.equal((await runCommand(env, ['doctor'])).code, 0)
})

test('where the database is a link, a restore replaces what it leads to', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  using other = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  assert.equal((await runCommand(besideServer(server), ['backup', backup])).code, 0)
  const env = emptyHouse(server, folder.path)
  const real = join(other.path, 'large.db')
  copyFileSync(backup, real)
  symlinkSync(real, join(folder.path, 'license.db'))
  const ran = await runCommand(env, ['restore', backup, '--json'])
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(realpathSync(join(folder.path, 'license.db')), real)
  assert.equal(dirname(JSON.parse(ran.stdout).aside), other.path)
  assert.deepEqual(query(real, LIVE), [])
  assert.equal((await runCommand(env, ['user', 'list'])).code, 0)
})

test("without PostgreSQL's own tools, backup and restore say which are missing, how they are called, and no password", async () => {
  using folder = temporaryFolder()
  const env = {
    LICENSE_DATABASE_URL: 'postgres://house:hush@db.example:5433/the%20house',
    LICENSE_DATA_DIR: folder.path,
    PATH: folder.path,
  }
  const file = join(folder.path, 'house.dump')
  const backup = await runCommand(env, ['backup', file])
  assert.equal(backup.code, 1)
  assert.match(backup.stderr, /no pg_dump, no pg_restore, no psql on the PATH/)
  const at = "--host=db.example --port=5433 --username=house --dbname='the house'"
  assert.ok(backup.stderr.includes(`pg_dump --format=custom ${at} --file=${file}`), backup.stderr)
  writeFileSync(file, 'PGDMP')
  const restore = await runCommand(env, ['restore', file])
  assert.equal(restore.code, 1)
  assert.match(restore.stderr, /no pg_dump, no pg_restore, no psql on the PATH/)
  assert.doesNotMatch(backup.stderr + restore.stderr, /hush/)
})

test('a start after a restore that was cut off says what to do, and makes no empty house', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  using folder = temporaryFolder()
  const backup = join(folder.path, 'house.db')
  assert.equal((await runCommand(besideServer(server), ['backup', backup])).code, 0)
  const env = emptyHouse(server, folder.path)
  const present = join(folder.path, 'license.db')
  const users = async () => JSON.parse((await runCommand(env, ['user', 'list', '--json'])).stdout).users.length

  // Cut off before it took the place: with no house before, and with one.
  copyFileSync(backup, `${present}.restoring`)
  for (const command of [['serve'], ['migrate'], ['user', 'list']]) {
    const refused = await runCommand(env, command)
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /A restore was cut off, and there is no .*license\.db\. Run the restore again, or delete/,
    )
  }
  assert.equal(existsSync(present), false)
  assert.equal((await runCommand(env, ['restore', backup])).code, 0)
  assert.equal(existsSync(`${present}.restoring`), false)
  copyFileSync(backup, `${present}.restoring`)
  assert.equal(await users(), 5)
  const doctor = await runCommand(env, ['doctor'])
  assert.equal(doctor.code, 0)
  assert.match(doctor.stdout, /^! restore: A restore was cut off: the house is as it was before it\./m)

  // Where the file system has no second names: between the two renames.
  const aside = `${present}.before-restore-20260101T000000Z`
  renameSync(present, aside)
  const refused = await runCommand(env, ['serve'])
  const [, command = ''] = /bring the house of before back: mv (.*)\n$/.exec(refused.stderr) ?? []
  assert.equal(command, `${aside} ${present}`)
  renameSync(aside, present)
  rmSync(`${present}.restoring`)
  assert.equal(await users(), 5)
})
