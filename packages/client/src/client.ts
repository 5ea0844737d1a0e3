import { readImpersonation, readSignIn } from './answers.ts'
import { type Connection, isHeaderValue, type LicenseClientOptions, readConnection } from './connection.ts'
import { type CallOptions, type SignInOptions, sharedDeadline } from './deadline.ts'
import { BadCredentials, NoAccess, NoValidToken } from './errors.ts'
import { askSnapshot, type EventsOptions, type FeedEvent, listen, Snapshot } from './feed.ts'
import { request } from './http.ts'
import { refuse } from './refusals.ts'
import { Session } from './session.ts'
import { type Inspect, inspectCustom, shown } from './shown.ts'

/**
 * One application at one License server. It holds no user and may be shared between all requests of a process. `Slugs` names the
 * application's permissions, so that the compiler finds a mistyped one.
 *
 * @example
 * ```ts
 * const license = new LicenseClient<'list_invoices' | 'create_invoice'>('crm', { baseUrl: 'https://license.example' })
 * const session = await license.authenticate(email, password)
 * session.permissions.has('create_invoice', companyId)
 * ```
 */
export class LicenseClient<Slugs extends string = string> {
  readonly #connection: Connection

  /** @throws TypeError for an option that can't be right */
  constructor(applicationId: string, options: LicenseClientOptions) {
    this.#connection = readConnection(applicationId, options)
  }

  get applicationId(): string {
    return this.#connection.applicationId
  }

  /** The server's address, without `/api/v1`. */
  get baseUrl(): string {
    return this.#connection.address
  }

  /**
   * Signs a user in. Sent once, never repeated.
   *
   * @throws LicenseError `bad_credentials`, `no_access`, `account_disabled`, `too_many_attempts`, `unreachable`, …; TypeError for a
   * `userAddress` that is none
   */
  async authenticate(email: string, password: string, options: SignInOptions = {}): Promise<Session<Slugs>> {
    const { userAddress } = options
    if (userAddress !== undefined && !/^(\d{1,3}(\.\d{1,3}){3}|[\da-f:]*:[\da-f:.]*)$/i.test(userAddress))
      throw new TypeError('userAddress must be one IP address, such as 192.0.2.7 or 2001:db8::1')
    // An application may hand on what somebody sent it as JSON; nothing but two strings can be right.
    if (typeof email !== 'string' || typeof password !== 'string') {
      throw new BadCredentials('The name and the password must be strings.', { code: 'bad_credentials' })
    }
    const body = { username: email, password }
    const answer = await request(
      this.#connection,
      { name: 'sign-in', method: 'POST', path: 'auth/authenticate/', body, userAddress, repeatable: false },
      options,
    )
    const { token, ...told } = readSignIn(answer)
    const session = new Session<Slugs>(this.#connection, token, told)
    // Our server refuses this itself; another one may not.
    if (session.permissions.isEmpty) throw refuse(NoAccess, 'no_access')
    return session
  }

  /** The session of a user who signed in before. Nothing is asked: permissions are empty until `getPermissions()`. */
  session(token: string): Session<Slugs> {
    return new Session(this.#connection, token)
  }

  /**
   * Takes a supporter's one-time token and begins a session as the user it is for, in one company, whose permissions are asked for
   * too. The one-time token is sent once, never repeated, and is used up even where the second question fails.
   *
   * @throws LicenseError `invalid_impersonation`, `no_access`, `company_not_accessible`, `unreachable`, …
   */
  async validateImpersonation(oneTimeToken: string, options: CallOptions = {}): Promise<Session<Slugs>> {
    if (!isHeaderValue(oneTimeToken)) {
      throw refuse(NoValidToken, 'invalid_impersonation')
    }
    const shared = sharedDeadline(options, this.#connection.timeout)
    const answer = await request(
      this.#connection,
      {
        name: 'impersonation',
        method: 'POST',
        path: 'auth/impersonation-validation/',
        body: { token: oneTimeToken },
        repeatable: false,
      },
      shared,
    )
    const { token, user, expiresAt, ...impersonation } = readImpersonation(answer)
    const begin = { user, expiresAt, impersonation: { ...impersonation, endsAt: expiresAt } }
    const session = new Session<Slugs>(this.#connection, token, begin)
    await session.getCompanyPermissions(impersonation.companyId, shared)
    if (session.permissions.isEmpty) throw refuse(NoAccess, 'no_access')
    return session
  }

  /**
   * The application's events, in their order: from a cursor on, or from now on. It goes on, also while the server is away, until you
   * `break`, or your signal ends it. The client needs the application's `secret`.
   *
   * @throws LicenseError `cursor_gone` when you were away for longer than the server keeps events: begin anew with a `snapshot()`;
   * `application_secret_required`, …
   *
   * @example
   * ```ts
   * const license = new LicenseClient('crm', { baseUrl: 'https://license.example', secret: process.env.LICENSE_APPLICATION_SECRET })
   * const places = new Map<string, string>()
   * for await (const { event, cursor } of license.events(places.get('events'))) {
   *   if (event.type === 'permissions.updated') console.log(event.data.user.email, event.data.permissions)
   *   places.set('events', cursor)
   * }
   * ```
   */
  events(cursor?: string, options: EventsOptions = {}): AsyncGenerator<FeedEvent, void, undefined> {
    return listen(this.#connection, cursor, options)
  }

  /**
   * Who may do what in the application, and the cursor from which its events go on. The client needs the application's `secret`.
   *
   * @throws LicenseError `application_secret_required`, `busy` while a large house begins to keep events, …
   *
   * @example
   * ```ts
   * const license = new LicenseClient('crm', { baseUrl: 'https://license.example', secret: process.env.LICENSE_APPLICATION_SECRET })
   * const snapshot = await license.snapshot()
   * for await (const { user, company, permissions } of snapshot) console.log(user.email, company.name, permissions)
   * for await (const { event } of license.events(snapshot.cursor)) console.log(event.type)
   * ```
   */
  async snapshot(options: CallOptions = {}): Promise<Snapshot> {
    return new Snapshot(this.#connection, await askSnapshot(this.#connection, undefined, options), options)
  }

  toJSON(): { applicationId: string; baseUrl: string } {
    return { applicationId: this.applicationId, baseUrl: this.baseUrl }
  }

  [inspectCustom](_depth: number, options: object, inspect?: Inspect): string {
    return shown('LicenseClient', this, options, inspect)
  }
}
