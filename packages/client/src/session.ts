import { readCompanyPermissions, readExpiry, readProfile, type ToldPermissions } from './answers.ts'
import { type Connection, isHeaderValue } from './connection.ts'
import { type CallOptions, sharedDeadline } from './deadline.ts'
import { type Ask, Dialect } from './dialect.ts'
import { CompanyNotAccessible, type LicenseError, NoAccess, NoValidToken, UnknownApplication } from './errors.ts'
import { type Answer, request } from './http.ts'
import { LatestPermissions } from './latest-permissions.ts'
import type { Company, CompanyPermissions, Permissions, Slug } from './permissions.ts'
import { refuse } from './refusals.ts'
import { type Inspect, inspectCustom, shown } from './shown.ts'
import type { User } from './user.ts'

/** Who looks through a user's eyes, and for which company. */
export interface Impersonation {
  /** The user's name at sign-in: the email address. */
  readonly username: string
  /** The only company that the session answers for. */
  readonly companyId: string
  /** A person, or a key that is nobody's, which has no address. Null where the server does not tell it, as in `reason` and `endsAt`. */
  readonly impersonatedBy: { readonly name: string; readonly email: string | null } | null
  readonly reason: string | null
  readonly endsAt: Date | null
}

/** What is known of a session when it begins. */
export interface Beginning {
  readonly permissions?: ToldPermissions
  readonly user?: User | null
  readonly expiresAt?: Date | null
  readonly impersonation?: Impersonation
}

/**
 * One user signed in to one application: a token and what the server told for it. Made by `LicenseClient`. Keep one per user;
 * JSON and logs show neither token nor PIN.
 *
 * @example
 * ```ts
 * const session = license.session(token)
 * await session.getPermissions()
 * if (session.permissions.has('create_invoice', companyId)) console.log('may create invoices')
 * ```
 */
export class Session<Slugs extends string = string> {
  readonly #connection: Connection
  readonly #token: string
  readonly #latest: LatestPermissions<Slugs>
  readonly #impersonation: Impersonation | null
  readonly #dialect: Dialect
  #user: User | null
  #expiresAt: Date | null

