import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/** What the database makes of the others by itself (migrations/people-triggers.ts). */
type Followed = 'people_terms'

/**
 * What a copy of the house holds: every other table with its key, in an order in which what a row names stands before it. The rows of a table
 * are copied in the order of its key, texts by their bytes, so that two databases with the same rows have the same copy.
 */
const KEYS: Record<Exclude<keyof Tables, Followed>, readonly string[]> = {
  house: ['name'],
  companies: ['id'],
  users: ['id'],
  memberships: ['user_id', 'company_id'],
  applications: ['id'],
  permissions: ['id'],
  roles: ['id'],
  role_permissions: ['role_id', 'permission_id'],
  licenses: ['company_id', 'application_id'],
  license_permissions: ['company_id', 'application_id', 'permission_id'],
  license_roles: ['company_id', 'application_id', 'role_id'],
  seats: ['number'],
  grants: ['id'],
  impersonations: ['id'],
  tokens: ['id'],
  refusals: ['kind', 'application_id', 'subject'],
  throttles: ['key'],
  known_addresses: ['user_id', 'address'],
  password_schemes: ['scheme'],
  api_keys: ['id'],
  audit_entries: ['id'],
  audit_personal: ['entry_id', 'part'],
  user_terms: ['term', 'user_id'],
  imports: ['id'],
  due: ['id'],
  announced: ['application_id', 'user_id', 'company_id'],
  told: ['subject', 'subject_id', 'application_id'],
  events: ['id'],
  endpoints: ['id'],
  deliveries: ['id'],
  delivery_attempts: ['delivery_id', 'number'],
  last_tokens: ['id'],
}

export type TableName = keyof typeof KEYS
export const COPIED = Object.keys(KEYS) as readonly TableName[] // Of an object whose keys these are.

export function keyOf(table: TableName): readonly string[] {
  return KEYS[table]
}

/** Numbers that the database makes and never uses again. */
export const NUMBERED = { permissions: 'id', roles: 'id', seats: 'number' } as const
export type Numbered = keyof typeof NUMBERED

/** A row that names another one of its own table, which may come later. */
export const NAMES_ITS_OWN: Partial<Record<TableName, string>> = { permissions: 'needs' }

/** Every value of ours is one of these. */
export type Value = string | number | null
export type Row = Record<string, Value>

/** Sends one statement, with `?` for its values on SQLite and `$1` on PostgreSQL, and has its rows. */
export type Ask = (statement: string, values?: readonly Value[]) => Promise<Row[]>

export type Kind = Database['kind']
