import { setImmediate } from 'node:timers/promises'

/** Does each step again and again while it finds a whole batch; others get their turn between two. A step tells how many it found. */
export async function untilFew(batch: number, steps: readonly (() => Promise<number>)[]): Promise<void> {
  for (const step of steps) while ((await step()) === batch) await setImmediate()
}
