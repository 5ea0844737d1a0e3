import { purgeSealed, sealAll } from '../audit/chain.ts'
import type { Job } from './job.ts'

const DAY = 86_400_000
const BATCH = 500

/** Puts what was audited into the chain, and clears away what is kept no longer. */
export const seal: Job = {
  name: 'seal',
  everyMs: 2_000,
  async run(ctx) {
    await sealAll(ctx.db, ctx.keys)
    const { auditDays } = ctx.config
    if (auditDays > 0) await ctx.db.transaction((tx) => purgeSealed(ctx, tx, ctx.now() - auditDays * DAY, BATCH))
  },
}
