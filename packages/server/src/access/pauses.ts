import { setImmediate } from 'node:timers/promises'

/** How long one goes on before others get their turn. */
const TURN_MS = 5

/** For what asks the database many times: on SQLite nobody else would get a turn between. */
export class Pauses {
  #since = performance.now()

  /** Lets others have their turn where this has gone on for long. */
  async pause(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return
    await setImmediate()
    this.#since = performance.now()
  }
}
