import type { Generated } from 'kysely'
import type { DeliveryState, DisabledBecause, EndpointDialect } from '../domain/delivery.ts'
import type { Dialect } from '../domain/dialect.ts'
import type { PowerKind } from '../domain/power.ts'

// One description for SQLite and PostgreSQL. Times are milliseconds UTC; an open start is START_OF_TIME and an open end is
// END_OF_TIME (domain/interval.ts), so that bounds are never null and compare like any other. Switches are 0 or 1.
type Switch = 0 | 1

/** In place of when a grant was taken away, while it was not. */
export const STANDS = 0

export type Tables = {
  house: HouseTable
  users: UsersTable
  companies: CompaniesTable
  memberships: MembershipsTable
  applications: ApplicationsTable
  permissions: PermissionsTable
  roles: RolesTable
  role_permissions: RolePermissionsTable
  licenses: LicensesTable
  license_permissions: LicensePermissionsTable
  license_roles: LicenseRolesTable
  seats: SeatsTable
  grants: GrantsTable
  tokens: TokensTable
  impersonations: ImpersonationsTable
  refusals: RefusalsTable
  throttles: ThrottlesTable
  known_addresses: KnownAddressesTable
  password_schemes: PasswordSchemesTable
  api_keys: ApiKeysTable
  audit_entries: AuditEntriesTable
  audit_personal: AuditPersonalTable
  user_terms: UserTermsTable
  people_terms: PeopleTermsTable
  imports: ImportsTable
  due: DueTable
  announced: AnnouncedTable
  told: ToldTable
  events: EventsTable
  endpoints: EndpointsTable
  deliveries: DeliveriesTable
  delivery_attempts: DeliveryAttemptsTable
  last_tokens: LastTokensTable
}

const ALL: Record<keyof Tables, true> = {
  house: true,
  users: true,
  companies: true,
  memberships: true,
  applications: true,
  permissions: true,
  roles: true,
  role_permissions: true,
  licenses: true,
  license_permissions: true,
  license_roles: true,
  seats: true,
  grants: true,
  tokens: true,
  impersonations: true,
  refusals: true,
  throttles: true,
  known_addresses: true,
  password_schemes: true,
  api_keys: true,
  audit_entries: true,
  audit_personal: true,
  user_terms: true,
  people_terms: true,
  imports: true,
  due: true,
  announced: true,
  told: true,
  events: true,
  endpoints: true,
  deliveries: true,
  delivery_attempts: true,
  last_tokens: true,
}

/** Each of them, so that none is forgotten. */
export const TABLE_NAMES: readonly string[] = Object.keys(ALL)

/** What the house knows about itself, one row a fact: `key_check`, `created_at`, `oldest_program`. */
type HouseTable = { name: string; value: string }

type UsersTable = {
  id: string
  /** Canonical (domain/email.ts). */
  email: string
  first_name: string
  last_name: string
  pin: string | null
  password_hash: string | null
  /** 1 for an imported string, verified as it was received; 0 for our own, of the NFKC form. */
  password_foreign: Switch
  active: Switch
  operator: Switch
  support: Generated<Switch>
  managed_by: string | null
  /** Tokens issued at or before this moment are read as ended. */
  sessions_ended_at: number
  created_at: number
  updated_at: number
  /** When the person's data was deleted; the row stays, so that no id is used twice. */
  deleted_at: number | null
  /** Of the address that the deleted user had (keys/keyed-hash.ts), so that it is not taken up again by mistake. */
  deleted_email_hash: string | null
  /** When the server that this one takes over from agreed to this user's password; null: never. */
  moved_at: number | null
  /** By which application that was. */
  moved_by: string | null
}

type CompaniesTable = {
  id: string
  name: string
  /** Of the name (domain/search-term.ts). */
  term: string
  active: Switch
  /** 1: its admins may act as its people. */
  allows_impersonation: Generated<Switch>
  created_at: number
  updated_at: number
}

type MembershipsTable = {
  company_id: string
  user_id: string
  role: 'member' | 'admin'
  is_primary: Switch
  active: Switch
  joined_at: number
  /** When the user was taken out of the company; null for a member, switched off or not. */
  left_at: number | null
}

type ApplicationsTable = {
  id: string
  name: string
  dialect: Dialect
  exposes_pin: Switch
  active: Switch
  /** SHA-256 of the secret; null for applications made for old clients. */
  secret_hash: string | null
  /** Null: the house's default. */
  token_days: number | null
  /** Null: the house's default; 0: no idle limit. */
  token_idle_days: number | null
  /** Grows with every change of the tree or of a role, in the same transaction: what was computed from an older one is not used. */
  tree_version: number
  sessions_ended_at: number
  /** Networks that it may call from, divided by blanks; null: from anywhere. */
  source_networks: string | null
  /** Below which a Django site has the package's own addresses, without a slash at its end; null: it is none. */
  django_url: string | null
  /** The application's own page that takes an impersonation's one-time token by a form; null: it has none. */
  impersonation_url: string | null
  /** Since when it is told of events; null: it is not. */
  events_since: Generated<number | null>
  /** Since when what it may know already is noted as announced; until then it is told in full. */
  events_ready_at: Generated<number | null>
  /** 1: a Django site that finds the user of an event by the token that it stored last. */
  django_by_token: Generated<Switch>
  created_at: number
  updated_at: number
}

