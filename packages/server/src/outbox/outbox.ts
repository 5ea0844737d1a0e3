type Listener = () => void

/** What this process tells itself, so that nobody waits for the next look at the database; what other nodes store is found by that. */
export class Outbox {
  readonly #due = new Set<Listener>()
  readonly #events = new Set<Listener>()
  #turn: Promise<unknown> = Promise.resolve()

  /** Something was stored that others may have to be told of. */
  due(): void {
    for (const listener of this.#due) listener()
  }

  onDue(listener: Listener): Listener {
    this.#due.add(listener)
    return () => this.#due.delete(listener)
  }

  /** Events were numbered: they can be read. */
  events(): void {
    for (const listener of this.#events) listener()
  }

  onEvents(listener: Listener): Listener {
    this.#events.add(listener)
    return () => this.#events.delete(listener)
  }

  /** One after the other within this process. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(act, act)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}
