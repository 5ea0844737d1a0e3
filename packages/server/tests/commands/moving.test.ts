import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../../src/config.ts'
import { openSnapshot } from '../../src/db/house-snapshot.ts'
import { allSteps } from '../../src/db/migrate.ts'
import { writeHouse } from '../../src/imports/house-export.ts'
import { fileKey } from '../../src/imports/house-file.ts'
import { openHouseFile } from '../../src/imports/house-source.ts'
import { readKeyRing } from '../../src/keys/ring.ts'
import { ask, askFor } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { emptyPlace, type FullHouse, fullHouse, onDatabase } from '../support/full-house.ts'
import { makeReleased, RELEASED } from '../support/released.ts'
import { databases, newDatabase } from '../support/server.ts'
import { runCommand, startServe } from './run.ts'

const KILL_AT = fileURLToPath(new URL('../support/kill-at.ts', import.meta.url))

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

async function exported(house: Pick<FullHouse, 'env' | 'folder'>): Promise<string> {
  const file = join(house.folder, 'house.ndjson')
  const made = await runCommand(house.env, ['export', file])
  assert.equal(made.code, 0, made.stderr)
  return file
}

/** What makes one number after the other goes on where it was. */
async function requireNextSeat(env: FullHouse['env'], above: number): Promise<void> {
  try {
    await onDatabase(env, (db) =>
      db.transaction(async (tx) => {
        const seat = await tx.selectFrom('seats').selectAll().limit(1).executeTakeFirstOrThrow()
        const { number: _number, ...rest } = seat
        await tx.deleteFrom('grants').where('seat', '=', seat.number).execute()
        await tx.deleteFrom('seats').where('number', '=', seat.number).execute()
        const made = await tx.insertInto('seats').values(rest).returning('number').executeTakeFirstOrThrow()
        assert.ok(made.number > above, `${made.number} after ${above}`)
        throw new Error('taken back')
      }),
    )
  } catch (error) {
    if (!(error instanceof Error) || error.message !== 'taken back') throw error
  }
}

