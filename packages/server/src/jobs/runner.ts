import type { Context } from '../context.ts'
import { announce } from './announce.ts'
import { startDelivering } from './deliver.ts'
import type { Job } from './job.ts'
import { learnFloor } from './learn-floor.ts'
import { noteUses } from './note-uses.ts'
import { purge } from './purge.ts'
import { purgeEventsJob } from './purge-events.ts'
import { seal } from './seal.ts'
import { watchKeys } from './watch-keys.ts'

const JOBS: readonly Job[] = [announce, learnFloor, noteUses, purge, purgeEventsJob, seal, watchKeys]

/** Runs each job again and again, one run at a time. A job that fails is told of and tried again at its next turn. */
export function startJobs(ctx: Context): { stop(): Promise<void> } {
  const timers = JOBS.map((job) => repeat(ctx, job))
  const delivering = startDelivering(ctx)
  return {
    async stop() {
      await Promise.all([delivering.stop(), ...timers.map((stop) => stop())])
    },
  }
}

/** What happens within so long after a job was woken is worked off together. */
const WOKEN_MS = 15

function repeat(ctx: Context, job: Job): () => Promise<void> {
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let due = 0
  let isWoken = false
  let stopped = false
  const schedule = (ms: number) => {
    clearTimeout(timer)
    due = performance.now() + ms
    timer = setTimeout(() => {
      isWoken = false
      running = job
        .run(ctx)
        .catch((error: unknown) => {
          ctx.log.warn({ job: job.name, err: error }, 'a job failed; it is tried again')
        })
        .then((says) => {
          running = undefined
          if (!stopped) schedule(says === 'goes_on' ? 0 : isWoken ? WOKEN_MS : job.everyMs)
        })
    }, ms).unref()
  }
  const sleep = job.wakes?.(ctx, () => {
    isWoken = true
    if (!running && !stopped && due > performance.now() + WOKEN_MS) schedule(WOKEN_MS)
  })
  schedule(job.everyMs)
  return async () => {
    stopped = true
    sleep?.()
    clearTimeout(timer)
    await running
  }
}
