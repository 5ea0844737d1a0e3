import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { readConfig } from '../../src/config.ts'
import { createContext } from '../../src/context.ts'
import { loadKeyFile } from '../../src/keys/key-file.ts'
import { type KeyRing, open, readKeyRing, seal, writeKeyRing } from '../../src/keys/ring.ts'
import { databases, newDatabase } from '../support/server.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'license-keys-'))
  folders.push(folder)
  return folder
}

function key(): string {
  return randomBytes(32).toString('base64')
}

function ringOf(...ids: [string, ...string[]]): { json: string; ring: KeyRing } {
  const json = JSON.stringify({ current: ids[0], keys: Object.fromEntries(ids.map((id) => [id, key()])) })
  return { json, ring: readKeyRing(json) }
}

describe('the key ring', () => {
  const { ring } = ringOf('a', 'b')

  test('what is sealed opens again, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 1 }), (text, purpose) => {
        assert.equal(open(ring, purpose, seal(ring, purpose, text)), text)
      }),
    )
  })

  test('sealed twice, a text looks different, and never like itself', () => {
    const sealed = Array.from({ length: 500 }, () => seal(ring, 'webhook', 'whsec_canary'))
    assert.equal(new Set(sealed).size, 500)
    for (const each of sealed) {
      assert.match(each, /^a\.[A-Za-z0-9_-]+$/)
      assert.ok(!each.includes('canary') && !Buffer.from(each.slice(2), 'base64url').includes('canary'))
    }
  })

  test('it opens for its own purpose only', () => {
    const sealed = seal(ring, 'totp of anna', 'a seed')
    for (const other of ['totp of carla', 'totp of ann', 'TOTP of anna', '', 'totp of anna '])
      assert.equal(open(ring, other, sealed), undefined)
    assert.equal(open(ring, 'totp of anna', sealed), 'a seed')
  })

  test('what was changed does not open: every byte, every cut', () => {
    const sealed = seal(ring, 'x', 'a seed')
    const bytes = Buffer.from(sealed.slice(2), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      assert.equal(open(ring, 'x', `a.${changed.toString('base64url')}`), undefined, `byte ${at}`)
      assert.equal(open(ring, 'x', `a.${bytes.subarray(0, at).toString('base64url')}`), undefined, `cut at ${at}`)
    }
    for (const odd of [
      '',
      'a',
      'a.',
      '.',
      `b.${sealed.slice(2)}`,
      `c.${sealed.slice(2)}`,
      sealed.slice(2),
      '__proto__.x',
    ])
      assert.equal(open(ring, 'x', odd), undefined, odd)
  })

  test('after a rotation the old still opens, and the new key seals; without the old key it does not open', () => {
    const old = seal(ring, 'x', 'from before')
    const keys = new Map(ring.keys)
    const rotated: KeyRing = { current: 'c', keys: keys.set('c', randomBytes(32)) }
    assert.equal(open(rotated, 'x', old), 'from before')
    assert.match(seal(rotated, 'x', 'from now'), /^c\./)
    assert.equal(open({ current: 'c', keys: new Map([['c', randomBytes(32)]]) }, 'x', old), undefined)
    assert.equal(open(ringOf('a').ring, 'x', old), undefined)
  })

  test('a ring that is none is told so, without its keys', () => {
    const secret = key()
    const wrong = [
      '',
      '{',
      'null',
      '[]',
      '7',
      '{}',
      '{"current":"a"}',
      '{"current":"a","keys":null}',
      '{"current":"a","keys":{}}',
      JSON.stringify({ current: 1, keys: { a: secret } }),
      JSON.stringify({ current: 'b', keys: { a: secret } }),
      JSON.stringify({ current: 'a', keys: { a: secret, b: randomBytes(36).toString('base64') } }),
      JSON.stringify({ current: 'a', keys: { a: secret, b: secret.slice(0, 20) } }),
      JSON.stringify({ current: 'a', keys: { a: 7 } }),
      JSON.stringify({ current: secret, keys: { a: secret } }),
      JSON.stringify({ current: 'a', keys: { a: secret, [secret]: 'a' } }),
      JSON.stringify({ current: 'a b', keys: { 'a b': secret } }),
      JSON.stringify({ current: 'a', keys: { a: secret, 'an id that is much too long for a key of a ring': secret } }),
    ]
    for (const json of wrong) {
      assert.throws(
        () => readKeyRing(json),
        (error: Error) =>
          error.message.startsWith('The key ring must be') && !error.message.includes(secret.slice(0, 20)),
        json,
      )
    }
  })

  test("its file is made once, for its owner's eyes only", () => {
    const folder = newFolder()
    const file = join(folder, 'deeper', 'keys.json')
    const made = loadKeyFile(file, true)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(join(folder, 'deeper')), ['keys.json'])
    const again = loadKeyFile(file, true)
    assert.deepEqual(again, made)
    assert.equal(open(again, 'x', seal(made, 'x', 'text')), 'text')
    writeFileSync(file, '{')
    assert.throws(() => loadKeyFile(file, true), /it is no JSON/)
  })

  test('it is not made where something was sealed before', () => {
    const file = join(newFolder(), 'keys.json')
    assert.throws(() => loadKeyFile(file, false), /is missing, but this database was sealed with one/)
    assert.ok(!existsSync(file))
  })
})

