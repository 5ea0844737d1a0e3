/**
 * One at a time for each key, in this process: of many tries on one account each sees what became of the one before.
 * So many may wait for one key; the rest is refused by the caller.
 */
export class Turns {
  readonly #limit: number
  readonly #waiting = new Map<string, (() => void)[]>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether somebody has this key's turn now. */
  isTaken(key: string): boolean {
    return this.#waiting.has(key)
  }

  isFull(key: string): boolean {
    return (this.#waiting.get(key)?.length ?? 0) >= this.#limit
  }

  async take(key: string): Promise<Disposable> {
    const waiting = this.#waiting.get(key)
    if (waiting) await new Promise<void>((resolve) => waiting.push(resolve))
    else this.#waiting.set(key, [])
    return { [Symbol.dispose]: () => this.#pass(key) }
  }

  #pass(key: string): void {
    // Handed over, so that nobody slips in between.
    const next = this.#waiting.get(key)?.shift()
    if (next) next()
    else this.#waiting.delete(key)
  }
}
