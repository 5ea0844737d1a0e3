import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchKeys } from '../../src/jobs/watch-keys.ts'
import { SMALL_HOUSE, user } from '../support/house.ts'
import {
  assertNobodySignedOut,
  type Ring,
  ringFile,
  ringOf,
  ringText,
  signedIn,
  startAnother,
} from '../support/rings.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, type Environment, runCommand } from './run.ts'

const KILL_AT = fileURLToPath(new URL('../support/kill-at.ts', import.meta.url))

for (const database of databases) {
  test(`keys rotate signs nobody out, neither at the server that runs nor at the next one (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['keys', ...args])
    const old = ringOf(server).current
    const before = [await signedIn(server), await signedIn(server)] as const

    const rotated = await run('rotate')
    assert.deepEqual([rotated.code, rotated.stderr], [0, ''])
    assert.match(
      rotated.stdout,
      /^The key k[0-9a-f]{8} is made, and seals from now on\. Keep a copy .*\n1 value sealed anew/,
    )
    const { current, keys } = ringOf(server)
    assert.deepEqual(Object.keys(keys), [old, current])
    assert.equal(statSync(ringFile(server)).mode & 0o777, 0o600)
    await assertNobodySignedOut(server, before[0])

    // The server that runs takes the rotated ring at its next look.
    assert.equal(server.ctx.keys.current, old)
    await watchKeys.run(server.ctx)
    assert.equal(server.ctx.keys.current, current)

    await using another = await startAnother(server)
    await assertNobodySignedOut(another, before[1])

    const removed = await run('remove', old)
    assert.equal(removed.code, 0, removed.stderr)
    assert.match(removed.stdout, /Backups from before the rotation need it/)
    assert.deepEqual(Object.keys(ringOf(server).keys), [current])
    await watchKeys.run(server.ctx)
    await assertNobodySignedOut(server, await signedIn(server))
    assert.equal((await runCommand(besideServer(server), ['doctor'])).code, 0)
  })

  test(`with LICENSE_KEYS a key goes round: added, used, and the old one removed, over two nodes (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const text = readFileSync(ringFile(server), 'utf8')
    unlinkSync(ringFile(server))
    const keys = (ring: string, ...args: string[]) =>
      runCommand({ ...besideServer(server), LICENSE_KEYS: ring }, ['keys', ...args])
    const before = [await signedIn(server), await signedIn(server)] as const
    const { current: old } = JSON.parse(text)

    const added = await keys(text, 'rotate')
    assert.equal(added.code, 0)
    const both: Ring = JSON.parse(added.stdout)
    assert.deepEqual([both.current, Object.keys(both.keys)[0]], [old, old])
    const id = Object.keys(both.keys)[1] ?? ''
    assert.match(added.stderr, /1\. Set LICENSE_KEYS to the ring on standard output, on every node/)
    assert.match(added.stderr, new RegExp(`2\\. license-server keys use ${id}`))
    assert.ok(!existsSync(ringFile(server)))

    // A node that has it and one that has it not yet serve side by side.
    await using first = await startAnother(server, { LICENSE_KEYS: text })
    await using second = await startAnother(server, { LICENSE_KEYS: added.stdout })
    const used = await keys(added.stdout, 'use', id)
    const turned: Ring = JSON.parse(used.stdout)
    assert.deepEqual(turned, { current: id, keys: both.keys })
    await using third = await startAnother(server, { LICENSE_KEYS: used.stdout })
    const sealedByThird = await third.ctx.keys.seal('x', 'text')
    assert.equal(await second.ctx.keys.open('x', sealedByThird), 'text')
    await assert.rejects(
      first.ctx.keys.open('x', sealedByThird),
      /Set it to the ring that `license-server keys` printed/,
    )

    assert.equal((await keys(used.stdout, 'remove', old)).code, 1, 'the mark is still sealed with it')
    const sealedAnew = await keys(used.stdout, 'use', id)
    assert.match(sealedAnew.stdout, /1 value sealed anew/)
    const removed = await keys(used.stdout, 'remove', old)
    assert.deepEqual(JSON.parse(removed.stdout), { current: id, keys: { [id]: both.keys[id] } })
    await using fourth = await startAnother(server, { LICENSE_KEYS: removed.stdout })
    await assertNobodySignedOut(fourth, before[0])
    await assertNobodySignedOut(second, before[1])
    await assert.rejects(watchKeys.run(first.ctx), new RegExp(`LICENSE_KEYS.* is not the one .*it lacks the key ${id}`))
  })

  test(`no command shows a key, but those that hand a ring out (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const env = besideServer(server)
    const said: string[] = []
    const run = async (...args: string[]) => {
      const { stdout, stderr } = await runCommand({ ...env, LICENSE_LOG_LEVEL: 'trace' }, args)
      said.push(stdout, stderr)
      return stdout
    }
    const secrets = new Set(Object.values(ringOf(server).keys))
    const keep = () => {
      for (const key of Object.values(ringOf(server).keys)) secrets.add(key)
    }
    const { current } = ringOf(server)
    await run('keys', 'rotate')
    const { key } = JSON.parse(await run('keys', 'add', '--json'))
    keep()
    await run('keys', 'use', key, '--json')
    await run('keys', 'remove', current, '--json')
    await Promise.all([run('keys', 'list'), run('keys', 'check'), run('doctor', '--json')])
    writeFileSync(ringFile(server), readFileSync(ringFile(server), 'utf8').replace('{', ''))
    await Promise.all([run('keys', 'list'), run('keys', 'forget-lost'), run('doctor'), run('user', 'list')])
    assert.equal(secrets.size, 3)
    for (const key of secrets)
      for (const text of said)
        assert.ok(
          !text.includes(key.slice(0, 12)) && !text.includes(Buffer.from(key, 'base64').toString('hex').slice(0, 12)),
        )
  })
}

test('a key is removed only when it is one, not the current one, and nothing is sealed with it', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const run = (...args: string[]) => runCommand(besideServer(server), ['keys', ...args])
  const { current: old } = ringOf(server)
  const before = readFileSync(ringFile(server), 'utf8')
  for (const [args, says] of [
    [['remove', 'nix'], new RegExp(`has no key nix\\. It has: ${old}\\.`)],
    [['remove', old], /is the current key\. Make another one current first/],
    [['use', 'nix'], /has no key nix/],
  ] as const) {
    const ran = await run(...args)
    assert.deepEqual([ran.code, ran.stdout], [1, ''])
    assert.match(ran.stderr, says)
  }
  assert.equal(readFileSync(ringFile(server), 'utf8'), before)
  for (const args of [['remove'], ['use'], ['rotate', 'x'], ['nix'], ['check', '--all']])
    assert.equal((await run(...args)).code, 2)

  // Current by hand, so that the mark is still sealed with the old one.
  const { key } = JSON.parse((await run('add', '--json')).stdout)
  const ring = ringOf(server)
  writeFileSync(ringFile(server), ringText(key, ring.keys))
  const sealed = await run('remove', old)
  assert.deepEqual([sealed.code, /One thing is still sealed with/.test(sealed.stderr)], [1, true])
  const doctor = await runCommand(besideServer(server), ['doctor'])
  assert.equal(doctor.code, 0)
  assert.match(
    doctor.stdout,
    new RegExp(`^! key ring: 1 thing is still sealed with an older key\\. Run: license-server keys use ${key}$`, 'm'),
  )
  assert.equal((await run('use', key)).code, 0)
  assert.equal((await run('remove', old)).code, 0)
})

test('the first key stays while addresses of deleted users are recognised by it, unless told otherwise', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const run = (...args: string[]) => runCommand(besideServer(server), args)
  const { current: first } = ringOf(server)
  const gina = { users: [user('gina@example.test')] }
  assert.equal((await run('user', 'delete', 'gina@example.test', '--yes')).code, 0)
  assert.equal((await run('keys', 'rotate')).code, 0)
  await assert.rejects(server.seed(gina), /One thing is wrong in the house file/)

  const refused = await run('keys', 'remove', first)
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, /is the first key of the ring.*: addresses of deleted users \(1\)\./)
  await assert.rejects(server.seed(gina), /One thing is wrong in the house file/)
  const removed = await run('keys', 'remove', first, '--even-first')
  assert.equal(removed.code, 0, removed.stderr)
  await watchKeys.run(server.ctx)
  assert.equal((await server.seed(gina)).users.added, 1)
})

test('keys list tells whether two nodes have the same keys, and nothing of them', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const list = async (env: Environment = {}) =>
    JSON.parse((await runCommand({ ...besideServer(server), ...env }, ['keys', 'list', '--json'])).stdout).keys
  const [own] = await list()
  assert.deepEqual(Object.keys(own), ['id', 'isCurrent', 'fingerprint'])
  assert.match(own.fingerprint, /^[0-9a-f]{12}$/)
  const text = readFileSync(ringFile(server), 'utf8')
  assert.deepEqual(await list({ LICENSE_KEYS: text }), [own])
  const { current, keys } = JSON.parse(text)
  const other = Buffer.from(keys[current], 'base64').fill(1, 0, 1).toString('base64')
  assert.notEqual(
    (await list({ LICENSE_KEYS: ringText(current, { [current]: other }) }))[0].fingerprint,
    own.fingerprint,
  )
  unlinkSync(ringFile(server))
  const none = await runCommand(besideServer(server), ['keys', 'list'])
  assert.deepEqual([none.code, /There is no key ring at/.test(none.stderr)], [1, true])
})

test("a rotated file keeps its owner and the link that leads to it, and is closed to everybody else's eyes", async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const file = ringFile(server)
  const elsewhere = mkdtempSync(join(tmpdir(), 'license-ring-'))
  try {
    const target = join(elsewhere, 'ring.json')
    writeFileSync(target, readFileSync(file))
    chmodSync(target, 0o644)
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(target, 65_534, 65_534)
    unlinkSync(file)
    symlinkSync(target, file)
    assert.equal((await runCommand(besideServer(server), ['keys', 'rotate'])).code, 0)
    assert.ok(lstatSync(file).isSymbolicLink())
    const { mode, uid } = statSync(target)
    assert.deepEqual([mode & 0o777, uid], [0o600, isRoot ? 65_534 : process.getuid?.()])
    assert.deepEqual(readdirSync(elsewhere), ['ring.json'])
    assert.equal((await runCommand(besideServer(server), ['keys', 'check'])).code, 0)
  } finally {
    rmSync(elsewhere, { recursive: true, force: true })
  }
})

test('the file of LICENSE_KEYS_FILE is written where it may be, and handed out where it may not', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const file = join(server.config.dataDir, 'ring')
  writeFileSync(file, readFileSync(ringFile(server)), { mode: 0o600 })
  unlinkSync(ringFile(server))
  const env = { ...besideServer(server), LICENSE_KEYS_FILE: file }
  const written = JSON.parse((await runCommand(env, ['keys', 'rotate', '--json'])).stdout)
  const ring: Ring = JSON.parse(readFileSync(file, 'utf8'))
  assert.deepEqual([written.key, written.written, written.sealedAnew], [ring.current, true, 1])
  assert.ok(!existsSync(ringFile(server)))

  for (const FAIL_WITH of ['EROFS', 'EACCES']) {
    const readOnly = { ...env, NODE_OPTIONS: `--import=${KILL_AT}`, FAIL_WITH }
    const kept = readFileSync(file, 'utf8')
    // The stand-in for a read-only file system looks for this name.
    const link = join(server.config.dataDir, 'keys.json')
    writeFileSync(link, kept)
    const { code, stdout, stderr } = await runCommand({ ...readOnly, LICENSE_KEYS_FILE: link }, ['keys', 'rotate'])
    assert.equal(code, 0, stderr)
    const handed: Ring = JSON.parse(stdout)
    assert.deepEqual([handed.current, Object.keys(handed.keys).length], [ring.current, 3])
    assert.match(stderr, /LICENSE_KEYS_FILE, \S+ can't be written from here/)
    assert.equal(readFileSync(link, 'utf8'), kept)
  }
})