for (const database of databases) {
  describe(`a house and its key ring, on ${database}`, () => {
    const house = async () => {
      const folder = newFolder()
      const url = database === 'postgres' ? await newDatabase() : `sqlite:${join(folder, 'license.db')}`
      const config = (more: Record<string, string> = {}) =>
        readConfig({ LICENSE_DATA_DIR: folder, LICENSE_DATABASE_URL: url, LICENSE_LOG_LEVEL: 'fatal', ...more })
      return {
        file: join(folder, 'keys.json'),
        start: (more?: Record<string, string>) => createContext(config(more), { migrates: 'always' }),
      }
    }

    test('the first start makes the ring, the next ones take it', async () => {
      const { file, start } = await house()
      await using first = await start()
      const made = readFileSync(file, 'utf8')
      await using second = await start()
      assert.deepEqual(writeKeyRing(second.keys), writeKeyRing(first.keys))
      assert.equal(readFileSync(file, 'utf8'), made)
    })

    test('two first starts at once agree on one ring', async () => {
      const { start } = await house()
      const started = await Promise.all([start(), start()])
      assert.deepEqual(writeKeyRing(started[0].keys), writeKeyRing(started[1].keys))
      for (const each of started) await each[Symbol.asyncDispose]()
    })

    test('a house is never met with another ring, nor with a new one', async () => {
      const { file, start } = await house()
      await (await start())[Symbol.asyncDispose]()
      const right = readFileSync(file, 'utf8')
      await assert.rejects(
        start({ LICENSE_KEYS: ringOf('a').json }),
        /is not the one that this database was sealed with/,
      )
      writeFileSync(file, ringOf('a').json)
      await assert.rejects(start(), /is not the one that this database was sealed with/)
      unlinkSync(file)
      await assert.rejects(start(), /is missing, but this database was sealed with one/)
      assert.ok(!existsSync(file))
      await using given = await start({ LICENSE_KEYS: right })
      assert.equal(open(given.keys, 'x', seal(given.keys, 'x', 'text')), 'text')
      assert.ok(!existsSync(file))
    })

    test('of first starts at once with a ring each one is taken', async () => {
      const { start } = await house()
      await using before = await start()
      // As it is between the tables' making and the first ring.
      await before.db.transaction((tx) => tx.deleteFrom('house').where('name', '=', 'key_check').execute())
      const rings = Array.from({ length: 4 }, () => ringOf('a').json)
      const starts = await Promise.allSettled(rings.map((LICENSE_KEYS) => start({ LICENSE_KEYS })))
      const started = starts.filter((each) => each.status === 'fulfilled')
      for (const { value } of started) await value[Symbol.asyncDispose]()
      assert.equal(started.length, 1)
    })

    test('a rotated ring that still has the old key is the right one', async () => {
      const { start } = await house()
      const { json } = ringOf('a')
      await (await start({ LICENSE_KEYS: json }))[Symbol.asyncDispose]()
      const old = JSON.parse(json) as { keys: Record<string, string> }
      await using rotated = await start({
        LICENSE_KEYS: JSON.stringify({ current: 'b', keys: { ...old.keys, b: key() } }),
      })
      assert.equal(rotated.keys.current, 'b')
    })
  })
}
