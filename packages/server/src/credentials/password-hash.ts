import { hash as digest } from 'node:crypto'
import { type Algorithm, hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import { verify as bcryptVerify } from '@node-rs/bcrypt'
import { isHashable, normalPassword } from '../domain/password-policy.ts'
import { readDjangoPbkdf2, readPbkdf2 } from './pbkdf2.ts'

/** OWASP's least for argon2id. The library's names for algorithms are a const enum, which type stripping can't read. */
const ARGON2ID = 2 as Algorithm.Argon2id
export const OURS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

// A string from elsewhere must not make one sign-in cost minutes or gigabytes.
const MAX_MEMORY_KIB = 262_144
const MAX_TIME = 10
const MAX_PARALLELISM = 16
const MAX_BCRYPT_COST = 14

export type StoredPassword = { hash: string; isForeign: boolean }

export async function hashPassword(password: string): Promise<string> {
  return argon2Hash(normalPassword(password), OURS)
}

/** Whether the password is right. Foreign strings are verified as received, ours in their NFKC form. Never throws for odd input. */
export async function verifyPassword(password: string, stored: StoredPassword): Promise<boolean> {
  if (!isHashable(password)) return false
  if (!stored.isForeign) return argon2Verify(stored.hash, normalPassword(password))
  const scheme = readForeignHash(stored.hash)
  return scheme ? scheme.verify(password) : false
}

/** Whether a right password should be hashed anew: a foreign string, or one of ours with less than today's strength. */
export function needsRehash(stored: StoredPassword): boolean {
  if (stored.isForeign) return true
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(stored.hash)
  return !found || Number(found[1]) < OURS.memoryCost || Number(found[2]) < OURS.timeCost
}

export type ForeignHash = { verify(password: string): Promise<boolean> }

/** Reads a password string of Django, Keycloak, bcrypt or argon2. Undefined for an unknown form or parameters over the caps. */
export function readForeignHash(text: string): ForeignHash | undefined {
  const [scheme = ''] = text.split('$', 1)
  if (scheme === 'pbkdf2_sha256') return readDjangoPbkdf2(text)
  if (scheme === 'bcrypt_sha256') return readBcrypt(text.slice('bcrypt_sha256$'.length), sha256Hex)
  if (scheme === 'bcrypt') return readBcrypt(text.slice('bcrypt$'.length), asTyped)
  if (scheme === 'argon2') return readArgon2(text.slice('argon2'.length))
  if (text.startsWith('$argon2')) return readArgon2(text)
  if (text.startsWith('$pbkdf2')) return readPbkdf2(text)
  return readBcrypt(text, asTyped)
}

function readBcrypt(text: string, prepare: (password: string) => string): ForeignHash | undefined {
  const found = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}$/.exec(text)
  if (!found || Number(found[1]) < 4 || Number(found[1]) > MAX_BCRYPT_COST) return undefined
  return {
    async verify(password) {
      const prepared = prepare(password)
      // bcrypt ends at a NUL: what follows would not count.
      return !prepared.includes('\0') && bcryptVerify(prepared, text.replace(/^\$2y/, '$2b'))
    },
  }
}

function readArgon2(text: string): ForeignHash | undefined {
  const found =
    /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,9}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}$/.exec(text)
  if (!found) return undefined
  const [memory, time, parallelism] = found.slice(1).map(Number) as [number, number, number] // Three groups that matched.
  if (memory > MAX_MEMORY_KIB || time > MAX_TIME || parallelism > MAX_PARALLELISM) return undefined
  return { verify: (password) => argon2Verify(text, password).catch(() => false) }
}

function asTyped(password: string): string {
  return password
}

function sha256Hex(password: string): string {
  return digest('sha256', password, 'hex')
}
