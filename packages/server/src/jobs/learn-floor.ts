import type { Job } from './job.ts'

/** Looks whether passwords of another scheme were imported. */
export const learnFloor: Job = {
  name: 'learn-floor',
  everyMs: 60_000,
  run: (ctx) => ctx.refusalFloor.learn(ctx.db.read),
}
