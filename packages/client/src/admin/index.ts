export type { Fetch } from '../connection.ts'
export type { CallOptions } from '../deadline.ts'
export {
  LicenseError,
  type LicenseErrorDetails,
  LicenseServerUnavailable,
  TooManyAttempts,
  UnexpectedAnswer,
} from '../errors.ts'
export { LicenseAdmin } from './admin.ts'
export type * from './api-keys.ts'
export type * from './applications.ts'
export type * from './audit.ts'
export type { AdminCalls } from './calls.ts'
export type * from './companies.ts'
export type { LicenseAdminOptions } from './connection.ts'
export type * from './explain.ts'
export type * from './grants.ts'
export type * from './impersonations.ts'
export type * from './imports.ts'
export type * from './licenses.ts'
export { List, type ListOptions, type Page, type PageWish } from './list.ts'
export type * from './manifest.ts'
export type * from './members.ts'
export type * from './permissions.ts'
export { type Fault, Refused } from './refused.ts'
export type * from './rights.ts'
export type * from './roles.ts'
export type * from './seats.ts'
export type * from './statistics.ts'
export type * from './tokens.ts'
export type * from './upstream.ts'
export type * from './users.ts'
