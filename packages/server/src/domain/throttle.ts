/** What is known of wrong passwords for one name, or from one address. Times are milliseconds UTC. */
export type Throttle = { tries: number; lastAt: number; nextAt: number }

/**
 * `free`: wrong passwords before the first wait. From `countedFirst` tries on a try is counted before it is hashed, so that of many at
 * once no more slip in than one after the other; before, only when it was wrong, so that right ones cost nothing.
 */
export type Limit = { free: number; countedFirst: number }

export const ACCOUNT_LIMIT: Limit = { free: 5, countedFirst: 1 }
/** An office or a train stands behind one address: its people's typos are not an attack. */
export const ADDRESS_LIMIT: Limit = { free: 100, countedFirst: 100 }

const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 60_000
/** After so long without a try it starts anew. Too short to wait for: nine tries, and then again, are fewer than one a minute. */
export const FORGOTTEN_AFTER_MS = 600_000

/** Milliseconds until the next try may come; 0 when it may. */
export function waitOf(throttle: Throttle | undefined, now: number): number {
  if (!throttle) return 0
  const wait = throttle.nextAt - now
  // No wait is longer than the longest: this one was noted by a clock that ran ahead.
  return wait > LONGEST_WAIT_MS ? 0 : Math.max(0, wait)
}

/** Tries that are not forgotten. */
function triesOf(throttle: Throttle | undefined, now: number): number {
  return !throttle || now - throttle.lastAt >= FORGOTTEN_AFTER_MS ? 0 : throttle.tries
}

/** Whether the next try is counted before it is hashed. */
export function isCountedFirst(throttle: Throttle | undefined, limit: Limit, now: number): boolean {
  return triesOf(throttle, now) >= limit.countedFirst
}

/** One more try. After the free ones the next may come after 2, 4, 8 … and from the sixth wait on 60 seconds. */
export function withTry(before: Throttle | undefined, limit: Limit, now: number): Throttle {
  const tries = triesOf(before, now) + 1
  const waits = tries - limit.free
  const wait = waits < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(waits, 10))
  return { tries, lastAt: now, nextAt: now + wait }
}

/** What is left when a try turns out to be none: its wait stays, so that a right password in between saves no guesser one. */
export function withoutTry(before: Throttle): Throttle {
  return { ...before, tries: Math.max(0, before.tries - 1) }
}
