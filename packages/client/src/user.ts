import type { Company } from './permissions.ts'

/** What a user is made of; all of it may be left out. */
export interface UserFields {
  id?: string | undefined
  firstName?: string | undefined
  lastName?: string | undefined
  email?: string | undefined
  company?: Company | null | undefined
  companies?: readonly Company[] | undefined
  pin?: string | null | undefined
}

/**
 * A person, as the profile tells. `new User()` is the empty one: no names, no email, no company.
 *
 * @example
 * ```ts
 * const user = await session.getUser()
 * console.log(`${user.firstName} ${user.lastName} of ${user.company?.name ?? 'no company'}`)
 * ```
 */
export class User {
  /** Undefined where the server does not tell it. */
  readonly id: string | undefined
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  /**
   * The primary company among those where the user may use the application, else the one joined first. A server that sends none with
   * the profile: the first company of the permissions that the session knew at that time, else null.
   */
  readonly company: Company | null
  /** All companies where the user may use the application; from the session's permissions where the profile has none. */
  readonly companies: readonly Company[]
  readonly #pin: string | null | undefined

  constructor(fields: UserFields = {}) {
    this.id = fields.id
    this.firstName = fields.firstName ?? ''
    this.lastName = fields.lastName ?? ''
    this.email = fields.email ?? ''
    this.company = fields.company ?? null
    this.companies = fields.companies ?? []
    this.#pin = fields.pin
  }

  /** Null where the user has none, undefined where the application does not get it. Neither in JSON nor in logs. */
  get pin(): string | null | undefined {
    return this.#pin
  }
}
