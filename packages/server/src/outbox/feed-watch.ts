import type { Context } from '../context.ts'
import { lastNumber, listApplicationsTold } from './event-store.ts'

/** So often it looks whether other nodes stored something, while somebody waits. */
const LOOK_MS = 500
/** Callers that wait at once; others are answered without. */
const MOST = 1_000

type Waiting = { applicationId: string; wake(): void }

/** Those who wait for an event of their application: one look at the database for all of them. */
export class FeedWatch {
  readonly #ctx: Context
  readonly #waiting = new Set<Waiting>()
  #seen = 0
  #timer: NodeJS.Timeout | undefined
  #stopListening: (() => void) | undefined
  #looking = false

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  /** Ends when there may be an event after the number, when the time is over, or at the signal. */
  async wait(applicationId: string, after: number, milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#waiting.size >= MOST) {
      // Whoever asks in a loop asks no more than some times a second.
      await new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, LOOK_MS)).unref())
      return
    }
    if (this.#waiting.size === 0) this.#begin(after)
    else if (after < this.#seen) return
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#waiting.delete(waiting)
        if (this.#waiting.size === 0) this.#end()
        resolve()
      }
      const waiting = { applicationId, wake: done }
      const timer = setTimeout(done, milliseconds)
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.add(waiting)
    })
  }

  #begin(after: number): void {
    this.#seen = after
    this.#stopListening = this.#ctx.outbox.onEvents(() => void this.#look())
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  #end(): void {
    this.#stopListening?.()
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const { read } = this.#ctx.db
      const last = await lastNumber(read)
      if (last <= this.#seen) return
      const told = new Set(await listApplicationsTold(read, this.#seen, last))
      this.#seen = last
      for (const waiting of [...this.#waiting]) if (told.has(waiting.applicationId)) waiting.wake()
    } catch {
      // Whoever waits is answered by the time; the next look may find the database again.
    } finally {
      this.#looking = false
    }
  }
}
