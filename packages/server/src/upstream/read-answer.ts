import { MAX_COMPANY_NAME, MAX_PERSON_NAME, MAX_PIN, UUID } from '../domain/limits.ts'

// What another server says is judged like whatever a stranger sends: form, sizes and numbers. Keys that are not known are no matter.

/** A company as it was told; without an id by the oldest dialect. */
export type ToldCompany = { id: string | undefined; name: string; slugs: readonly string[] }

/** Who somebody is. */
export type ToldProfile = { email: string; firstName: string; lastName: string; pin: string | null | undefined }

/** What is not of the protocol's form, by the place in the answer: never its content. */
export class Unreadable extends Error {}

/** All of them are stored in one transaction, for which others wait on SQLite. */
const MAX_COMPANIES = 200
const MAX_SLUGS = 20_000
const MAX_SLUG = 100
/** It goes into a header of ours. */
const TOKEN = /^[\x21-\x7e]{1,1000}$/

/** Of a sign-in, in any of the protocol's dialects. @throws Unreadable */
export function readSignIn(body: unknown): { token: string; companies: ToldCompany[] } {
  const answer = object(body, 'the answer')
  const { token, permissions } = answer
  if (typeof token !== 'string' || !TOKEN.test(token)) throw new Unreadable('token')
  const items = list(permissions, 'permissions', MAX_SLUGS)
  const isFlat = 'company_id' in answer || 'company' in answer
  const companies = isFlat ? readFlat(answer, items) : readCompanies(items)
  if (companies.reduce((sum, { slugs }) => sum + slugs.length, 0) > MAX_SLUGS) throw new Unreadable('permissions')
  return { token, companies }
}

/** One that is told twice counts as it was told first. */
function readCompanies(items: readonly unknown[]): ToldCompany[] {
  if (items.length > MAX_COMPANIES) throw new Unreadable(`permissions: more than ${MAX_COMPANIES} companies`)
  const companies = new Map<string, ToldCompany>()
  for (const [at, item] of items.entries()) {
    const place = `permissions/${at}`
    const { company_id, company_name, permissions } = object(item, place)
    const id = readId(company_id, `${place}/company_id`)
    const name = readName(company_name, `${place}/company_name`)
    const slugs = list(permissions, `${place}/permissions`, MAX_SLUGS).map((slug) => readSlug(slug, place))
    if (!companies.has(id)) companies.set(id, { id, name, slugs: [...new Set(slugs)] })
  }
  return [...companies.values()]
}

/** A user's one company, by its id and name or by its name alone; null where there is none. */
function readFlat(answer: Record<string, unknown>, items: readonly unknown[]): ToldCompany[] {
  const slugs = items.map((item, at) => readSlug(object(item, `permissions/${at}`).permission, `permissions/${at}`))
  const { company_id, company_name, company } = answer
  if ((company_id ?? company ?? null) === null) return []
  const id = company_id === undefined ? undefined : readId(company_id, 'company_id')
  const name = id === undefined ? readName(company, 'company') : readName(company_name, 'company_name')
  return [{ id, name, slugs: [...new Set(slugs)] }]
}

/** Of the profile. @throws Unreadable */
export function readProfile(body: unknown): ToldProfile {
  const { email, first_name, last_name, pin } = object(body, 'the answer')
  return {
    email: text(email, 600, 'email'),
    firstName: text(first_name ?? '', MAX_PERSON_NAME, 'first_name').trim(),
    lastName: text(last_name ?? '', MAX_PERSON_NAME, 'last_name').trim(),
    pin: pin === undefined ? undefined : text(pin ?? '', MAX_PIN, 'pin') || null,
  }
}

function object(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Unreadable(place)
  return value as Record<string, unknown> // An object, as was just seen.
}

function list(value: unknown, place: string, max: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > max) throw new Unreadable(place)
  return value
}

function readId(value: unknown, place: string): string {
  if (typeof value !== 'string' || !UUID.test(value)) throw new Unreadable(place)
  return value.toLowerCase()
}

function readName(value: unknown, place: string): string {
  const name = text(value, MAX_COMPANY_NAME, place).trim()
  if (name === '') throw new Unreadable(place)
  return name
}

/** Whatever it is called there: whether the application has it is seen later. */
function readSlug(value: unknown, place: string): string {
  return text(value, MAX_SLUG, `${place}/permission`)
}

/** One that both databases have a form for. */
function text(value: unknown, max: number, place: string): string {
  if (typeof value !== 'string' || value.length > max || !value.isWellFormed() || value.includes('\0'))
    throw new Unreadable(place)
  return value
}
