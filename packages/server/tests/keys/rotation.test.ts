import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import { removeKey, sealAnew } from '../../src/keys/change-ring.ts'
import { examineKeys } from '../../src/keys/examine.ts'
import { forgetLost } from '../../src/keys/forget-lost.ts'
import { readKeyRing, seal } from '../../src/keys/ring.ts'
import { SEALED } from '../../src/keys/sealed.ts'
import { type Environment, runCommand, runProgram } from '../commands/run.ts'
import { makeSeals, seals, sealsByKey } from '../support/seals.ts'
import { databases, newDatabase } from '../support/server.ts'

const KILL_AT = fileURLToPath(new URL('../support/kill-at.ts', import.meta.url))
const SEAL_ANEW = fileURLToPath(new URL('seal-anew.ts', import.meta.url))
const KINDS = [...SEALED, seals]

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'license-rotation-'))
  folders.push(folder)
  return folder
}

function dying(point: string): Environment {
  return { NODE_OPTIONS: `--import=${KILL_AT}`, KILL_AT: point }
}

for (const database of databases) {
  const newHouse = async () => {
    const folder = newFolder()
    const env: Environment = {
      LICENSE_DATA_DIR: folder,
      ...(database === 'postgres' ? { LICENSE_DATABASE_URL: await newDatabase() } : {}),
    }
    const file = join(folder, 'keys.json')
    return {
      env,
      file,
      ring: () => readKeyRing(readFileSync(file, 'utf8')),
      start: (more: Environment = {}): Promise<Context> =>
        createContext(readConfig({ ...env, LICENSE_LOG_LEVEL: 'fatal', ...more }), { migrates: 'always' }),
      run: (...args: string[]) => runCommand(env, args),
    }
  }

  test(`a rotation killed at any point leaves a whole house, and goes on when run again (${database})`, async () => {
    const house = await newHouse()
    await (await house.start())[Symbol.asyncDispose]()
    const points = [
      'before writeFileSync',
      'after writeFileSync',
      'after renameSync',
      'before commit 1',
      'after commit 1',
      'before commit 2',
      'after commit 2',
    ]
    for (const point of points) {
      const before = house.ring()
      const killed = await runCommand({ ...house.env, ...dying(point) }, ['keys', 'rotate'])
      assert.deepEqual([killed.code, killed.stdout], [null, ''], `${point}: ${killed.stderr}`)
      const check = await house.run('keys', 'check')
      assert.equal(check.code, 0, `${point}: ${check.stdout}${check.stderr}`)
      const between = house.ring()
      for (const id of before.keys.keys()) assert.ok(between.keys.has(id), point)
      await (await house.start())[Symbol.asyncDispose]()

      const again = await house.run('keys', 'rotate')
      assert.equal(again.code, 0, `${point}: ${again.stderr}`)
      const isSealedAlready = point === 'after commit 2'
      const isBegun = between.keys.size > before.keys.size
      // What was begun is finished with the key that was made; what was not, or was done, makes its own.
      assert.equal(house.ring().keys.size, before.keys.size + (isSealedAlready ? 2 : 1), point)
      assert.equal(/had been begun/.test(again.stdout), isBegun && !isSealedAlready, point)
      const { keys } = JSON.parse((await house.run('keys', 'check', '--json')).stdout)
      for (const key of keys) assert.deepEqual(Object.keys(key.sealed).length > 0, key.isCurrent, point)
      assert.equal(statSync(house.file).mode & 0o777, 0o600)
      assert.ok(!existsSync(`${house.file}.new`), point)
    }
  })

  test(`many sealed values are sealed anew a batch at a time, and what is done stays done (${database})`, async () => {
    const house = await newHouse()
    await using ctx = await house.start()
    const old = ctx.keys.current
    await ctx.db.transaction((tx) => makeSeals(tx, 450, (purpose, text) => seal(ctx.keys, purpose, text)))
    assert.equal((await house.run('keys', 'rotate')).code, 0)
    const current = house.ring().current

    // The first commit would be the mark's, which the rotation sealed anew already: this is the second of three batches.
    const killed = await runProgram(SEAL_ANEW, { ...house.env, ...dying('before commit 2') })
    assert.deepEqual([killed.code, killed.stdout], [null, ''], killed.stderr)
    assert.deepEqual(await sealsByKey(ctx.db.read), { [old]: 250, [current]: 200 })

    const resumed = await runProgram(SEAL_ANEW, house.env)
    assert.deepEqual([resumed.code, JSON.parse(resumed.stdout)], [0, { sealed: 250, unopened: 0 }])
    assert.deepEqual(await sealsByKey(ctx.db.read), { [current]: 450 })
    // The server that ran all the while has the ring of before: it reads the file again by itself.
    for (const { row, purpose, sealed } of await seals.list(ctx.db.read, '', 1000))
      assert.equal(await ctx.keys.open(purpose, sealed), `text ${row}`)
    assert.equal(ctx.keys.current, current)
  })

  test(`a key goes only when nothing is sealed with it any more (${database})`, async () => {
    const house = await newHouse()
    await using ctx = await house.start()
    const old = ctx.keys.current
    await ctx.db.transaction((tx) => makeSeals(tx, 3, (purpose, text) => seal(ctx.keys, purpose, text)))
    assert.equal((await house.run('keys', 'rotate')).code, 0)
    const remove = () => removeKey(ctx.db, ctx.keys.place, old, { kinds: KINDS })
    await assert.rejects(remove(), /3 things are still sealed with/)
    assert.ok(house.ring().keys.has(old))
    assert.deepEqual(await sealAnew(ctx.db, ctx.keys, KINDS), { sealed: 3, unopened: 0 })
    await remove()
    assert.ok(!house.ring().keys.has(old))
    assert.equal((await examineKeys(ctx.db.read, ctx.keys.place, KINDS)).fault, undefined)
    await assert.rejects(remove(), /has no key/)
  })

  test(`what is lost is counted, and given up without the rest (${database})`, async () => {
    const house = await newHouse()
    await using ctx = await house.start()
    const { place } = ctx.keys
    await ctx.db.transaction((tx) => makeSeals(tx, 5, (purpose, text) => seal(ctx.keys, purpose, text)))
    const lostKey = ctx.keys.current
    const whole = readFileSync(house.file)
    // The mark is sealed anew and a key taken out too early, by hand: the ring is the house's, but not whole.
    assert.equal((await house.run('keys', 'rotate')).code, 0)
    const { current, keys } = JSON.parse(readFileSync(house.file, 'utf8'))
    writeFileSync(house.file, JSON.stringify({ current, keys: { [current]: keys[current] } }))
    await sealOne(ctx, '00003')

    const report = await examineKeys(ctx.db.read, place, KINDS)
    assert.deepEqual(report.lost, [{ what: 'test secret', count: 4, costs: seals.costs }])
    assert.match(report.fault ?? '', /Not everything that is sealed opens with this key ring \(test secret: 4\)/)
    assert.deepEqual(
      report.keys.find((key) => key.id === lostKey),
      { id: lostKey, isInRing: false, isCurrent: false, sealed: { 'test secret': 4 } },
    )
    // With the key back, nothing was lost.
    copyFileSync(house.file, `${house.file}.without`)
    writeFileSync(house.file, JSON.stringify({ current, keys: { ...JSON.parse(String(whole)).keys, ...keys } }))
    assert.equal((await examineKeys(ctx.db.read, place, KINDS)).fault, undefined)

    copyFileSync(`${house.file}.without`, house.file)
    const kept = readFileSync(house.file, 'utf8')
    const done = await forgetLost(ctx.db, place, { isGiven: false, now: 0, kinds: KINDS })
    assert.deepEqual([done, readFileSync(house.file, 'utf8')], [{ aside: undefined }, kept])
    assert.equal((await examineKeys(ctx.db.read, place, KINDS)).fault, undefined)
    assert.deepEqual(await sealsByKey(ctx.db.read), { [current]: 1 })
  })

  test(`a node takes a rotated file by itself, and says what to do where it can not (${database})`, async () => {
    const house = await newHouse()
    await using node = await house.start()
    const before = readFileSync(house.file, 'utf8')
    const apart = newFolder()
    writeFileSync(join(apart, 'keys.json'), before, { mode: 0o600 })
    await using other = await house.start({
      LICENSE_DATA_DIR: apart,
      ...(database === 'sqlite'
        ? { LICENSE_DATABASE_URL: `sqlite:${join(house.env.LICENSE_DATA_DIR ?? '', 'license.db')}` }
        : {}),
    })
    await using set = await house.start({ LICENSE_KEYS: before })
    const old = await node.keys.seal('x', 'from before')

    assert.equal((await house.run('keys', 'rotate')).code, 0)
    const { current } = house.ring()
    assert.notEqual(current, node.keys.current)
    const anew = await node.keys.seal('x', 'from now')
    assert.ok(anew.startsWith(`${current}.`), 'nothing more is sealed with a key on its way out')
    for (const keys of [node.keys, other.keys, set.keys]) assert.equal(await keys.open('x', old), 'from before')
    assert.equal(await node.keys.open('x', anew), 'from now')
    await assert.rejects(
      other.keys.open('x', anew),
      new RegExp(`${current}, which .* lacks\\. Copy the ring from the node`),
    )
    await assert.rejects(set.keys.open('x', anew), new RegExp(`${current}, which .* lacks\\. Set it to the ring`))
    await assert.rejects(node.keys.open('y', anew), /does not open: it was changed/)

    copyFileSync(house.file, join(apart, 'keys.json'))
    assert.equal(await other.keys.open('x', anew), 'from now')
  })

  test(`a running node never takes a ring that is not the house's (${database})`, async () => {
    const house = await newHouse()
    await using node = await house.start()
    const right = readFileSync(house.file, 'utf8')
    const { current } = node.keys
    const stranger = JSON.stringify({ current: 'a', keys: { a: Buffer.alloc(32, 1).toString('base64') } })
    for (const [text, says] of [
      [stranger, /is not the one that this database was sealed with/],
      ['{', /is damaged/],
      [undefined, /is missing/],
    ] as const) {
      if (text === undefined) rmSync(house.file)
      else writeFileSync(house.file, text)
      await assert.rejects(node.keys.prove(), says)
      assert.ok((await node.keys.seal('x', 'text')).startsWith(`${current}.`))
    }
    writeFileSync(house.file, right)
    await node.keys.prove()
  })

  test(`rotations at once lose no key (${database})`, async () => {
    const house = await newHouse()
    await (await house.start())[Symbol.asyncDispose]()
    const ran = await Promise.all(Array.from({ length: 4 }, () => house.run('keys', 'rotate', '--json')))
    const { keys } = house.ring()
    for (const { code, stdout, stderr } of ran) {
      assert.equal(code, 0, stderr)
      assert.ok(keys.has(JSON.parse(stdout).key))
    }
    assert.equal((await house.run('keys', 'check')).code, 0)
    await (await house.start())[Symbol.asyncDispose]()
  })
}

async function sealOne(ctx: Context, id: string): Promise<void> {
  const [row] = await seals.list(ctx.db.read, String(Number(id) - 1).padStart(5, '0'), 1)
  if (!row) throw new Error(`there is no seal ${id}`)
  const sealed = await ctx.keys.seal(row.purpose, `text ${id}`)
  await ctx.db.transaction((tx) => seals.replace(tx, row, sealed))
}
