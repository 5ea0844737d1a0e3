import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lockHouse } from '../../src/db/serve-lock.ts'
import { SMALL_HOUSE } from '../support/house.ts'
import {
  assertNobodySignedOut,
  ringFile,
  ringOf,
  ringText,
  STRANGER,
  signedIn,
  startAnother,
} from '../support/rings.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

const KILL_AT = fileURLToPath(new URL('../support/kill-at.ts', import.meta.url))

for (const database of databases) {
  test(`a ring that is missing, damaged or another's is told by start, doctor and check, and nothing is made (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const env = besideServer(server)
    const file = ringFile(server)
    const { current } = ringOf(server)
    const right = readFileSync(file)
    const cases: [put: string | undefined, says: RegExp][] = [
      [undefined, /The key ring \S+keys\.json is missing, but this database was sealed with one/],
      ['{"current":', /The key ring \S+keys\.json is damaged\. .* no JSON/],
      [
        STRANGER,
        new RegExp(`keys\\.json\\) is not the one that this database was sealed with: it lacks the key ${current}`),
      ],
      // The right id, and another key behind it.
      [
        ringText(current, { [current]: Buffer.alloc(32, 1).toString('base64') }),
        /is not the one .* sealed with\. Bring/,
      ],
    ]
    for (const [put, says] of cases) {
      if (put === undefined) unlinkSync(file)
      else writeFileSync(file, put)
      const run = (...args: string[]) => runCommand({ ...env, LICENSE_PORT: '0' }, args)
      const [serve, rotate, doctor, check] = await Promise.all([
        run('serve'),
        run('keys', 'rotate'),
        run('doctor'),
        run('keys', 'check', '--json'),
      ])
      for (const { code, stdout, stderr } of [serve, rotate]) {
        assert.deepEqual([code, stdout], [1, ''])
        assert.match(stderr, says)
        assert.match(stderr, /If it is gone for good, `license-server keys forget-lost`/)
        assert.doesNotMatch(stderr, /\n\s+at /)
      }
      assert.equal(doctor.code, 1)
      assert.match(doctor.stdout.split('\n').find((line) => line.startsWith('✗ key ring')) ?? '', says)
      assert.equal(check.code, 1)
      const { ok, fault, lost } = JSON.parse(check.stdout)
      assert.deepEqual([ok, lost[0].what, lost[0].count], [false, 'mark of the house', 1])
      assert.match(fault, says)
      assert.deepEqual(existsSync(file) ? readFileSync(file, 'utf8') : undefined, put)
    }
    const text = await runCommand(env, ['keys', 'check'])
    assert.match(text.stdout, /mark of the house \(1\): By it the house knows its key ring/)
    writeFileSync(file, right, { mode: 0o600 })
    chmodSync(file, 0o600)
    for (const command of [['doctor'], ['keys', 'check']]) assert.equal((await runCommand(env, command)).code, 0)
  })

  for (const loss of ['missing', 'damaged', "another house's"] as const) {
    test(`a ring that is gone for good (${loss}) is given up when asked twice, and nobody is signed out (${database})`, async () => {
      await using server = await startServer(database, { house: SMALL_HOUSE })
      const run = (...args: string[]) => runCommand(besideServer(server), ['keys', ...args])
      const file = ringFile(server)
      const before = await signedIn(server)
      assert.equal((await runCommand(besideServer(server), ['user', 'delete', 'gina@example.test', '--yes'])).code, 0)
      const intact = await run('forget-lost')
      assert.deepEqual([intact.code, /nothing is lost/.test(intact.stderr)], [1, true])

      if (loss === 'missing') unlinkSync(file)
      else writeFileSync(file, loss === 'damaged' ? 'k' : STRANGER)
      const put = loss === 'missing' ? undefined : readFileSync(file, 'utf8')
      const first = await run('forget-lost')
      assert.equal(first.code, 1)
      assert.match(first.stdout, /mark of the house \(1\)/)
      assert.match(first.stdout, /nobody is signed out/)
      const { confirm, lost } = JSON.parse((await run('forget-lost', '--json')).stdout)
      assert.ok(first.stdout.includes(`forget-lost --confirm ${confirm}`))
      assert.deepEqual(
        lost.map(({ what, count }: { what: string; count: number }) => [what, count]),
        [
          ['mark of the house', 1],
          ['addresses of deleted users', 1],
        ],
      )
      const guessed = await run('forget-lost', '--confirm', 'yes')
      assert.deepEqual([guessed.code, /not the code/.test(guessed.stderr)], [1, true])
      assert.deepEqual(existsSync(file) ? readFileSync(file, 'utf8') : undefined, put)

      const done = await run('forget-lost', '--confirm', confirm, '--json')
      assert.equal(done.code, 0, done.stderr)
      const { aside } = JSON.parse(done.stdout)
      assert.equal(aside === null ? undefined : readFileSync(aside, 'utf8'), put)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.equal((await run('check')).code, 0)
      assert.equal((await runCommand(besideServer(server), ['doctor'])).code, 0)
      await using another = await startAnother(server)
      await assertNobodySignedOut(another, before)
      // It was for that loss: once more does nothing.
      assert.equal((await run('forget-lost', '--confirm', confirm)).code, 1)
    })
  }

  test(`a ring that the operator sets anew takes the place of a lost one (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const before = await signedIn(server)
    unlinkSync(ringFile(server))
    const env = { ...besideServer(server), LICENSE_KEYS: STRANGER }
    const { confirm } = JSON.parse((await runCommand(env, ['keys', 'forget-lost', '--json'])).stdout)
    assert.equal((await runCommand(env, ['keys', 'forget-lost', '--confirm', confirm])).code, 0)
    assert.ok(!existsSync(ringFile(server)))
    await using another = await startAnother(server, { LICENSE_KEYS: STRANGER })
    await assertNobodySignedOut(another, before)
  })

  test(`giving up a ring that is killed half way does it when asked again (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const env = besideServer(server)
    writeFileSync(ringFile(server), 'k')
    const { confirm } = JSON.parse((await runCommand(env, ['keys', 'forget-lost', '--json'])).stdout)
    const give = ['keys', 'forget-lost', '--confirm', confirm]
    for (const point of ['after renameSync', 'after writeFileSync', 'before commit 1']) {
      const killed = await runCommand({ ...env, NODE_OPTIONS: `--import=${KILL_AT}`, KILL_AT: point }, give)
      assert.deepEqual([killed.code, killed.stdout], [null, ''], point)
      const start = await runCommand(env, ['user', 'list'])
      assert.deepEqual([start.code, /sealed with/.test(start.stderr)], [1, true], point)
    }
    assert.equal((await runCommand(env, give)).code, 0)
    assert.equal((await runCommand(env, ['doctor'])).code, 0)
  })

  test(`two first runs at once agree on one ring (${database})`, async () => {
    await using server = await startServer(database)
    await server.ctx.db.transaction((tx) => tx.deleteFrom('house').where('name', '=', 'key_check').execute())
    unlinkSync(ringFile(server))
    const ran = await Promise.all(Array.from({ length: 4 }, () => runCommand(besideServer(server), ['user', 'list'])))
    for (const { code, stderr } of ran) assert.deepEqual([code, stderr], [0, ''])
    assert.equal((await runCommand(besideServer(server), ['keys', 'check'])).code, 0)
    assert.deepEqual(
      readdirSync(server.config.dataDir).filter((name) => name.startsWith('keys')),
      ['keys.json'],
    )
  })
}

test('a server that runs keeps SQLite from giving its ring up', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  unlinkSync(ringFile(server))
  using _serving = lockHouse(server.config.database)
  const refused = await runCommand(besideServer(server), ['keys', 'forget-lost'])
  assert.deepEqual([refused.code, /Another License server runs/.test(refused.stderr)], [1, true])
})
