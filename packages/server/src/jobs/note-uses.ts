import type { Job } from './job.ts'

/** Stores when tokens were used last, and what was refused. */
export const noteUses: Job = {
  name: 'note-uses',
  everyMs: 5_000,
  async run(ctx) {
    await ctx.tokenUse.flush(ctx.db)
    await ctx.refusals.flush(ctx.db)
  },
}