/** Numbers inside, slugs outside: a rename touches one row. Every application has its `use_app`. */
type PermissionsTable = {
  id: Generated<number>
  application_id: string
  slug: string
  name: string
  description: string
  needs: number | null
  operator_only: Switch
  /** Since when nobody shall be given it any more; what was given holds. Null: in use. */
  deprecated_at: number | null
  /** Set where grants of then may still name it: it is none of the application's any more, and its slug no slug. */
  removed_at: number | null
}

type RolesTable = {
  id: Generated<number>
  application_id: string
  /** Null: the application's own. */
  company_id: string | null
  key: string
  name: string
  /** Set where grants of then still name it: nobody can be given it. */
  deleted_at: number | null
}

type RolePermissionsTable = { role_id: number; permission_id: number }

type LicensesTable = {
  company_id: string
  application_id: string
  starts_at: number
  ends_at: number
  grace_days: number
  /** Null: unlimited. */
  seats: number | null
  seats_held: number
  suspended: Switch
  /** 1: all permissions but `is_superuser`; 0: those in license_permissions. */
  includes_all: Switch
  note: string
  created_at: number
  updated_at: number
}

type LicensePermissionsTable = { company_id: string; application_id: string; permission_id: number }
type LicenseRolesTable = { company_id: string; application_id: string; role_id: number }

type SeatsTable = {
  /** Made by the database and never used again: grants name their seat by it. */
  number: Generated<number>
  company_id: string
  application_id: string
  user_id: string
  starts_at: number
  ends_at: number
  given_at: number
}

/** A permission or a role, never both. `revoked_at` keeps what was taken away; STANDS until then. */
type GrantsTable = {
  id: string
  company_id: string
  application_id: string
  user_id: string
  /** Null when the seat was taken away. */
  seat: number | null
  permission_id: number | null
  role_id: number | null
  /** Of these the one that is there, a role's number as a negative one: what the index of those in force holds. */
  item: number
  starts_at: number
  ends_at: number
  reason: string
  granted_by: string
  granted_at: number
  revoked_at: number
  /** 1 where it ended with its seat: both can be given back together. */
  ended_with_seat: Generated<Switch>
}

type TokensTable = {
  id: string
  /** SHA-256 of the token, base64url. */
  hash: string
  user_id: string
  application_id: string
  issued_at: number
  expires_at: number
  /** Milliseconds without use after which it is read as ended; 0: no limit. */
  idle_limit: number
  last_used_at: number
  revoked_at: number | null
  /** The one company that an impersonation's token answers for. */
  only_company_id: string | null
  impersonation_id: string | null
}

type ImpersonationsTable = {
  id: string
  /** SHA-256 of the one-time token. */
  hash: string
  user_id: string
  company_id: string
  application_id: string
  /** The supporter's email address, or the name of a key that is nobody's; null when it came from the server's own command line. */
  started_by: string | null
  /** The person behind the key, the key, and the power that it had. */
  starter_user_id: string | null
  starter_key_id: string | null
  starter_power: PowerKind | null
  reason: string
  created_at: number
  expires_at: number
  /** When what the one-time token is exchanged for ends. */
  session_ends_at: number
  used_at: number | null
  /** When somebody ended it before its time, or its user signed out of it. */
  ended_at: number | null
}

/** Bounded notes of what was refused: one row for the like of it, counted. */
type RefusalsTable = {
  kind: string
  application_id: string
  subject: string
  times: number
  first_at: number
  last_at: number
}

/** Wrong passwords, counted for an account, a name that is none, or an address (credentials/throttle.ts makes the keys). */
type ThrottlesTable = {
  key: string
  user_id: string | null
  address: string | null
  tries: number
  last_at: number
  /** The next try may come from this moment on. */
  next_at: number
}

/** Addresses that a user signed in from, as proved applications named them. */
type KnownAddressesTable = { user_id: string; address: string; last_at: number }

/** Every scheme, with its parameters, that an imported password came in: the slowest says how long a refusal takes. */
type PasswordSchemesTable = { scheme: string }

/** What runs the house over the API. Ended by being read as ended: revoked, expired, or without the standing of who it is bound to. */
type ApiKeysTable = {
  id: string
  /** SHA-256 of the key, base64url. */
  hash: string
  name: string
  power: PowerKind
  /** The person that it stands for; it can do no more than that person may at the moment. */
  user_id: string | null
  company_id: string | null
  application_id: string | null
  /** Divided by blanks. */
  scopes: string
  /** As in a grant's `granted_by`. */
  created_by: string
  created_at: number
  expires_at: number
  last_used_at: number
  revoked_at: number | null
}

