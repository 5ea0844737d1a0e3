import { purgeAddresses } from '../credentials/known-address-store.ts'
import { purgeLastTokens } from '../credentials/last-token-store.ts'
import { KNOWN_FOR_MS } from '../credentials/throttle.ts'
import { purgeThrottles } from '../credentials/throttle-store.ts'
import { purgeTokens } from '../credentials/token-store.ts'
import { purgeDeletedEndpoint, purgeDeliveries } from '../deliveries/delivery-store.ts'
import { forgetOldSecrets } from '../deliveries/endpoint-store.ts'
import { TRIED_FOR_MS } from '../domain/delivery.ts'
import { untilFew } from './batches.ts'
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
    const now = ctx.now()
    const before = now - KEPT_DAYS * DAY
    const { transaction } = ctx.db
    // More may end in a minute than one batch holds: sign-ins, events, a flood of invented names.
    await untilFew(BATCH, [
      () => transaction((tx) => purgeTokens(tx, before, BATCH)),
      () => transaction((tx) => purgeAddresses(tx, now - KNOWN_FOR_MS, BATCH)),
      () => transaction((tx) => purgeDeliveries(tx, before, BATCH)),
      () => transaction((tx) => purgeDeletedEndpoint(tx, BATCH)),
      // What a site is to be told of a user has arrived by then, or does not arrive any more.
      () => transaction((tx) => purgeLastTokens(tx, now - TRIED_FOR_MS - DAY, BATCH)),
      () => transaction((tx) => purgeThrottles(tx, now, BATCH)),
    ])
    await transaction((tx) => forgetOldSecrets(tx, now))
  },
}
