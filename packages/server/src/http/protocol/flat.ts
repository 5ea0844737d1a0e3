import { Type } from 'typebox'
import type { Answer } from '../../access/answer.ts'
import type { AnswerFacts } from '../../access/facts.ts'
import type { Dialect } from '../../domain/dialect.ts'

// The shapes of the releases before 1.0.0, which know one company of a user. Which keys for the company are there is the
// dialect's to say: either set is a traceback in the other's releases.

const NAMED = Type.Union([Type.String(), Type.Null()])
const COMPANY = {
  company_id: Type.Optional(NAMED),
  company_name: Type.Optional(NAMED),
  company: Type.Optional(NAMED),
}
const SLUGS = Type.Array(Type.Object({ permission: Type.String() }))

export const FLAT_SIGN_IN = Type.Object({ token: Type.String(), ...COMPANY, permissions: SLUGS })
export const FLAT_PERMISSIONS = Type.Object({ permissions: SLUGS })
// Never a PIN: no such release reads one.
export const FLAT_PROFILE = Type.Object({
  first_name: Type.String(),
  last_name: Type.String(),
  email: Type.String(),
  ...COMPANY,
})

type Flat = Exclude<Dialect, 'v1'>

export function flatSignIn(dialect: Flat, token: string, answer: Answer) {
  return { token, ...flatCompany(dialect, answer), ...flatPermissions(answer) }
}

/** Of the user's one company; none where there is none left. */
export function flatPermissions({ primary }: Answer) {
  return { permissions: (primary?.permissions ?? []).map((permission) => ({ permission })) }
}

export function flatProfile(dialect: Flat, { user }: AnswerFacts, answer: Answer) {
  const { firstName: first_name, lastName: last_name, email } = user
  return { first_name, last_name, email, ...flatCompany(dialect, answer) }
}

/** Null where there is none left: a live token's profile answers all the same. */
function flatCompany(dialect: Flat, { primary }: Answer) {
  const [id, name] = [primary?.id ?? null, primary?.name ?? null]
  return dialect === 'flat-0.1' ? { company: name } : { company_id: id, company_name: name }
}