/** One act. Nothing of a person is in it: that is in audit_personal. */
type AuditEntriesTable = {
  id: string
  at: number
  act: string
  actor_kind: string
  actor_id: string
  /** The supporter behind an impersonated user. */
  behind_id: string | null
  target_kind: string
  target_id: string
  company_id: string | null
  application_id: string | null
  request_id: string | null
  /** JSON. */
  data: string
  /** Of the salts and the data in audit_personal. */
  personal_hash: string | null
  source_hash: string | null
  /** The place in the chain; null until it is sealed. */
  seq: number | null
  mac: string | null
  key_id: string | null
}

type AuditPersonalTable = {
  entry_id: string
  /** What it tells of whom it was done to, or where whoever did it was. */
  part: 'about' | 'source'
  subject_id: string
  salt: string
  data: string
}

/** What users are found by (domain/search-term.ts). */
type UserTermsTable = { term: string; user_id: string }

/** The same of each company's people. Written by the database alone (migrations/people-triggers.ts). */
type PeopleTermsTable = {
  company_id: string
  /** 0: whom the company manages, and who is no member. */
  is_member: Switch
  is_address: Switch
  term: string
  user_id: string
}

/** A file of users that moves in, batch by batch: `done` rows of `total` are in or refused. */
type ImportsTable = {
  id: string
  kind: 'users'
  name: string
  /** SHA-256 of the file, base64url: the same file goes on where it ended. */
  digest: string
  /** JSON. */
  options: string
  total: number
  done: number
  created: number
  existing: number
  refused: number
  started_by: string
  started_at: number
  updated_at: number
  finished_at: number | null
}

/** What a change touched: everything of what is not named. Gone when it was looked at whether anybody is to be told. */
type DueTable = {
  id: string
  user_id: string | null
  company_id: string | null
  application_id: string | null
  /** How far it was worked off, of one that concerns many. */
  place: string | null
  at: number
  /** When a part of it was last worked off; at first the same as `at`. */
  worked_at: number
}

/** The set that was announced last, slugs divided by blanks. Versions are moments, so that they grow also over a restore. */
type AnnouncedTable = {
  application_id: string
  user_id: string
  company_id: string
  version: number
  permissions: string
}

/** What was told last of a user, a company, or a company's license; `data` is JSON (outbox/told.ts). */
type ToldTable = {
  subject: 'user' | 'company' | 'license'
  /** Of the user or the company. */
  subject_id: string
  application_id: string
  version: number
  data: string
}

/** What an application is told, one row an event. */
type EventsTable = {
  id: string
  application_id: string
  /** Its place among all of the house, in the order in which they were stored; null until it is numbered. */
  seq: number | null
  /** outbox/event-forms.ts */
  type: string
  user_id: string | null
  company_id: string | null
  version: number | null
  /** JSON: `data` of the standard form. */
  data: string
  /** JSON, of `user.updated`: what others than the standard form need, `{"email": <the one told before>, "pin": true}`. */
  changed: string | null
  created_at: number
  /** When a deleted person's data goes out of it. */
  erase_at: number | null
}

/** Where an application hears of events. */
type EndpointsTable = {
  id: string
  application_id: string
  dialect: EndpointDialect
  url: string
  /** Divided by blanks; null: all. */
  types: string | null
  description: string
  active: Switch
  /** Sealed (keys/sealed-endpoints.ts); null once it is deleted. */
  secret: string | null
  /** Signs along until then. */
  secret_before: string | null
  before_until: number | null
  /** Of the first event of which no delivery was made yet. */
  next_seq: number
  /** Behind which user and company today's sets go on to be sent; '' begins; null: they are not. */
  resend_place: string | null
  /** Since when nothing arrives; null: the last one did. */
  failing_since: number | null
  /** When we switched it off. */
  disabled_at: number | null
  disabled_because: DisabledBecause | null
  created_at: number
  updated_at: number
  /** Its deliveries are cleared away from then on, and at last it too. */
  deleted_at: number | null
}

/** One event, or a part of one, on its way to one endpoint. What it says is put together when it is sent. */
type DeliveriesTable = {
  id: string
  endpoint_id: string
  /** What goes out as webhook-id, each time the same. */
  message_id: string
  /** Null: a try of the endpoint. */
  event_id: string | null
  type: string
  /** What is sent one after the other: of one user, one company. */
  lane: string
  /** What a newer one makes needless: the user and the company. */
  topic: string | null
  /** The event's. */
  seq: number
  state: DeliveryState
  attempts: number
  /** Of these, since it was put in line last. */
  tries: number
  first_tried_at: number | null
  /** When it is due; of what is under way, when whoever sends it is taken for dead. */
  next_at: number
  /** Of whoever sends it now. */
  claim: string | null
  last_status: number | null
  last_error: string | null
  created_at: number
  finished_at: number | null
}

type DeliveryAttemptsTable = {
  delivery_id: string
  number: number
  at: number
  ms: number
  status: number | null
  error: string | null
  /** The first bytes of what came back. */
  answer: string
}

/** The last token of a user in an application whose site is older than django-cloudspotlicense 6.2. */
type LastTokensTable = {
  id: string
  application_id: string
  user_id: string
  token_id: string
  /** keys/sealed-tokens.ts */
  sealed: string
  /** When the token ends, or did. */
  ends_at: number
}
