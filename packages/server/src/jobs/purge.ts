import { setImmediate } from 'node:timers/promises'
import { purgeAddresses } from '../credentials/known-address-store.ts'
import { purgeLastTokens } from '../credentials/last-token-store.ts'
import { KNOWN_FOR_MS } from '../credentials/throttle.ts'
import { purgeThrottles } from '../credentials/throttle-store.ts'
import { purgeTokens } from '../credentials/token-store.ts'
import { purgeDeletedEndpoint, purgeDeliveries } from '../deliveries/delivery-store.ts'
import { forgetOldSecrets } from '../deliveries/endpoint-store.ts'
import { TRIED_FOR_MS } from '../domain/delivery.ts'
import type { Job } from './job.ts'

const DAY = 86_400_000
/** How long an ended token can still be asked about, and a delivery looked at or sent again. */
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
    await ctx.db.transaction((tx) => purgeDeliveries(tx, before, BATCH))
    await ctx.db.transaction((tx) => purgeDeletedEndpoint(tx, BATCH))
    await ctx.db.transaction((tx) => forgetOldSecrets(tx, ctx.now()))
    // What a site is to be told of a user has arrived by then, or does not arrive any more.
    await ctx.db.transaction((tx) => purgeLastTokens(tx, ctx.now() - TRIED_FOR_MS - DAY, BATCH))
    // A flood of invented names makes more of them in a minute than one batch holds.
    while ((await ctx.db.transaction((tx) => purgeThrottles(tx, ctx.now(), BATCH))) === BATCH) await setImmediate()
  },
}
