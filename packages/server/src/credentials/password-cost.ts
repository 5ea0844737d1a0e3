import { pbkdf2Sync } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { hash as bcryptHash } from '@node-rs/bcrypt'
import { type PasswordScheme, PBKDF2, writeScheme } from '../domain/password-scheme.ts'
import { hashPassword, OURS } from './password-hash.ts'

const TIMES = 3
/** A part of a slow scheme is measured and the rest reckoned: a start does not wait for a second of hashing. */
const PART_OF_ITERATIONS = 10_000
const PART_OF_BCRYPT = 6

/** What a verification takes on this machine, by scheme; each is measured when it is asked for first. */
export class SchemeCosts {
  readonly #measured = new Map<string, number>()

  /** Milliseconds. */
  async of(scheme: PasswordScheme): Promise<number> {
    const name = writeScheme(scheme)
    const ms = this.#measured.get(name) ?? (await measureScheme(scheme))
    this.#measured.set(name, ms)
    return ms
  }
}

/** The slowest of three looks. */
async function measureScheme(scheme: PasswordScheme): Promise<number> {
  let slowest = 0
  for (let look = 0; look < TIMES; look++) {
    const start = performance.now()
    const share = await doPart(scheme)
    slowest = Math.max(slowest, (performance.now() - start) * share)
    await setImmediate()
  }
  return slowest
}

/** Does a part of the work; returns how many times as much the whole is. */
async function doPart(scheme: PasswordScheme): Promise<number> {
  switch (scheme.name) {
    case 'pbkdf2_sha256':
    case 'pbkdf2':
    case 'pbkdf2-sha256':
    case 'pbkdf2-sha512':
      // Sixteen bytes: one round, whatever the digest.
      pbkdf2Sync('password', 'salt', PART_OF_ITERATIONS, 16, PBKDF2[scheme.name].digest)
      return scheme.iterations / PART_OF_ITERATIONS
    case 'bcrypt':
      await bcryptHash('password', { cost: PART_OF_BCRYPT })
      return 2 ** (scheme.cost - PART_OF_BCRYPT)
    case 'argon2':
      await hashPassword('password')
      return (scheme.memory * scheme.time) / (OURS.memoryCost * OURS.timeCost)
  }
}
