import type { Job } from './job.ts'

/** Takes a key ring that was rotated, and tells in the log when it is no longer the one of this house. */
export const watchKeys: Job = {
  name: 'watch-keys',
  everyMs: 60_000,
  run: (ctx) => ctx.keys.prove(),
}
