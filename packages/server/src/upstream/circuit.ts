/** In a row, before it is given up for a while: one may be a hiccup, or something about one name. */
const FAILURES = 3
const OPEN_MS = 5_000

/** When the other side is down, nobody waits for that to be found out again and again. */
export class Circuit {
  readonly #now: () => number
  #failures = 0
  #opensAt = 0
  #isTrying = false

  constructor(now: () => number) {
    this.#now = now
  }

  /** Milliseconds until somebody may try; 0 when one may. After a pause one tries for all. */
  enter(): number {
    if (this.#failures < FAILURES) return 0
    const left = this.#opensAt - this.#now()
    // Of a clock that was set back no pause grows long.
    if (left > 0 && left <= OPEN_MS) return left
    if (this.#isTrying) return OPEN_MS
    this.#isTrying = true
    return 0
  }

  answered(): void {
    this.#failures = 0
    this.#isTrying = false
  }

  failed(): void {
    this.#failures++
    this.#isTrying = false
    this.#opensAt = this.#now() + OPEN_MS
  }
}
