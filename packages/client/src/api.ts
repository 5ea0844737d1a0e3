import { LicenseClient } from './client.ts'
import type { LicenseClientOptions } from './connection.ts'
import type { CallOptions, SignInOptions } from './deadline.ts'
import { NoValidToken } from './errors.ts'
import { Permissions, type Slug } from './permissions.ts'
import { refuse } from './refusals.ts'
import type { Session } from './session.ts'
import { type Inspect, inspectCustom, shown } from './shown.ts'
import { User } from './user.ts'

/**
 * One user of one application, in the shape of the Python package `cloudspot-license-api`: it holds token, permissions and user, so
 * make one for each user, never one for all requests. New code is better served by `LicenseClient`.
 *
 * A call with a token goes over to that token's user: what was known of another one is forgotten first, so that a refusal never
 * leaves somebody else's permissions behind.
 *
 * @example
 * ```ts
 * const api = new CloudspotLicenseAPI('crm', { baseUrl: 'https://license.example' })
 * await api.authenticate(email, password)
 * for (const { permission, companyName } of api.permissions.items()) console.log(companyName, permission)
 * ```
 */
export class CloudspotLicenseAPI<Slugs extends string = string> {
  readonly #client: LicenseClient<Slugs>
  #session: Session<Slugs> | null = null
  #signIns = 0

  /** @throws TypeError for an option that can't be right */
  constructor(applicationId: string, options: LicenseClientOptions & { token?: string | null | undefined }) {
    this.#client = new LicenseClient(applicationId, options)
    if (options.token) this.#session = this.#client.session(options.token)
  }

  /** Null before a sign-in. */
  get token(): string | null {
    return this.#session?.token ?? null
  }

  /** Empty before a sign-in. */
  get permissions(): Permissions<Slugs> {
    return this.#session?.permissions ?? new Permissions()
  }

  /** An empty `User` before the server told one. */
  get user(): User {
    return this.#session?.user ?? new User()
  }

  /** Signs a user in; `token` and `permissions` are there then. @throws LicenseError as `LicenseClient.authenticate` */
  async authenticate(email: string, password: string, options: SignInOptions = {}): Promise<Session<Slugs>> {
    this.#session = null
    const turn = ++this.#signIns
    const session = await this.#client.authenticate(email, password, options)
    // The sign-in begun last is the one that counts.
    if (turn === this.#signIns) this.#session = session
    return session
  }

  /** Asks for the permissions of all companies. @throws LicenseError as `Session.getPermissions`; `invalid_token` without a token */
  async getPermissions(
    token?: string | null,
    options: CallOptions & { allowEmpty?: boolean | undefined } = {},
  ): Promise<Permissions<Slugs>> {
    return this.#use(token).getPermissions(options)
  }

  /** Asks for one company's slugs. @throws LicenseError as `Session.getCompanyPermissions`; `invalid_token` without a token */
  async getCompanyPermissions(
    companyId: string,
    token?: string | null,
    options: CallOptions = {},
  ): Promise<Slug<Slugs>[]> {
    return this.#use(token).getCompanyPermissions(companyId, options)
  }

  /** Asks for the profile; `user` is filled then. @throws LicenseError as `Session.getUser`; `invalid_token` without a token */
  async getUser(token?: string | null, options: CallOptions = {}): Promise<User> {
    return this.#use(token).getUser(options)
  }

  /** Ends the token on the server. @throws LicenseError as `Session.signOut` */
  async signOut(options: CallOptions = {}): Promise<void> {
    const session = this.#session
    await session?.signOut(options)
    if (this.#session === session) this.#session = null
  }

  toJSON(): { applicationId: string; baseUrl: string; session: Session<Slugs> | null } {
    return { ...this.#client.toJSON(), session: this.#session }
  }

  [inspectCustom](_depth: number, options: object, inspect?: Inspect): string {
    return shown('CloudspotLicenseAPI', this, options, inspect)
  }

  #use(token: string | null | undefined): Session<Slugs> {
    if (token !== undefined && token !== null && token !== this.#session?.token) {
      this.#signIns++
      this.#session = this.#client.session(token)
    }
    if (!this.#session) throw refuse(NoValidToken, 'invalid_token')
    return this.#session
  }
}
