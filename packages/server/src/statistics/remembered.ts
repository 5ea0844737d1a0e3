/** A count is good for so long, or for so many times as long as it took: counting takes one twentieth of one core at most. */
const GOOD_FOR_MS = 30_000
const TIMES_AS_LONG = 20
const KEPT = 200

type Known<T> = { counted: Promise<T>; until: number }

/** What was counted a moment ago, by what it was counted for. Who asks meanwhile waits for the same count; different ones come one after the other. */
export class Remembered<T> {
  readonly #now: () => number
  readonly #known = new Map<string, Known<T>>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(now: () => number) {
    this.#now = now
  }

  get(what: string, count: () => Promise<T>): Promise<T> {
    const known = this.#known.get(what)
    if (known && this.#now() < known.until) return known.counted
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const made: Known<T> = { counted: promise, until: Number.POSITIVE_INFINITY }
    this.#keep(what, made)
    this.#last = this.#last.then(async () => {
      const start = performance.now()
      try {
        resolve(await count())
        made.until = this.#now() + Math.max(GOOD_FOR_MS, TIMES_AS_LONG * (performance.now() - start))
      } catch (error) {
        // The next one tries again.
        made.until = 0
        reject(error)
      }
    })
    return promise
  }

  #keep(what: string, made: Known<T>): void {
    // Put anew, so that the first is the one that was counted longest ago.
    this.#known.delete(what)
    this.#known.set(what, made)
    const [oldest] = this.#known.keys()
    if (this.#known.size > KEPT && oldest !== undefined) this.#known.delete(oldest)
  }
}
