import { keyedHash } from '../keys/keyed-hash.ts'
import type { KeyRing } from '../keys/ring.ts'

/** What is kept of a deleted user's address. */
export function emailHash(keys: KeyRing, email: string): string {
  return keyedHash(keys, 'addresses of deleted users', email)
}
