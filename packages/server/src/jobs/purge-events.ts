import type { Context } from '../context.ts'
import { purgeAnnounced } from '../outbox/announced-store.ts'
import { eraseEvents, purgeEvents } from '../outbox/event-store.ts'
import { untilFew } from './batches.ts'
import type { Job } from './job.ts'

const DAY = 86_400_000
/** At a time, so that nobody waits for it. */
const BATCH = 200

/** Clears away events that are kept no longer, and takes deleted people's data out of those that are. */
export const purgeEventsJob: Job = { name: 'purge-events', everyMs: 10_000, run: purgeOutbox }

export async function purgeOutbox(ctx: Context): Promise<void> {
  const before = ctx.now() - ctx.config.eventDays * DAY
  await untilFew(BATCH, [
    () => ctx.db.transaction((tx) => eraseEvents(tx, ctx.now(), BATCH)),
    () => ctx.db.transaction((tx) => purgeEvents(tx, before, BATCH)),
    () => ctx.db.transaction((tx) => purgeAnnounced(tx, before, BATCH)),
  ])
}