for (const from of databases) {
  test(`the whole house moves from ${from} to every database, by one command, and the source stays as it is`, async () => {
    using house = await fullHouse(from)
    const before = await house.tables()
    for (const [name, rows] of Object.entries(before)) assert.ok(rows.length > 0, `${name} is empty`)
    const file = join(house.folder, 'license.db')
    const bytes = from === 'sqlite' ? hashOf(file) : ''
    const names = readdirSync(house.folder).filter((name) => !name.endsWith('.lock'))
    const highest = Math.max(...(before.seats ?? []).map((seat) => Number(seat.number)))
    for (const to of databases) {
      using place = await emptyPlace(house, to)
      const moved = await runCommand(house.env, ['move', place.url, '--json'])
      assert.equal(moved.code, 0, moved.stderr)
      const { source, target } = JSON.parse(moved.stdout)
      assert.deepEqual(source, target)
      // What the database makes by itself is not copied; it is the same all the same, as is seen below.
      for (const [name, rows] of Object.entries(before))
        if (!['migrations', 'people_terms'].includes(name)) assert.equal(source[name].rows, rows.length, name)
      assert.deepEqual(await place.tables(), before)
      await requireNextSeat(place.env, highest + 1)

      // Nothing of the house that was moved is another.
      if (from === 'sqlite') {
        assert.equal(hashOf(file), bytes)
        assert.deepEqual(
          readdirSync(house.folder).filter((name) => !name.endsWith('.lock')),
          names,
        )
      } else assert.deepEqual(await house.tables(), before)

      const verified = await runCommand(place.env, ['audit', 'verify'])
      assert.equal(verified.code, 0, verified.stdout + verified.stderr)
      const served = await startServe(place.env)
      try {
        // Whoever is signed in stays so, and an import goes on where it ended.
        assert.equal((await call(served, 'GET get-permissions/', { token: house.token })).status, 200)
        const [found] = (await askFor(200, served, house.apiKey, 'GET /imports')).items
        const rows = [{ email: 'late@moved.test' }]
        const wish = { body: { from: 1_200, rows } }
        assert.equal(
          (await askFor(200, served, house.apiKey, `POST /imports/${found.id}/rows`, wish)).import.done,
          1_201,
        )
        const again = await runCommand(place.env, ['move', to === 'sqlite' ? `${place.url}2` : await newDatabase()])
        assert.match(again.stderr, /Another License server runs|is open on this database|are open on this database/)
      } finally {
        await served.stop()
      }
      // A database with a house in it is no place for another.
      const full = await runCommand(house.env, ['move', place.url])
      assert.deepEqual([full.code, /There is a house in that database already/.test(full.stderr)], [1, true])
    }
    const self = await runCommand(house.env, ['move', house.env.LICENSE_DATABASE_URL ?? ''])
    assert.deepEqual([self.code, /in which the house is already/.test(self.stderr)], [1, true])
  })

  test(`an export of ${from} is a house again on every database, with nobody signed in unless that is asked for`, async () => {
    using house = await fullHouse(from)
    const file = await exported(house)
    assert.equal((statSync(file).mode & 0o777).toString(8), '600')
    const piped = await runCommand(house.env, ['export', '-'])
    const settled = (text: string) => text.split('\n').slice(1, -2).join('\n')
    assert.equal(settled(piped.stdout), settled(readFileSync(file, 'utf8')))
    const before = await house.tables()
    for (const to of databases) {
      // Each of both once for every database.
      const keeps = to === from
      using place = await emptyPlace(house, to)
      // Also into a database that has its tables already, and nothing in them.
      if (keeps) assert.equal((await runCommand(place.env, ['migrate'])).code, 0)
      const made = await runCommand(place.env, ['import', file, ...(keeps ? ['--keep-sessions'] : [])])
      assert.equal(made.code, 0, made.stderr)
      assert.match(made.stdout, /The house is in order/)
      const after = await place.tables()
      const ends = keeps ? ['impersonations'] : ['impersonations', 'tokens', 'api_keys', 'due', 'house']
      const without = (tables: typeof after) =>
        Object.fromEntries(Object.entries(tables).filter(([name]) => !ends.includes(name)))
      assert.deepEqual(without(after), without(before))
      // Whoever is told of events is told anew, where this may be another history than the one told before.
      const marks = (name: string) => (name === 'due' ? 1 : 0)
      for (const name of ends) assert.equal(after[name]?.length, (before[name]?.length ?? 0) + marks(name), name)
      const served = await startServe(place.env)
      try {
        const status = keeps ? 200 : 401
        assert.equal((await call(served, 'GET get-permissions/', { token: house.token })).status, status)
        assert.equal((await ask(served, house.apiKey, 'GET /whoami')).status, status)
        const wish = { rich: true, body: { token: house.oneTime } }
        assert.equal((await call(served, 'POST impersonation-validation/', wish)).status, 401)
      } finally {
        await served.stop()
      }
      assert.equal((await runCommand(place.env, ['audit', 'verify'])).code, 0)
      const again = await runCommand(place.env, ['import', file])
      assert.deepEqual([again.code, /There is a house in that database already/.test(again.stderr)], [1, true])
    }
  })

  test(`an import into ${from} that is killed leaves nothing half, and goes in when it is done again`, async () => {
    using house = await fullHouse('sqlite')
    const file = await exported(house)
    const before = await house.tables()
    let killed = 0
    for (const point of ['before commit 2', 'after commit 2']) {
      using place = await emptyPlace(house, from)
      const died = await runCommand({ ...place.env, NODE_OPTIONS: `--import=${KILL_AT}`, KILL_AT: point }, [
        'import',
        file,
        '--keep-sessions',
      ])
      if (died.code === null) killed++
      const isIn = ((await place.tables()).users?.length ?? 0) > 0
      assert.equal(isIn, point === 'after commit 2', point)
      if (!isIn) assert.equal((await runCommand(place.env, ['import', file, '--keep-sessions'])).code, 0)
      const { impersonations: _ended, ...rest } = await place.tables()
      const { impersonations: _open, ...wanted } = before
      assert.deepEqual(rest, wanted)
    }
    assert.equal(killed, 2)
  })
}

test('a file that a killed server left, with what was not written into it yet, moves whole and stays as it is', async () => {
  using house = await fullHouse('sqlite')
  using left = await emptyPlace(house, 'sqlite')
  const file = join(house.folder, 'license.db')
  const writer = new DatabaseSync(file)
  writer.exec("update companies set name = 'Written last' where name = 'ACME'")
  const names = ['license.db', 'license.db-wal']
  for (const name of names) copyFileSync(join(house.folder, name), join(left.folder, name))
  writer.close()
  const before = names.map((name) => hashOf(join(left.folder, name)))
  using place = await emptyPlace(house, 'sqlite')
  const moved = await runCommand(left.env, ['move', place.url])
  assert.equal(moved.code, 0, moved.stderr)
  assert.deepEqual(
    names.map((name) => hashOf(join(left.folder, name))),
    before,
  )
  assert.ok((await place.tables()).companies?.some(({ name }) => name === 'Written last'))
  assert.deepEqual(await place.tables(), await left.tables())
})

