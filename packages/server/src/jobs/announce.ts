import { setImmediate } from 'node:timers/promises'
import { announceSome } from '../access/announce.ts'
import type { Job } from './job.ts'

/** After so long others of this process get to end it; it goes on at once. */
const TURN_MS = 500

/** Finds whom it concerns what is due, and stores what they are to be told. What other nodes marked it finds by looking. */
export const announce: Job = {
  name: 'announce',
  everyMs: 500,
  wakes: (ctx, wake) => ctx.outbox.onDue(wake),
  async run(ctx) {
    const since = performance.now()
    while (await announceSome(ctx, { clock: true })) {
      if (performance.now() - since > TURN_MS) return 'goes_on'
      await setImmediate()
    }
    return undefined
  },
}
