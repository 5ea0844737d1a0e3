import { END_OF_TIME, type Interval } from './interval.ts'

const DAY = 86_400_000

export type LicenseState = 'scheduled' | 'in_force' | 'in_grace' | 'ended'

export type LicenseDates = Interval & { graceDays: number }

/** When the grace days are over: days of 24 hours after the end. */
export function graceEnd(license: LicenseDates): number {
  return license.endsAt >= END_OF_TIME ? END_OF_TIME : license.endsAt + license.graceDays * DAY
}

/** Computed from the dates at every question, so that no job can be late. Being suspended is a switch beside it. */
export function licenseState(license: LicenseDates, now: number): LicenseState {
  if (now < license.startsAt) return 'scheduled'
  if (now < license.endsAt) return 'in_force'
  return now < graceEnd(license) ? 'in_grace' : 'ended'
}
