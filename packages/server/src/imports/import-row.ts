import { readForeignHash } from '../credentials/password-hash.ts'
import { readMoment } from '../domain/day.ts'
import { canonicalEmail } from '../domain/email.ts'
import { MAX_PERSON_NAME, MAX_PIN, UUID } from '../domain/limits.ts'

/** A user as a file has one. */
export type ImportRow = {
  id?: string | undefined
  email: string
  password_hash?: string | undefined
  first_name?: string | undefined
  last_name?: string | undefined
  pin?: string | undefined
  active?: boolean | undefined
  created_at?: string | undefined
}

/** The same in the house's own spelling. */
export type ReadyRow = {
  id: string | undefined
  email: string
  firstName: string
  lastName: string
  pin: string | null
  isActive: boolean
  /** Verified as it is; hashed anew at the next sign-in. Null: no password. */
  passwordHash: string | null
  createdAt: number
}

/** The row as it would be stored, or why it can't be. What is in the row is not in the reason: that is shown and logged. */
export function readRow(row: ImportRow, now: number): ReadyRow | string {
  const email = canonicalEmail(row.email)
  if (email === undefined) return 'its address is none that can have an account here'
  if (row.id !== undefined && !UUID.test(row.id)) return 'its id is no UUID'
  const { first_name: firstName = '', last_name: lastName = '', pin } = row
  const textFault =
    faultIn('first_name', firstName, MAX_PERSON_NAME) ??
    faultIn('last_name', lastName, MAX_PERSON_NAME) ??
    faultIn('pin', pin ?? '', MAX_PIN)
  if (textFault !== undefined) return textFault
  const passwordHash = readPassword(row.password_hash)
  if (passwordHash === undefined)
    return 'its password string is of no form that is known here, or its parameters are too large'
  const createdAt = row.created_at === undefined ? now : readMoment(row.created_at, 'UTC', 'start')
  if (createdAt === undefined) return 'created_at is no moment'
  return {
    id: row.id?.toLowerCase(),
    email,
    firstName,
    lastName,
    pin: pin === undefined || pin === '' ? null : pin,
    isActive: row.active ?? true,
    passwordHash,
    createdAt: Math.min(Math.max(createdAt, 0), now),
  }
}

/** PostgreSQL has no text with a NUL, or with half a character. */
function faultIn(name: string, text: string, max: number): string | undefined {
  if ([...text].length > max) return `${name} is longer than ${max} characters`
  return text.includes('\0') || !text.isWellFormed() ? `${name} has a character that can not be stored` : undefined
}

/** Django's `!…` and nothing at all are no password. Undefined for what nobody can verify. */
function readPassword(text = ''): string | null | undefined {
  if (text === '' || text.startsWith('!')) return null
  return readForeignHash(text) ? text : undefined
}
