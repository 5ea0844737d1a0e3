import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { keyedHash } from '../../src/keys/keyed-hash.ts'
import { readKeyRing } from '../../src/keys/ring.ts'

const FIRST = Buffer.alloc(32, 7).toString('base64')
const SECOND = Buffer.alloc(32, 8).toString('base64')

function ring(current: string, keys: Record<string, string>) {
  return readKeyRing(JSON.stringify({ current, keys }))
}

test('a keyed hash is one and the same for a ring, a purpose and a text, and another for each other', () => {
  const house = ring('a', { a: FIRST })
  const made = keyedHash(house, 'throttle', 'anna@acme.test')
  assert.match(made, /^[A-Za-z0-9_-]{43}$/)
  assert.equal(keyedHash(ring('a', { a: FIRST }), 'throttle', 'anna@acme.test'), made)
  const others = [
    keyedHash(ring('a', { a: SECOND }), 'throttle', 'anna@acme.test'),
    keyedHash(house, 'throttles', 'anna@acme.test'),
    keyedHash(house, 'throttle', 'anna@acme.tes'),
    keyedHash(house, '', 'anna@acme.test'),
    keyedHash(house, 'throttle', ''),
    createHmac('sha256', Buffer.alloc(32, 7)).update('anna@acme.test').digest('base64url'),
  ]
  assert.equal(new Set([made, ...others]).size, others.length + 1)
})

test('it is HMAC-SHA-256 under a key that HKDF-SHA-256 made of the first one', () => {
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(Buffer.alloc(32, 7)).digest()
  const expanded = createHmac('sha256', extracted).update('throttle').update(Buffer.of(1)).digest()
  const expected = createHmac('sha256', expanded).update('anna@acme.test').digest('base64url')
  assert.equal(keyedHash(ring('a', { a: FIRST }), 'throttle', 'anna@acme.test'), expected)
})

test('it outlives a rotation, and not the retirement of the first key', () => {
  const made = keyedHash(ring('a', { a: FIRST }), 'throttle', 'anna@acme.test')
  for (const current of ['a', 'b'])
    assert.equal(keyedHash(ring(current, { a: FIRST, b: SECOND }), 'throttle', 'anna@acme.test'), made)
  assert.notEqual(keyedHash(ring('b', { b: SECOND }), 'throttle', 'anna@acme.test'), made)
  assert.notEqual(
    keyedHash(ring('b', { b: randomBytes(32).toString('base64'), a: FIRST }), 'throttle', 'anna@acme.test'),
    made,
  )
})
