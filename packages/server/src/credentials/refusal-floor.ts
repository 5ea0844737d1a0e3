import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { readScheme, schemeOf } from '../domain/password-scheme.ts'
import { DECOY } from './hasher.ts'
import { SchemeCosts } from './password-cost.ts'
import { listPasswordSchemes } from './password-scheme-store.ts'

/** Room for a busy machine: what is measured is measured while nothing else is hashed. */
const MARGIN = 2.5
const LEAST_MS = 50
/** Of what a verification is seen to take under load. */
const SEEN_MARGIN = 1.2
const MOST_MS = 10_000
/** How fast it comes down again, a minute. */
const DECAY = 0.9

type RefusalFloorOptions = { costs?: SchemeCosts | undefined; leastMs?: number | undefined }

/**
 * No wrong password is answered before a time that covers the slowest scheme in the house, counted from when the hashing
 * began: how long an answer takes tells nobody whether there is an account, nor how its password is stored.
 */
export class RefusalFloor {
  readonly #costs: SchemeCosts
  readonly #least: number
  #measured: number
  #floor: number
  /** Undefined before the first look: our own scheme is measured even where there is no other. */
  #known: string | undefined

  /** `leastMs`: where some are asked of another server, what that takes. */
  constructor({ costs = new SchemeCosts(), leastMs = LEAST_MS }: RefusalFloorOptions = {}) {
    this.#costs = costs
    this.#least = leastMs
    this.#measured = leastMs
    this.#floor = leastMs
  }

  /** Milliseconds. */
  get ms(): number {
    return this.#floor
  }

  /** Measures the schemes of the house where they are others than last time. */
  async learn(db: Db): Promise<void> {
    this.#floor = Math.max(this.#measured, this.#floor * DECAY)
    const schemes = await listPasswordSchemes(db)
    const known = schemes.join()
    if (known === this.#known) return
    let slowest = 0
    for (const scheme of [schemeOf(DECOY.hash), ...schemes.map(readScheme)])
      if (scheme) slowest = Math.max(slowest, await this.#costs.of(scheme))
    this.#known = known
    this.#measured = Math.min(MOST_MS, Math.max(this.#least, slowest * MARGIN))
    this.#floor = Math.max(this.#floor, this.#measured)
  }

  /** A verification took so long: refusals from now on take longer. */
  saw(ms: number): void {
    if (ms > this.#floor) this.#floor = Math.min(MOST_MS, ms * SEEN_MARGIN)
  }

  /** Waits for it; `startedAt` of `performance.now()`. */
  async since(startedAt: number): Promise<void> {
    const left = startedAt + this.#floor - performance.now()
    if (left > 0) await sleep(left)
  }
}
