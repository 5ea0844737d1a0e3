import type { Interval } from './interval.ts'
import type { LicenseDates } from './license-state.ts'

/** What the rule judges: one user, one company, one application. Rows as they are stored, nothing decided. */
export type Facts = Circumstances & { license: LicenseFacts | null; grants: readonly GrantFacts[] }

/** What must be well before any grant counts. */
export type Circumstances = {
  application: { active: boolean }
  user: { active: boolean }
  company: { active: boolean }
  membership: { active: boolean } | null
  license: LicenseTerms | null
  seat: Interval | null
}

export type LicenseTerms = LicenseDates & { suspended: boolean }

export type LicenseFacts = LicenseTerms & {
  /** "All" but `is_superuser`, or the permissions that the license names, by id. */
  includes: 'all' | { named: readonly number[] }
}

/** One permission given for a while: directly, through a role, or through a role that the license gives to every seat. */
export type GrantFacts = Interval & { permission: number; through: GrantSource }

export type GrantSource = { kind: 'direct' } | { kind: 'role'; role: number } | { kind: 'license_role'; role: number }
