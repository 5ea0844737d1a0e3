import { serverAddress } from './address.ts'
import { checkTimeout } from './deadline.ts'
import { CLIENT } from './version.ts'

/** What the client needs of a `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** How to reach a License server. */
export interface LicenseClientOptions {
  /** The server's address, with or without `/api/v1`. Required unless `testMode`. */
  baseUrl?: string | URL | undefined
  /** The application's secret, if it has one. */
  secret?: string | undefined
  /** Speaks to http://localhost:8000, whatever `baseUrl` is. */
  testMode?: boolean | undefined
  /** Milliseconds for a whole call, repeats included; 10,000 unless told. */
  timeout?: number | undefined
  /** How often a call that only reads, or signs out, is repeated when the server is out of reach; 2 unless told, 10 at most. */
  retries?: number | undefined
  /** Bytes that an answer may have; 5,000,000 unless told. */
  maxAnswerBytes?: number | undefined
  /** Used instead of the platform's `fetch`. It must not follow redirects when told `redirect: 'manual'`. */
  fetch?: Fetch | undefined
}

/** How one server is reached, whatever it is asked. */
export interface Reach {
  readonly address: string
  readonly timeout: number
  readonly retries: number
  readonly maxAnswerBytes: number
  readonly fetch: Fetch
}

/** All that requests of one application have in common. */
export interface Connection extends Reach {
  readonly applicationId: string
  readonly secret: string | undefined
}

/** @throws TypeError for each option that can't be right */
export function readConnection(applicationId: string, options: LicenseClientOptions = {}): Connection {
  if (!isHeaderValue(applicationId)) throw new TypeError('The application id must be printable ASCII without blanks')
  const { secret } = options
  if (secret !== undefined && !isHeaderValue(secret)) {
    throw new TypeError('secret must be printable ASCII without blanks')
  }
  return { applicationId, secret, ...readReach(options, 10_000) }
}

/** @throws TypeError for each option that can't be right */
export function readReach(options: Omit<LicenseClientOptions, 'secret'>, usualTimeout: number): Reach {
  const { timeout = usualTimeout, retries = 2, maxAnswerBytes = 5_000_000 } = options
  if (!Number.isInteger(retries) || retries < 0 || retries > 10) throw new TypeError('retries must be 0 to 10')
  if (!Number.isInteger(maxAnswerBytes) || maxAnswerBytes < 1) throw new TypeError('maxAnswerBytes must be 1 or more')
  if (options.fetch !== undefined && typeof options.fetch !== 'function')
    throw new TypeError('fetch must be a function')
  return {
    address: serverAddress(options.baseUrl, options.testMode === true),
    timeout: checkTimeout(timeout),
    retries,
    maxAnswerBytes,
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
  }
}

/** Printable ASCII without blanks, 4,096 characters at most: what can't be cut short or become a second header on the way. */
export function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,4096}$/.test(value)
}

/** One request of the protocol. */
export interface Call {
  readonly name:
    | 'sign-in'
    | 'impersonation'
    | 'sign-out'
    | 'profile'
    | 'permissions'
    | 'company'
    | 'events'
    | 'snapshot'
  readonly method: 'GET' | 'POST'
  /** Under `/api/v1/`; of the protocol, ending in a slash. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly token?: string
  /** Where the end user is. */
  readonly userAddress?: string | undefined
  readonly body?: Readonly<Record<string, string>>
  /** Whether a second time does no harm. Never for a password or a one-time token. */
  readonly repeatable: boolean
}

export function callUrl(connection: Connection, call: Call): string {
  const url = `${connection.address}/api/v1/${call.path}`
  if (!call.query) return url
  const given = Object.entries(call.query).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return `${url}?${new URLSearchParams(given)}`
}

export function callInit(connection: Connection, call: Call, signal: AbortSignal): RequestInit {
  return {
    method: call.method,
    headers: {
      Accept: 'application/json, application/problem+json',
      // On GET too: servers of the protocol may insist on it.
      'Content-Type': 'application/json',
      'X-LICENSE-CLIENT': CLIENT,
      'X-LICENSE-MODULE': connection.applicationId,
      ...(connection.secret !== undefined && { 'X-LICENSE-SECRET': connection.secret }),
      ...(call.token !== undefined && { 'X-LICENSE-TOKEN': call.token }),
      ...(call.userAddress !== undefined && { 'X-LICENSE-USER-ADDRESS': call.userAddress }),
    },
    ...(call.body && { body: JSON.stringify(call.body) }),
    ...usualInit(signal),
  }
}

/** Of every request, whatever it asks. */
export function usualInit(signal: AbortSignal): RequestInit {
  return {
    // A redirect could carry token or password to another host.
    redirect: 'manual',
    // Frameworks cache GETs of a patched fetch, and a revocation must show at once. Older workers know no `cache` and throw at it.
    ...(typeof Request === 'function' && 'cache' in Request.prototype && { cache: 'no-store' as const }),
    signal,
  }
}

/** What this call carries that nobody else may learn. */
export function secretsOf(connection: Connection, call: Call): string[] {
  const { token, password } = call.body ?? {}
  return [connection.secret, call.token, token, password].filter(
    (secret) => secret !== undefined && secret !== '',
  ) as string[] // filtered
}
