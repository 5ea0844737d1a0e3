/** A half-open span of time `[startsAt, endsAt)` in milliseconds UTC. */
export type Interval = { startsAt: number; endsAt: number }

/** Stored where nothing says when a thing starts, and where nothing says when it ends: bounds that compare like any other. */
export const START_OF_TIME = 0
export const END_OF_TIME = Number.MAX_SAFE_INTEGER

export type Phase = 'not_started' | 'in_force' | 'ended'

export function phase(interval: Interval, now: number): Phase {
  if (now < interval.startsAt) return 'not_started'
  return now < interval.endsAt ? 'in_force' : 'ended'
}

export function inForce(interval: Interval, now: number): boolean {
  return interval.startsAt <= now && now < interval.endsAt
}
