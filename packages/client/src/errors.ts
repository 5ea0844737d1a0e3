import { describeCause, type Inspect, inspectCustom } from './shown.ts'

/** What an error knows besides its sentence. */
export interface LicenseErrorDetails {
  code: string
  status?: number | undefined
  requestId?: string | undefined
  retryAfter?: number | undefined
  cause?: unknown
}

const brands = new WeakMap<object, symbol>()

/**
 * Marks all that descends from an error class with a symbol that every copy of this package shares. A kind carries its own mark and
 * those of its ancestors, so a `BadCredentials` is a `LicenseError` in every copy, and a `NoValidToken` in none.
 */
export function brand(kind: typeof LicenseError, name: string): void {
  const mark = Symbol.for(`cloudspot-license-api/${name}`)
  brands.set(kind, mark)
  Object.defineProperty(kind.prototype, mark, { value: true })
  // On the prototype, so that the name survives a minifier.
  Object.defineProperty(kind.prototype, 'name', { value: name, configurable: true, writable: true })
}

function isOfKind(kind: typeof LicenseError, value: unknown): boolean {
  const mark = brands.get(kind)
  // A class that an application derived itself has no mark: for it, the language's own rule.
  if (mark === undefined) return Function.prototype[Symbol.hasInstance].call(kind, value)
  return typeof value === 'object' && value !== null && mark in value
}

/**
 * What every call of this package rejects with, apart from a `TypeError` for a wrong argument and the reason of your own
 * `AbortSignal`. `message` is a sentence for a person; it holds no token, secret or password, and neither does anything else here.
 * `instanceof` also holds for an error that another installed copy of the package made.
 *
 * @example
 * ```ts
 * try {
 *   await session.getPermissions()
 * } catch (error) {
 *   if (!(error instanceof LicenseError)) throw error
 *   console.error(error.code, error.status, error.requestId)
 * }
 * ```
 */
export class LicenseError extends Error {
  static {
    brand(LicenseError, 'LicenseError')
  }

  /** Why, in one stable word: a code of the server's, or `unreachable`, `timeout`, `unavailable`, `unexpected_answer`, `refused`. */
  readonly code: string
  /** The HTTP status; undefined when the server was not asked or did not answer. */
  readonly status: number | undefined
  /** The server's `X-Request-Id`, to find the request in its log. */
  readonly requestId: string | undefined
  /** Seconds to wait before another try, 86,400 at most; undefined when the server did not say. */
  readonly retryAfter: number | undefined

  constructor(message: string, details: LicenseErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = details.code
    this.status = details.status
    this.requestId = details.requestId
    this.retryAfter = details.retryAfter
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the class asked about, which inherits this method
    return isOfKind(this, value)
  }

  toJSON(): { name: string; message: string; code: string; status?: number; requestId?: string; retryAfter?: number } {
    const { name, message, code, status, requestId, retryAfter } = this
    return {
      name,
      message,
      code,
      ...(status !== undefined && { status }),
      ...(requestId !== undefined && { requestId }),
      ...(retryAfter !== undefined && { retryAfter }),
    }
  }

  /** Causes are printed by name and message only: an injected `fetch` may throw an error that carries the request's headers. */
  [inspectCustom](_depth: number, options: object, inspect?: Inspect): string {
    const { name: _name, message: _message, ...fields } = this.toJSON()
    const told = this.cause === undefined ? fields : { ...fields, cause: describeCause(this.cause) }
    return `${this.stack ?? this} ${inspect ? inspect(told, options) : JSON.stringify(told)}`
  }
}

/**
 * The name or the password is wrong. `code` is `bad_credentials`, or tells why what was typed can't be right at all:
 * `invalid_input`, `body_too_large`. A plain server says the same of an unknown application.
 */
export class BadCredentials extends LicenseError {
  static {
    brand(BadCredentials, 'BadCredentials')
  }
  declare readonly name: 'BadCredentials'
}

/** There is no token, or it is dead, or it is another application's (`invalid_token`); or a one-time token is (`invalid_impersonation`). */
export class NoValidToken extends LicenseError {
  static {
    brand(NoValidToken, 'NoValidToken')
  }
  declare readonly name: 'NoValidToken'
}

/** The user is who they say they are, but may not come in: no company left (`no_access`), or switched off (`account_disabled`). */
export class NoAccess extends LicenseError {
  static {
    brand(NoAccess, 'NoAccess')
  }
  declare readonly name: 'NoAccess'
}

/** The server doesn't know this application (`unknown_application`), or wants its secret (`application_secret_required`). */
export class UnknownApplication extends LicenseError {
  static {
    brand(UnknownApplication, 'UnknownApplication')
  }
  declare readonly name: 'UnknownApplication'
}

/** There is no such company, or it is not one of this user's here (`company_not_accessible`): which of them is not told. */
export class CompanyNotAccessible extends LicenseError {
  static {
    brand(CompanyNotAccessible, 'CompanyNotAccessible')
  }
  declare readonly name: 'CompanyNotAccessible'
}

/** Too many tries (`too_many_attempts`); `retryAfter` tells when the next may succeed. */
export class TooManyAttempts extends LicenseError {
  static {
    brand(TooManyAttempts, 'TooManyAttempts')
  }
  declare readonly name: 'TooManyAttempts'
}

/**
 * The server could not be asked (`unreachable`), was too slow (`timeout`), or can't answer now (`busy`, `unavailable`,
 * `internal_error`, …). It says nothing about the user: neither let in nor tell anyone that a password is wrong.
 */
export class LicenseServerUnavailable extends LicenseError {
  static {
    brand(LicenseServerUnavailable, 'LicenseServerUnavailable')
  }
  declare readonly name: 'LicenseServerUnavailable'
}

/**
 * What answered did not speak the protocol (`unexpected_answer`): a proxy's page, a redirect, an answer of another shape or without
 * end. The message names the place in the answer, never its content. Look at `baseUrl` first.
 */
export class UnexpectedAnswer extends LicenseError {
  static {
    brand(UnexpectedAnswer, 'UnexpectedAnswer')
  }
  declare readonly name: 'UnexpectedAnswer'
}
