import { isHeaderValue } from './connection.ts'
import type { Json } from './head.ts'
import type { Answer } from './http.ts'
import type { Company, CompanyPermissions } from './permissions.ts'
import { User } from './user.ts'

/** Permissions company by company, or those of the one company that a user has in the flat dialect, which may go unnamed. */
export type ToldPermissions =
  | { readonly flat: false; readonly companies: readonly CompanyPermissions[] }
  | { readonly flat: true; readonly company: Company | null; readonly slugs: readonly string[] }

export interface ToldSignIn {
  readonly token: string
  readonly permissions: ToldPermissions
  readonly user: User | null
  readonly expiresAt: Date | null
}

export interface ToldImpersonation {
  readonly token: string
  readonly username: string
  readonly companyId: string
  readonly impersonatedBy: { readonly name: string; readonly email: string | null } | null
  readonly reason: string | null
  readonly user: User | null
  readonly expiresAt: Date | null
}

export function readSignIn(answer: Answer): ToldSignIn {
  const user = readUserObject(answer, 'user')
  return {
    token: readToken(answer, 'token'),
    permissions: readSignInPermissions(answer, user),
    user,
    expiresAt: readExpiry(answer),
  }
}

function readSignInPermissions(answer: Answer, user: User | null): ToldPermissions {
  const permissions = readPermissions(answer)
  if (!permissions.flat) return permissions
  const { company_id, company } = answer.body
  // Where a flat answer has only a word for the company, the user object knows its id too.
  if (!told(company_id) && user?.company) return { ...permissions, company: user.company }
  return company_id === undefined && company === undefined ? absent(answer, '/company_id') : permissions
}

export function readImpersonation(answer: Answer): ToldImpersonation {
  const by = answer.body.impersonated_by
  return {
    token: readToken(answer, 'auth_token'),
    username: text(answer, answer.body, '', 'user'),
    companyId: id(answer, answer.body, '', 'company'),
    impersonatedBy: told(by) ? readSupporter(answer, object(answer, by, '/impersonated_by')) : null,
    reason: told(answer.body.reason) ? text(answer, answer.body, '', 'reason') : null,
    user: readUserObject(answer, 'user_info'),
    expiresAt: readExpiry(answer),
  }
}

function readSupporter(answer: Answer, record: Json): ToldImpersonation['impersonatedBy'] {
  const path = '/impersonated_by'
  const email = told(record.email) ? text(answer, record, path, 'email') : null
  return { name: email !== null && !told(record.name) ? email : text(answer, record, path, 'name'), email }
}

export function readPermissions(answer: Answer): ToldPermissions {
  const list = array(answer, answer.body.permissions, '/permissions')
  const company = readCompany(answer, answer.body, '')
  const isFlat = list.length > 0 ? isSlugEntry(list[0]) : company !== null
  if (isFlat) return { flat: true, company, slugs: readSlugs(answer, list, '/permissions') }
  const companies = list.map((entry, index) => {
    const path = `/permissions/${index}`
    const record = object(answer, entry, path)
    const { id, name } = readCompany(answer, record, path) ?? absent(answer, `${path}/company_id`)
    const slugs = array(answer, record.permissions, `${path}/permissions`)
    return { id, name, permissions: readSlugs(answer, slugs, `${path}/permissions`) }
  })
  return { flat: false, companies }
}

export function readCompanyPermissions(answer: Answer): string[] {
  return readSlugs(answer, array(answer, answer.body.permissions, '/permissions'), '/permissions')
}

/** The user of a profile; `known` are the companies to fall back on where the profile tells none. */
export function readProfile(answer: Answer, known: readonly Company[]): User {
  return readUser(answer, answer.body, '', known)
}

/** By this machine's clock, from the seconds left: the server's clock and ours may differ. */
export function readExpiry(answer: Answer): Date | null {
  const { expires_in: seconds, expires_at: moment } = answer.body
  if (told(seconds)) {
    const date = new Date(
      answer.receivedAt + (typeof seconds === 'number' && seconds >= 0 ? seconds * 1_000 : Number.NaN),
    )
    return valid(date) ?? absent(answer, '/expires_in', 'a number of seconds')
  }
  if (!told(moment)) return null
  return valid(new Date(typeof moment === 'string' ? moment : Number.NaN)) ?? absent(answer, '/expires_at', 'a time')
}

