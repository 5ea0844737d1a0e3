export { CloudspotLicenseAPI } from './api.ts'
export { LicenseClient } from './client.ts'
export type { Fetch, LicenseClientOptions } from './connection.ts'
export type { CallOptions, SignInOptions } from './deadline.ts'
export {
  BadCredentials,
  CompanyNotAccessible,
  LicenseError,
  type LicenseErrorDetails,
  LicenseServerUnavailable,
  NoAccess,
  NoValidToken,
  TooManyAttempts,
  UnexpectedAnswer,
  UnknownApplication,
} from './errors.ts'
export type { EventsOptions, FeedEvent, Snapshot, SnapshotItem } from './feed.ts'
export { type Company, type CompanyPermissions, type PermissionItem, Permissions, type Slug } from './permissions.ts'
export type { Impersonation, Session } from './session.ts'
export { User, type UserFields } from './user.ts'
export type * from './webhooks/events.ts'