test('a file that was cut off, changed, or is of another house or program is refused, and nothing is left of it', async () => {
  using house = await fullHouse('sqlite')
  const file = await exported(house)
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n')
  const ring = readKeyRing(readFileSync(join(house.folder, 'keys.json'), 'utf8'))
  const bytesOf = async function* (content: string) {
    const bytes = Buffer.from(content)
    for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
  }
  const readAll = async (content: string) => {
    const source = await openHouseFile(bytesOf(content), ring)
    for (const table of source.outline.tables) await Array.fromAsync(source.pages(table))
    return source.end()
  }
  assert.ok((await readAll(text)).users?.rows)

  const header = JSON.parse(lines[0] ?? '')
  const end = JSON.parse(lines.at(-2) ?? '')
  const at = lines.findIndex((line) => line.includes('"table":"users"'))
  const hashed = (changed: string[]) => {
    // As somebody who knows the form, and lacks the key ring, would write the end again.
    const body = `${changed.slice(0, -2).join('\n')}\n`
    const hash = createHash('sha256').update(body).digest('hex')
    return `${body}${JSON.stringify({ ...end, hash })}\n`
  }
  const wrong: Record<string, string> = {
    'no file at all': '',
    'another text': 'email,password\nanna@acme.test,x\n',
    'its end': lines.slice(0, -2).join('\n'),
    'its end and a row': `${lines.slice(0, -3).join('\n')}\n`,
    'half a row': text.slice(0, Math.floor(text.length / 2)),
    'a row less': lines.toSpliced(at, 1).join('\n'),
    'a row twice': lines.toSpliced(at, 0, lines[at] ?? '').join('\n'),
    'two rows in another order': lines.toSpliced(at, 2, lines[at + 1] ?? '', lines[at] ?? '').join('\n'),
    'a row that makes an operator': text.replace('"operator":0', '"operator":1'),
    'the same, with a new hash': hashed(text.replace('"operator":0', '"operator":1').split('\n')),
    'a column more': text.replace('"operator":0', '"operator":0,"more":1'),
    'a value of another kind': text.replace('"operator":0', '"operator":[0]'),
    'something behind its end': `${text}{}\n`,
    'a table that is none of ours': text.replaceAll('"house"', '"pg_user"'),
    'a column that is none': lines
      .with(0, JSON.stringify({ ...header, tables: [{ name: 'house', columns: ['a" b'], rows: 0 }] }))
      .join('\n'),
    'a newer form': lines.with(0, JSON.stringify({ ...header, version: 2 })).join('\n'),
    'a newer schema': lines.with(0, JSON.stringify({ ...header, step: '9999-later' })).join('\n'),
  }
  for (const [what, content] of Object.entries(wrong))
    await assert.rejects(readAll(content), { name: 'CommandError' }, what)
  for (let cut = 1; cut < 60; cut++)
    await assert.rejects(readAll(text.slice(0, Math.floor((text.length * cut) / 60))), { name: 'CommandError' })

  for (const to of databases) {
    using place = await emptyPlace(house, to)
    const broken = join(place.folder, 'broken.ndjson')
    for (const what of ['half a row', 'the same, with a new hash', 'its end and a row']) {
      writeFileSync(broken, wrong[what] ?? '')
      const made = await runCommand(place.env, ['import', broken])
      assert.equal(made.code, 1, what)
      if (to === 'sqlite') assert.ok(!existsSync(join(place.folder, 'license.db')), what)
      else assert.equal((await place.tables()).users?.length, 0, what)
    }
    // With another key ring, or none, it is not this house.
    writeFileSync(join(place.folder, 'keys.json'), RELEASED.keys)
    const strange = await runCommand(place.env, ['import', file])
    assert.deepEqual([strange.code, /key ring/.test(strange.stderr)], [1, true], strange.stderr)
    const none = await runCommand({ ...place.env, LICENSE_DATA_DIR: join(place.folder, 'none') }, ['import', file])
    assert.deepEqual([none.code, /There is no key ring/.test(none.stderr)], [1, true], none.stderr)
    assert.ok(!existsSync(join(place.folder, 'none', 'keys.json')))
  }
})

for (const database of databases) {
  test(`an older house is copied as it is and brought up where it goes; an older one that stands is brought up first (${database})`, async () => {
    using house = await fullHouse(database)
    writeFileSync(join(house.folder, 'keys.json'), RELEASED.keys)
    using old = await emptyPlace(house, database)
    await onDatabase(old.env, (db) => makeReleased(db, '0003-seat-numbers', 1_100))
    for (const args of [
      ['export', '-'],
      ['move', `sqlite:${join(house.folder, 'other.db')}`],
    ]) {
      const early = await runCommand(old.env, args)
      assert.deepEqual([early.code, /run `license-server migrate`/.test(early.stderr)], [1, true], early.stderr)
    }
    // As the program of that time would have written it.
    const key = fileKey(readKeyRing(RELEASED.keys))
    assert.ok(key)
    const snapshot = await openSnapshot(readConfig(old.env).database)
    const content = (await Array.fromAsync(writeHouse(snapshot.reader, { madeAt: 0, key }))).join('')
    await snapshot[Symbol.asyncDispose]()
    const file = join(house.folder, 'old.ndjson')
    writeFileSync(file, content)
    for (const to of databases) {
      using place = await emptyPlace(old, to)
      const made = await runCommand(place.env, ['import', file, '--keep-sessions'])
      assert.equal(made.code, 0, made.stderr)
      assert.match(made.stdout, /brought up to this program: 0004-managed/)
      const tables = await place.tables()
      assert.equal(tables.users?.length, 1_100)
      assert.equal(tables.migrations?.length, Object.keys(allSteps(to)).length)
      assert.ok((tables.user_terms?.length ?? 0) > 1_100)
      using newer = await emptyPlace(old, to)
      await runCommand(newer.env, ['migrate'])
      const late = await runCommand(newer.env, ['import', file])
      assert.deepEqual([late.code, /database without tables/.test(late.stderr)], [1, true], late.stderr)
    }
  })
}
