import { keycloakPassword } from './keycloak.ts'

/** A user as the admin API takes one in an import. */
export type UserRow = {
  id?: string
  email: string
  password_hash?: string
  first_name?: string
  last_name?: string
  pin?: string
  active?: boolean
  created_at?: string
}

/** One row as it was read: the user, and what of it is not taken over; or why it is none. No value of the file is in a fault. */
export type ReadRow = { row: UserRow; notes: string[] } | { fault: string }

/** By our name: as Django's `auth_user`, Keycloak and a house file call it. Of several the first that is not empty counts. */
export const NAMES = {
  id: ['id'],
  email: ['email', 'username'],
  password_hash: ['password_hash', 'password'],
  first_name: ['first_name', 'firstName'],
  last_name: ['last_name', 'lastName'],
  pin: ['pin'],
  active: ['active', 'is_active', 'enabled'],
  created_at: ['created_at', 'date_joined', 'createdTimestamp'],
} as const

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const YES = new Set(['1', 't', 'true', 'yes', 'y'])
const NO = new Set(['0', 'f', 'false', 'no', 'n'])
/** As databases and Django write one: a blank for the T, an offset of hours alone, or none where it is UTC. */
const MOMENT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s?(Z|[+-]\d\d(?::?\d\d)?)?$/

/** Reads one record, whichever of the known names it uses. */
export function readUser(record: Record<string, unknown>): ReadRow {
  const fields = djangoFields(record) ?? record
  const value = (name: keyof typeof NAMES): unknown =>
    NAMES[name].map((each) => fields[each]).find((each) => each !== undefined && each !== null && each !== '')
  const email = value('email')
  if (email === undefined) return { fault: 'it has no email (nor a username)' }
  const notes: string[] = []
  const password = fields.credentials === undefined ? value('password_hash') : keycloakPassword(fields.credentials)
  if (password === null) return { fault: 'its Keycloak credential is of no form that is known' }
  const texts: Record<string, unknown> = { email, password_hash: password, ...textsOf(value) }
  const odd = Object.entries(texts).find(([, each]) => each !== undefined && typeof each !== 'string')
  if (odd) return { fault: `${odd[0]} is no text` }
  const active = readSwitch(value('active'))
  if (active === null) return { fault: 'active is neither true nor false' }
  const createdAt = readMoment(value('created_at'))
  if (createdAt === null) notes.push('when it was made can not be read: it counts as made now')
  if (isOn(fields.is_superuser) || isOn(fields.is_staff))
    notes.push('is_superuser and is_staff are not taken over: give rights here')
  const id = value('id')
  return {
    row: given({
      ...(texts as { email: string }), // As was just seen.
      id: typeof id === 'string' && UUID.test(id) ? id.toLowerCase() : undefined,
      active,
      created_at: createdAt ?? undefined,
    }),
    notes,
  }
}

function textsOf(value: (name: keyof typeof NAMES) => unknown) {
  const pin = value('pin')
  return {
    first_name: value('first_name'),
    last_name: value('last_name'),
    pin: typeof pin === 'number' ? String(pin) : pin,
  }
}

/** Of a line of `manage.py dumpdata auth.user --format jsonl`: `{"model": "auth.user", "pk": 1, "fields": {…}}`. */
function djangoFields({ model, fields }: Record<string, unknown>): Record<string, unknown> | undefined {
  const isDumped = typeof model === 'string' && typeof fields === 'object' && fields !== null
  return isDumped ? (fields as Record<string, unknown>) : undefined
}

/** Undefined where it is not said, null where it can't be read. */
function readSwitch(value: unknown): boolean | null | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  const text = String(value).trim().toLowerCase()
  return YES.has(text) ? true : NO.has(text) ? false : null
}

function isOn(value: unknown): boolean {
  return readSwitch(value ?? undefined) === true
}

/** As RFC 3339. Undefined where it is not said, null where it can't be read. Keycloak counts milliseconds. */
function readMoment(value: unknown): string | null | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 && value < 4e12 ? iso(value) : null
  const [, day, time, offset = 'Z'] = MOMENT.exec(String(value).trim()) ?? []
  if (day === undefined) return null
  const whole = /^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')
  const at = Date.parse(`${day}T${time}${whole}`)
  return Number.isNaN(at) ? null : iso(at)
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

function given<T extends object>(row: T): UserRow {
  // Without what is undefined: what is not said is not sent.
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as UserRow
}
