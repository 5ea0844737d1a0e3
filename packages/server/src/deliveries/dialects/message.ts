import type { Verdict } from '../../domain/delivery.ts'

/** What is sent, put together at that moment. */
export type Message = {
  url: string
  /** JSON. The next one where the site knows nobody by the one before. */
  bodies: readonly string[]
  /** What is in them and must not be kept, should the receiver repeat it. */
  secrets: readonly string[]
  judge(status: number, body: string): Verdict
}

/** Nothing to send any more, and why. */
export type Nothing = { nothing: string }
