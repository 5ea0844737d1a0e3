import type { Context } from '../context.ts'

/** Something done again and again beside the requests. */
export type Job = {
  name: string
  everyMs: number
  /** Tells `goes_on` when there is more to do, without waiting. */
  run(ctx: Context): Promise<unknown>
  /** Has it run before its time when something happens in this process. Tells how to end that. */
  wakes?(ctx: Context, wake: () => void): () => void
}
