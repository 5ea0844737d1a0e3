/** What is known of wrong passwords for one name, or from one address. Times are milliseconds UTC. */
export type Throttle = { tries: number; lastAt: number; nextAt: number }

/**
 * `free`: wrong passwords before the first wait. From `countedFirst` tries on a try is counted before it is hashed, so that of many at
 * once no more slip in than one after the other; before, only when it was wrong, so that right ones cost nothing.
 * Waits of a name grow; of an address one try is forgotten every `drainMs`, and no more than `free` are ever held against it.
 */
export type Limit = { free: number; countedFirst: number; drainMs?: number }

export const ACCOUNT_LIMIT: Limit = { free: 5, countedFirst: 1 }
/** An office or a train stands behind one address: its people's typos are not an attack, and a neighbour's attack closes it for seconds only. */
export const ADDRESS_LIMIT: Limit = { free: 100, countedFirst: 100, drainMs: 6_000 }

const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 60_000
/** After so long without a try it starts anew. Too short to wait for: nine tries, and then again, are fewer than one a minute. */
export const FORGOTTEN_AFTER_MS = 600_000

/** Milliseconds until the next try may come; 0 when it may. */
export function waitOf(throttle: Throttle | undefined, now: number): number {
  if (!throttle) return 0
  const wait = throttle.nextAt - now
  // Nodes' clocks differ a little; by more than a wait again, this one was noted by a clock that was wrong.
  return wait > 2 * LONGEST_WAIT_MS ? 0 : Math.min(LONGEST_WAIT_MS, Math.max(0, wait))
}

/** Tries that are not forgotten. */
function triesOf(throttle: Throttle | undefined, { drainMs }: Limit, now: number): number {
  if (!throttle || now - throttle.lastAt >= FORGOTTEN_AFTER_MS) return 0
  const drained = drainMs === undefined ? 0 : Math.max(0, Math.floor((now - throttle.lastAt) / drainMs))
  return Math.max(0, throttle.tries - drained)
}

/** Whether the next try is counted before it is hashed. */
export function isCountedFirst(throttle: Throttle | undefined, limit: Limit, now: number): boolean {
  return triesOf(throttle, limit, now) >= limit.countedFirst
}

/** One more try. After the free ones the next may come after 2, 4, 8 … and from the sixth wait on 60 seconds; for an address after a try's draining. */
export function withTry(before: Throttle | undefined, limit: Limit, now: number): Throttle {
  const tries = triesOf(before, limit, now) + 1
  const over = tries - limit.free
  if (limit.drainMs !== undefined)
    return { tries: Math.min(tries, limit.free), lastAt: now, nextAt: now + (over < 0 ? 0 : limit.drainMs) }
  const wait = over < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(over, 10))
  return { tries, lastAt: now, nextAt: now + wait }
}

/** When a try turns out to be none: what was before it, unless others came after it; then one less, with their wait. */
export function withoutTry(found: Throttle, taken: { before: Throttle; after: Throttle }): Throttle {
  const { before, after } = taken
  const isLast = found.tries === after.tries && found.lastAt === after.lastAt && found.nextAt === after.nextAt
  return isLast ? before : { ...found, tries: Math.max(0, found.tries - 1) }
}

/**
 * After the right password: the next wrong one waits as the fifth did, and no longer. Not less: whoever guesses would get five new
 * tries with each of the owner's sign-ins.
 */
export function forgiven(throttle: Throttle, limit: Limit): Throttle {
  return { ...throttle, tries: Math.min(throttle.tries, limit.free - 1) }
}
