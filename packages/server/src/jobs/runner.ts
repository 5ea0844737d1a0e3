import type { Context } from '../context.ts'
import type { Job } from './job.ts'
import { learnFloor } from './learn-floor.ts'
import { noteUses } from './note-uses.ts'
import { purge } from './purge.ts'
import { seal } from './seal.ts'
import { watchKeys } from './watch-keys.ts'

const JOBS: readonly Job[] = [learnFloor, noteUses, purge, seal, watchKeys]

/** Runs each job again and again, one run at a time. A job that fails is told of and tried again at its next turn. */
export function startJobs(ctx: Context): { stop(): Promise<void> } {
  const timers = JOBS.map((job) => repeat(ctx, job))
  return {
    async stop() {
      await Promise.all(timers.map((stop) => stop()))
    },
  }
}

function repeat(ctx: Context, job: Job): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout
  const schedule = () => {
    timer = setTimeout(() => {
      running = job
        .run(ctx)
        .catch((error: unknown) => ctx.log.warn({ job: job.name, err: error }, 'a job failed; it is tried again'))
        .finally(() => {
          if (!stopped) schedule()
        })
    }, job.everyMs).unref()
  }
  let stopped = false
  schedule()
  return async () => {
    stopped = true
    clearTimeout(timer)
    await running
  }
}
