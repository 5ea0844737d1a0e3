import { readdirSync, readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/** What else runs on these threads (looking up names, reading files) does not wait for passwords. */
const SPARE_THREADS = 2
const DEFAULT_THREADS = 4
const STEPS_BACK = 5
const LAST_PRIORITY = 19

/** As many threads as passwords are hashed at once, and some to spare; before anything runs on one. Whoever set the number knows better. */
export function sizeHashThreads(env: Record<string, string | undefined>, concurrency: number): void {
  env.UV_THREADPOOL_SIZE ??= String(Math.max(DEFAULT_THREADS, concurrency + SPARE_THREADS))
}

/**
 * Hashing takes a step back behind all else on the machine: with every core busy with passwords, look-ups would wait for a core
 * as long as a hash does (docs/decisions/0007-hashing-steps-back.md). Linux alone has priorities for threads.
 */
export function lowerHashThreads(): void {
  if (process.platform !== 'linux') return
  // From where the process is, so that doing it again changes nothing.
  const priority = Math.min(LAST_PRIORITY, getPriority() + STEPS_BACK)
  for (const id of threadIds()) {
    try {
      const name = readFileSync(`/proc/self/task/${id}/comm`, 'utf8')
      if (name.startsWith('libuv-worker')) setPriority(Number(id), priority)
    } catch {
      // It has ended meanwhile, or priorities are not ours to set: then all threads are alike.
    }
  }
}

/** None where there is no /proc. */
function threadIds(): string[] {
  try {
    return readdirSync('/proc/self/task')
  } catch {
    return []
  }
}