  /** @internal */
  constructor(connection: Connection, token: string, begin: Beginning = {}) {
    this.#connection = connection
    this.#token = token
    this.#impersonation = begin.impersonation ?? null
    this.#user = begin.user ?? null
    this.#expiresAt = begin.expiresAt ?? null
    this.#latest = new LatestPermissions(this.#impersonation?.companyId)
    this.#dialect = new Dialect(
      (call, options) => this.#ask(call, options),
      async (options) => (await this.getUser(options)).company,
    )
    if (begin.permissions) this.#latest.replaceAll(this.#latest.ask(), this.#dialect.hear(begin.permissions))
  }

  /** The token: a secret, to be kept where only this user's requests find it. */
  get token(): string {
    return this.#token
  }

  /** When the token ends, by this machine's clock; null where the server does not tell it. */
  get expiresAt(): Date | null {
    return this.#expiresAt
  }

  /**
   * The newest that was told; empty before anything was, and after the server said that the session is over. Each answer makes
   * another object.
   */
  get permissions(): Permissions<Slugs> {
    return this.#latest.current
  }

  /** The user as last told; null before that, and after the server said that the session is over. */
  get user(): User | null {
    return this.#user
  }

  /** Set when a supporter is behind this session. */
  get impersonation(): Impersonation | null {
    return this.#impersonation
  }

  /** Asks for the profile. @throws LicenseError `invalid_token`, … */
  async getUser(options: CallOptions = {}): Promise<User> {
    const answer = await this.#ask({ name: 'profile', path: 'auth/users/profile/' }, options)
    const user = readProfile(answer, companiesIn(this.permissions))
    this.#user = user
    return user
  }

  /**
   * Asks for the permissions of all companies; they are in `permissions` then. That there are none is an error, so that no error means
   * that the user may come in; `allowEmpty` gets the empty ones instead.
   *
   * @throws LicenseError `no_access`, `invalid_token`, …
   */
  async getPermissions(options: CallOptions & { allowEmpty?: boolean | undefined } = {}): Promise<Permissions<Slugs>> {
    const turn = this.#latest.ask()
    const shared = sharedDeadline(options, this.#connection.timeout)
    this.#latest.replaceAll(turn, await this.#dialect.askAll(shared))
    if (this.permissions.isEmpty && !options.allowEmpty) throw refuse(NoAccess, 'no_access')
    return this.permissions
  }

  /**
   * Asks for the permissions of one company, as slugs; they are in `permissions` then, too.
   *
   * @throws LicenseError `company_not_accessible`, `invalid_token`, …; TypeError without a company id
   */
  async getCompanyPermissions(companyId: string, options: CallOptions = {}): Promise<Slug<Slugs>[]> {
    if (typeof companyId !== 'string' || companyId === '')
      throw new TypeError('getCompanyPermissions needs a company id')
    const turn = this.#latest.ask()
    try {
      const slugs = await this.#askCompany(companyId, options)
      this.#latest.replaceCompany(turn, companyId, slugs)
      return [...slugs]
    } catch (error) {
      if (error instanceof CompanyNotAccessible) this.#latest.replaceCompany(turn, companyId, undefined)
      throw error
    }
  }

  /**
   * Ends the token on the server; permissions and user are forgotten here at once, whatever it answers. A token that is dead already
   * is signed out. Rejects where the server did not confirm it: then the token may still live.
   *
   * @throws LicenseError `unreachable`, `not_found` from a server that knows no sign-out, …
   */
  async signOut(options: CallOptions = {}): Promise<void> {
    this.#forget()
    try {
      // Repeatable: a second time finds a dead token, which is what was wanted.
      await this.#ask({ name: 'sign-out', method: 'POST', path: 'auth/sign-out/' }, options)
    } catch (error) {
      if (!(error instanceof NoValidToken) || error.status === 403) throw error
    } finally {
      this.#forget()
    }
  }

  toJSON(): {
    user: User | null
    companies: readonly CompanyPermissions<Slugs>[]
    expiresAt: Date | null
    impersonation: Impersonation | null
  } {
    return {
      user: this.#user,
      companies: this.permissions.companies,
      expiresAt: this.#expiresAt,
      impersonation: this.#impersonation,
    }
  }

  [inspectCustom](_depth: number, options: object, inspect?: Inspect): string {
    return shown('Session', this, options, inspect)
  }

  async #ask(call: Parameters<Ask>[0], options: CallOptions): Promise<Answer> {
    try {
      // Not sent: it can't be a token, and could become something else in a header.
      if (!isHeaderValue(this.#token)) throw refuse(NoValidToken, 'invalid_token')
      const answer = await request(
        this.#connection,
        { method: 'GET', repeatable: true, ...call, token: this.#token },
        options,
      )
      this.#expiresAt = readExpiry(answer) ?? this.#expiresAt
      return answer
    } catch (error) {
      const over = error instanceof NoValidToken || error instanceof NoAccess || error instanceof UnknownApplication
      if (over) this.#forget()
      throw error
    }
  }

  async #askCompany(companyId: string, options: CallOptions): Promise<readonly string[]> {
    const only = this.#impersonation?.companyId
    const segment = pathSegment(companyId)
    if (segment === undefined || (only !== undefined && companyId !== only)) throw notAccessible()
    if (this.#dialect.isFlat) {
      const companies = await this.#dialect.askAll(sharedDeadline(options, this.#connection.timeout))
      const found = companies.find((company) => company.id === companyId)
      if (!found) throw notAccessible()
      return found.permissions
    }
    return readCompanyPermissions(
      await this.#ask({ name: 'company', path: `auth/get-company-permissions/${segment}/` }, options),
    )
  }

  #forget(): void {
    this.#latest.clear()
    this.#user = null
  }
}

function companiesIn(permissions: Permissions<string>): Company[] {
  return permissions.companies.map(({ id, name }) => ({ id, name }))
}

/** The value as one segment of a path, or undefined: `.` and `..` would be resolved, a lone surrogate can't be encoded. */
function pathSegment(value: string): string | undefined {
  if (value === '.' || value === '..' || value.length > 200) return undefined
  try {
    return encodeURIComponent(value)
  } catch {
    return undefined
  }
}

function notAccessible(): LicenseError {
  return refuse(CompanyNotAccessible, 'company_not_accessible')
}
