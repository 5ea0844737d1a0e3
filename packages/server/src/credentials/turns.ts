import { busy, waitLeft } from './hasher.ts'

/** `limit`: how many may wait, for all keys together. `waitMs`: how long one may, from when it came to the server. */
export type TurnsOptions = { limit: number; waitMs: number }

type Waiter = { start(): void }

/** One at a time for each key, in this process: of many tries on one account each sees what became of the one before. */
export class Turns {
  readonly #options: TurnsOptions
  readonly #waiting = new Map<string, Waiter[]>()
  #count = 0
  #ended = 0

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /** How many have ended, of all keys: where it is the same as before, nobody's has meanwhile. */
  get ended(): number {
    return this.#ended
  }

  /** Whether somebody has this key's turn now. */
  isTaken(key: string): boolean {
    return this.#waiting.has(key)
  }

  /** `since` of `performance.now()`. @throws AppError `busy` for one who would have to wait where too many do, or who has waited too long */
  async take(key: string, since = performance.now()): Promise<Disposable> {
    const waiting = this.#waiting.get(key)
    if (waiting) await this.#wait(waiting, since)
    else this.#waiting.set(key, [])
    return { [Symbol.dispose]: () => this.#pass(key) }
  }

  async #wait(waiting: Waiter[], since: number): Promise<void> {
    if (this.#count >= this.#options.limit) throw busy()
    this.#count++
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { start: resolve }
    waiting.push(waiter)
    const timer = setTimeout(
      () => {
        waiting.splice(waiting.indexOf(waiter), 1)
        reject(busy())
      },
      waitLeft(since, this.#options.waitMs),
    )
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#count--
    }
  }

  #pass(key: string): void {
    this.#ended++
    // Handed over, so that nobody slips in between.
    const next = this.#waiting.get(key)?.shift()
    if (next) next.start()
    else this.#waiting.delete(key)
  }
}
