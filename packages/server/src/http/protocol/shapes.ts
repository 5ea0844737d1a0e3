import { type Static, Type } from 'typebox'
import type { Answer } from '../../access/answer.ts'
import type { AnswerFacts } from '../../access/facts.ts'

// Exactly the keys of docs/PROTOCOL.md: existing clients fail on any that they don't know. Optional ones are for callers
// that said they can read more (callers.ts), or for applications whose operator said so.

export const COMPANY_PERMISSIONS = Type.Object({
  company_id: Type.String(),
  company_name: Type.String(),
  permissions: Type.Array(Type.String()),
})

export const COMPANY = Type.Object({ id: Type.String(), name: Type.String() })

export const EXPIRY = { expires_at: Type.Optional(Type.String()), expires_in: Type.Optional(Type.Integer()) }

export const USER = Type.Object({
  id: Type.String(),
  first_name: Type.String(),
  last_name: Type.String(),
  email: Type.String(),
  pin: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  company: Type.Union([COMPANY, Type.Null()]),
  companies: Type.Array(COMPANY),
})

type CompanyPermissions = Omit<Static<typeof COMPANY_PERMISSIONS>, 'permissions'> & { permissions: readonly string[] }

export function companyPermissions(answer: Answer): CompanyPermissions[] {
  return answer.companies.map(({ id, name, permissions }) => ({ company_id: id, company_name: name, permissions }))
}

/** When a token ends, and in how many whole seconds, so that the caller's clock does not matter. */
export function expiry(expiresAt: number, now: number): { expires_at: string; expires_in: number } {
  return {
    expires_at: new Date(expiresAt).toISOString(),
    expires_in: Math.max(0, Math.floor((expiresAt - now) / 1000)),
  }
}

export function userObject({ user, application }: AnswerFacts, { companies, primary }: Answer): Static<typeof USER> {
  const named = ({ id, name }: { id: string; name: string }) => ({ id, name })
  return {
    id: user.id,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    ...(application.exposesPin ? { pin: user.pin } : {}),
    company: primary && named(primary),
    companies: companies.map(named),
  }
}
