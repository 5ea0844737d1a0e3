import { keyedHasher } from '../keys/keyed-hash.ts'
import type { KeyRing } from '../keys/ring.ts'

/** What is kept of a deleted user's address. */
export function emailHash(keys: KeyRing, email: string): string {
  return emailHasher(keys)(email)
}

/** The same of many addresses. */
export function emailHasher(keys: KeyRing): (email: string) => string {
  return keyedHasher(keys, 'addresses of deleted users')
}