function readUserObject(answer: Answer, key: 'user' | 'user_info'): User | null {
  const value = answer.body[key]
  return told(value) ? readUser(answer, object(answer, value, `/${key}`), `/${key}`, []) : null
}

function readUser(answer: Answer, record: Json, path: string, known: readonly Company[]): User {
  const companies = told(record.companies)
    ? array(answer, record.companies, `${path}/companies`).map((entry, index) =>
        readCompanyObject(answer, entry, `${path}/companies/${index}`),
      )
    : undefined
  const named = readCompany(answer, record, path)
  // The oldest dialect names its company by one word; beside a list of companies, the list knows its id.
  const own = (typeof record.company === 'string' && companies?.find(({ name }) => name === record.company)) || named
  const tellsCompany = 'company' in record || 'company_id' in record
  return new User({
    id: told(record.id) ? id(answer, record, path, 'id') : undefined,
    firstName: textOrNull(answer, record, path, 'first_name') ?? '',
    lastName: textOrNull(answer, record, path, 'last_name') ?? '',
    email: textOrNull(answer, record, path, 'email') ?? '',
    company: tellsCompany ? own : (known[0] ?? null),
    companies: companies ?? (tellsCompany ? (own ? [own] : []) : known),
    pin: 'pin' in record ? textOrNull(answer, record, path, 'pin') : undefined,
  })
}

/** `company_id` and `company_name`, or `company`: an object, or in the oldest dialect a single word for both; null where none is told. */
function readCompany(answer: Answer, record: Json, path: string): Company | null {
  if (told(record.company_id)) {
    const name = told(record.company_name) ? text(answer, record, path, 'company_name') : ''
    return company(id(answer, record, path, 'company_id'), name)
  }
  if (!told(record.company)) return null
  if (typeof record.company === 'object') return readCompanyObject(answer, record.company, `${path}/company`)
  const word = id(answer, record, path, 'company')
  return company(word, word)
}

function readCompanyObject(answer: Answer, value: unknown, path: string): Company {
  const record = object(answer, value, path)
  return company(id(answer, record, path, 'id'), told(record.name) ? text(answer, record, path, 'name') : '')
}

function company(id: string, name: string): Company {
  return Object.freeze({ id, name })
}

function isSlugEntry(entry: unknown): boolean {
  return typeof entry === 'string' || (typeof entry === 'object' && entry !== null && 'permission' in entry)
}

/** Slugs as strings, or as `{"permission": slug}`. */
function readSlugs(answer: Answer, list: readonly unknown[], path: string): string[] {
  return list.map((entry, index) =>
    typeof entry === 'string'
      ? entry
      : text(answer, object(answer, entry, `${path}/${index}`), `${path}/${index}`, 'permission'),
  )
}

function readToken(answer: Answer, key: 'token' | 'auth_token'): string {
  const token = answer.body[key]
  return isHeaderValue(token) ? token : absent(answer, `/${key}`, 'a token')
}

function told(value: unknown): boolean {
  return value !== undefined && value !== null
}

function text(answer: Answer, record: Json, path: string, key: string): string {
  const value = record[key]
  return typeof value === 'string' ? value : absent(answer, `${path}/${key}`, 'a string')
}

function textOrNull(answer: Answer, record: Json, path: string, key: string): string | null {
  return record[key] === null ? null : text(answer, record, path, key)
}

function id(answer: Answer, record: Json, path: string, key: string): string {
  return text(answer, record, path, key) || absent(answer, `${path}/${key}`, 'an id')
}

function array(answer: Answer, value: unknown, path: string): readonly unknown[] {
  return Array.isArray(value) ? value : absent(answer, path, 'a list')
}

function object(answer: Answer, value: unknown, path: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return absent(answer, path, 'an object')
  return value as Json // just checked
}

function absent(answer: Answer, path: string, wanted = 'an id'): never {
  throw answer.wrong(path, wanted)
}

function valid(date: Date): Date | undefined {
  return Number.isNaN(date.getTime()) ? undefined : date
}
