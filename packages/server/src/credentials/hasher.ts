import { AppError } from '../errors.ts'
import { hashPassword, type StoredPassword, verifyPassword } from './password-hash.ts'

/** `waitMs`: how long one may wait for its turn, from when it came to the server. */
export type HasherOptions = { concurrency: number; queue: number; waitMs: number }

/** Of a random password that nobody has, with today's parameters (tests/sign-in/hashing-gate.test.ts). */
export const DECOY: StoredPassword = {
  hash: '$argon2id$v=19$m=19456,t=2,p=1$kxMypZxphwbXKfXYbFjfMQ$A9gYDnql3hb/8Hhm9XYCkXf4ldI72o/y//1/Nc/eJ7w',
  isForeign: false,
}

/** Whether the password is the stored one. Without a stored one the same work is done for nothing, and it is not. */
export async function verifyAnyway(password: string, stored: StoredPassword | undefined): Promise<boolean> {
  const isRight = await verifyPassword(password, stored ?? DECOY)
  return isRight && stored !== undefined
}

/** A place at the gate, from coming to leaving. */
export type Place = Disposable & {
  /** Waits for its turn and hashes in it, once. @throws AppError `busy` when it was given to another lane meanwhile, or the wait grew too long */
  run<T>(act: () => Promise<T>): Promise<T>
}

type Waiter = { start(): void; giveUp(error: AppError): void }
/** `held`: places not hashing yet, also of those that do something else before they wait for their turn. */
type Lane = { held: number; waiting: Waiter[] }

/**
 * All password hashing of this process goes through one gate: so many at once, so many waiting, the rest is refused. Lanes (one an
 * application) take turns, and when all places are taken the longest lane gives one up for a shorter one: a flood in
 * one lane keeps itself waiting, not the others.
 */
export class Hasher {
  readonly #options: HasherOptions
  /** In the order of their turns. */
  readonly #lanes = new Map<string, Lane>()
  /** Lanes that somebody had a place in: no more than there are applications. */
  readonly #known = new Set<string>()
  #running = 0
  #held = 0

  constructor(options: HasherOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#running
  }

  /** Places that are not hashing yet. */
  get waiting(): number {
    return this.#held
  }

  async hash(password: string): Promise<string> {
    using place = this.enter('')
    return await place.run(() => hashPassword(password))
  }

  /**
   * A place before anything is asked of the database: of a rush no more ask it than may wait. Undefined for a lane that nobody was in
   * before, since a name that is only claimed takes no place from others. @throws AppError `busy`
   */
  enterKnown(name: string, since: number): Place | undefined {
    return this.#known.has(name) ? this.enter(name, since) : undefined
  }

  /** Whether `enterKnown` would refuse. */
  refuses(name: string): boolean {
    return this.#known.has(name) && this.#isFull() && !this.#laneToShorten(this.#lanes.get(name))
  }

  /** `since` of `performance.now()`: who waited elsewhere has waited. @throws AppError `busy` when all places are taken */
  enter(name: string, since = performance.now()): Place {
    const lane = this.#lanes.get(name) ?? { held: 0, waiting: [] }
    if (this.#isFull()) {
      const longest = this.#laneToShorten(lane)
      if (!longest) throw busy()
      longest.waiting.pop()?.giveUp(busy())
    }
    this.#lanes.set(name, lane)
    this.#known.add(name)
    lane.held++
    this.#held++
    let isHeld = true
    const leave = () => {
      if (!isHeld) return
      isHeld = false
      this.#held--
      if (--lane.held === 0) this.#lanes.delete(name)
    }
    return {
      run: async (act) => {
        await this.#turn(lane, since, leave)
        try {
          return await act()
        } finally {
          this.#leave()
        }
      },
      [Symbol.dispose]: leave,
    }
  }

  /** Waits until it is counted as running, no longer as held. */
  async #turn(lane: Lane, since: number, leave: () => void): Promise<void> {
    if (this.#running < this.#options.concurrency) {
      this.#running++
      leave()
      return
    }
    await new Promise<void>((resolve, reject) => {
      const giveUp = (error: AppError) => {
        clearTimeout(timer)
        leave()
        reject(error)
      }
      const start = () => {
        clearTimeout(timer)
        leave()
        resolve()
      }
      const waiter = { start, giveUp }
      lane.waiting.push(waiter)
      const timer = setTimeout(
        () => {
          lane.waiting.splice(lane.waiting.indexOf(waiter), 1)
          giveUp(busy())
        },
        waitLeft(since, this.#options.waitMs),
      )
    })
  }

  /** Whoever leaves hands its turn over, so that nobody slips in between. */
  #leave(): void {
    for (const [name, lane] of this.#lanes) {
      const next = lane.waiting.shift()
      if (!next) continue
      // To the end of the line of lanes.
      this.#lanes.delete(name)
      this.#lanes.set(name, lane)
      next.start()
      return
    }
    this.#running--
  }

  #isFull(): boolean {
    return this.#running + this.#held >= this.#options.concurrency + this.#options.queue
  }

  /** The longest lane, where it is longer than this one would be with one more. */
  #laneToShorten(lane: Lane | undefined): Lane | undefined {
    let longest: Lane | undefined
    for (const each of this.#lanes.values()) {
      if (each.waiting.length > (longest?.waiting.length ?? 0)) longest = each
    }
    return longest && longest !== lane && longest.waiting.length > (lane?.held ?? 0) + 1 ? longest : undefined
  }
}

/** Milliseconds that are left of a wait that began at `since`; a turn that is free is taken even then. */
export function waitLeft(since: number, waitMs: number): number {
  return Math.max(0, since + waitMs - performance.now())
}

// One for all of them: in a rush there are thousands, and the trace of each would be most of its work.
const BUSY = new AppError('busy', {
  detail: 'Too many people are signing in just now. Try again in a moment.',
  retryAfter: 2,
})

/** Too many sign-ins at once, of all or on one account. */
export function busy(): AppError {
  return BUSY
}
