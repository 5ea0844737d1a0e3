import { type LicenseDates, type LicenseState, licenseState } from '../domain/license-state.ts'

const DAY = 86_400_000
/** What is near enough to be told of by itself. */
export const SOON_MS = 30 * DAY
/** So many of what ends soon are named. */
export const NAMED = 100

/** People who signed in in the last so many days. */
export type SignedIn = { day: number; week: number; month: number; last: number | null }

export type ApplicationFigures = {
  licenses: Record<LicenseState, number> & { suspended: number }
  seats: { bought: number; unlimited: number; held: number; over: number }
  signedIn: SignedIn
  /** In force, and ending soon: how many, and the soonest. */
  ending: { all: number; soonest: CountedLicense[] }
}

export type CountedLicense = LicenseDates & {
  companyId: string
  applicationId: string
  seats: number | null
  seatsHeld: number
  isSuspended: boolean
}

function nobody(): SignedIn {
  return { day: 0, week: 0, month: 0, last: null }
}

export function noFigures(): ApplicationFigures {
  return {
    licenses: { scheduled: 0, in_force: 0, in_grace: 0, ended: 0, suspended: 0 },
    seats: { bought: 0, unlimited: 0, held: 0, over: 0 },
    signedIn: nobody(),
    ending: { all: 0, soonest: [] },
  }
}

/** Adds up what is read piece by piece. */
export class Tally {
  readonly applications = new Map<string, ApplicationFigures>()
  /** In any application, each person once. */
  readonly signedIn = nobody()
  readonly #now: number
  #user = ''
  /** Those that the last user's newest sign-in was counted in already. */
  readonly #seen = new Set<string>()

  constructor(now: number) {
    this.#now = now
  }

  addLicense(license: CountedLicense): void {
    const { licenses, seats, ending } = this.#of(license.applicationId)
    const state = licenseState(license, this.#now)
    licenses[state]++
    if (license.isSuspended) licenses.suspended++
    // What was bought is what the license has while it counts.
    if (state === 'in_force' || state === 'in_grace') {
      seats.held += license.seatsHeld
      if (license.seats === null) seats.unlimited++
      else {
        seats.bought += license.seats
        seats.over += Math.max(0, license.seatsHeld - license.seats)
      }
    }
    if (state === 'in_force' && license.endsAt <= this.#now + SOON_MS) {
      ending.all++
      ending.soonest.push(license)
      if (ending.soonest.length > 2 * NAMED) ending.soonest = soonestOf(ending.soonest)
    }
  }

  /** The last sign-in of somebody, each once. */
  addHolder(applicationId: string, at: number): void {
    count(this.#of(applicationId).signedIn, at, this.#now)
  }

  /** User by user; of each the newest comes first. */
  addSignIn(userId: string, applicationId: string, at: number): void {
    if (userId !== this.#user) {
      this.#user = userId
      this.#seen.clear()
      count(this.signedIn, at, this.#now)
    }
    if (this.#seen.has(applicationId)) return
    this.#seen.add(applicationId)
    count(this.#of(applicationId).signedIn, at, this.#now)
  }

  #of(applicationId: string): ApplicationFigures {
    const known = this.applications.get(applicationId)
    if (known) return known
    const made = noFigures()
    this.applications.set(applicationId, made)
    return made
  }
}

function count(into: SignedIn, at: number, now: number): void {
  if (at > now - DAY) into.day++
  if (at > now - 7 * DAY) into.week++
  if (at > now - 30 * DAY) into.month++
  if (into.last === null || at > into.last) into.last = at
}

/** As many as are named. */
export function soonestOf(licenses: readonly CountedLicense[]): CountedLicense[] {
  return licenses.toSorted((a, b) => a.endsAt - b.endsAt || (a.companyId < b.companyId ? -1 : 1)).slice(0, NAMED)
}
