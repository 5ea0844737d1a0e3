import { setImmediate } from 'node:timers/promises'
import { purgeAddresses } from '../credentials/known-address-store.ts'
import { KNOWN_FOR_MS } from '../credentials/throttle.ts'
import { purgeThrottles } from '../credentials/throttle-store.ts'
import { purgeTokens } from '../credentials/token-store.ts'
import type { Job } from './job.ts'

const DAY = 86_400_000
/** How long an ended token can still be asked about. */
const KEPT_DAYS = 30
/** At a time, so that nobody waits for it. */
const BATCH = 500

/** Clears away what ended long ago. */
export const purge: Job = {
  name: 'purge',
  everyMs: 60_000,
  async run(ctx) {
    const before = ctx.now() - KEPT_DAYS * DAY
    await ctx.db.transaction((tx) => purgeTokens(tx, before, BATCH))
    await ctx.db.transaction((tx) => purgeAddresses(tx, ctx.now() - KNOWN_FOR_MS, BATCH))
    // A flood of invented names makes more of them in a minute than one batch holds.
    while ((await ctx.db.transaction((tx) => purgeThrottles(tx, ctx.now(), BATCH))) === BATCH) await setImmediate()
  },
}
