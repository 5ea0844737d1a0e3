import { createHmac, hkdfSync } from 'node:crypto'
import type { KeyRing } from './ring.ts'

/**
 * A hash that only this house can make: HMAC-SHA-256, base64url, with a key of its own for each purpose. Made of the ring's first
 * key, so that it stays the same while keys rotate. It changes when that key is taken out: what lives longer than minutes
 * has an entry in named.ts, so that the key is not taken out unnoticed.
 */
export function keyedHash(ring: KeyRing, purpose: string, text: string): string {
  return keyedHasher(ring, purpose)(text)
}

/** The same of many texts. */
export function keyedHasher(ring: KeyRing, purpose: string): (text: string) => string {
  const [first] = ring.keys.values()
  if (!first) throw new Error('the ring has no key')
  const key = Buffer.from(hkdfSync('sha256', first, Buffer.alloc(0), purpose, 32))
  return (text) => createHmac('sha256', key).update(text).digest('base64url')
}
