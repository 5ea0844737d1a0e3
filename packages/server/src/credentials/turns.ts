/**
 * One at a time for each key, in this process: of many tries on one account each sees what became of the one before.
 * So many may wait, for all keys together; the rest is refused by the caller.
 */
export class Turns {
  readonly #limit: number
  readonly #waiting = new Map<string, (() => void)[]>()
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether somebody has this key's turn now. */
  isTaken(key: string): boolean {
    return this.#waiting.has(key)
  }

  /** Whether one who comes now would have to wait, and too many do already. */
  isFull(key: string): boolean {
    return this.isTaken(key) && this.#count >= this.#limit
  }

  async take(key: string): Promise<Disposable> {
    const waiting = this.#waiting.get(key)
    if (waiting) {
      this.#count++
      await new Promise<void>((resolve) => waiting.push(resolve))
      this.#count--
    } else this.#waiting.set(key, [])
    return { [Symbol.dispose]: () => this.#pass(key) }
  }

  #pass(key: string): void {
    // Handed over, so that nobody slips in between.
    const next = this.#waiting.get(key)?.shift()
    if (next) next()
    else this.#waiting.delete(key)
  }
}
