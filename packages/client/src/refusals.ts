import type { Call } from './connection.ts'
import {
  BadCredentials,
  CompanyNotAccessible,
  LicenseError,
  type LicenseErrorDetails,
  LicenseServerUnavailable,
  NoAccess,
  NoValidToken,
  TooManyAttempts,
  UnknownApplication,
} from './errors.ts'
import { boundedSeconds, type Head, type Json } from './head.ts'

type ErrorKind = new (message: string, details: LicenseErrorDetails) => LicenseError
type Verdict = readonly [ErrorKind, code: string]

const kindOfCode = new Map<string, ErrorKind>([
  ['bad_credentials', BadCredentials],
  ['invalid_token', NoValidToken],
  ['invalid_impersonation', NoValidToken],
  ['unknown_application', UnknownApplication],
  ['application_secret_required', UnknownApplication],
  ['application_source_refused', UnknownApplication],
  ['account_disabled', NoAccess],
  ['no_access', NoAccess],
  ['company_not_accessible', CompanyNotAccessible],
])

/** The error that an answer of 400 or more says; undefined when it is no answer of a License server. */
export function refusal(
  call: Call['name'],
  head: Head,
  body: Json | undefined,
  secrets: readonly string[],
): LicenseError | undefined {
  const { status, requestId } = head
  const code = readCode(body)
  const verdict = judge(call, status, code, typeof body?.message === 'string')
  if (!verdict) return undefined
  const [kind, finalCode] = verdict
  return new kind(sentence(body, secrets) ?? ownSentence(kind, finalCode), {
    code: finalCode,
    status,
    requestId: requestId ?? textOf(body?.request_id),
    retryAfter:
      head.retryAfter ?? (typeof body?.retry_after === 'number' ? boundedSeconds(body.retry_after) : undefined),
  })
}

/** The error that this package makes itself, where it needs no server to know. */
export function refuse(kind: ErrorKind, code: string): LicenseError {
  return new kind(ownSentence(kind, code), { code })
}

function judge(call: Call['name'], status: number, code: string | undefined, plain: boolean): Verdict | undefined {
  // By status alone, since a proxy may have answered: a server that is down never says that a password is wrong.
  if (status >= 500) return [LicenseServerUnavailable, code ?? (status === 500 ? 'internal_error' : 'unavailable')]
  if (status === 408) return [LicenseServerUnavailable, code ?? 'request_timeout']
  if (status === 429) return [TooManyAttempts, code ?? 'too_many_attempts']
  if (code !== undefined) return judgeCode(call, status, code)
  if (plain) return judgePlain(call, status)
  return undefined
}

function judgeCode(call: Call['name'], status: number, code: string): Verdict {
  const known = kindOfCode.get(code)
  if (known) return [known, code]
  if (call === 'sign-in') {
    // We send two strings in well-formed JSON: what the server can't take of them are the values that somebody typed.
    if (code === 'invalid_input' || code === 'body_too_large') return [BadCredentials, code]
    // The protocol refuses with 403 after the right password only.
    if (status === 403) return [NoAccess, code]
  } else if (status === 401) {
    return [NoValidToken, code]
  }
  return [LicenseError, code]
}

/** A server that knows only `{"message"}` is judged by the call and the status, as the protocol's older clients do. */
function judgePlain(call: Call['name'], status: number): Verdict {
  switch (call) {
    case 'sign-in':
      if ([400, 401, 413].includes(status)) return [BadCredentials, 'bad_credentials']
      if (status === 403) return [NoAccess, 'no_access']
      break
    case 'impersonation':
      if ([400, 401, 403, 404].includes(status)) return [NoValidToken, 'invalid_impersonation']
      break
    case 'events':
    case 'snapshot':
      if (status === 401 || status === 403) return [UnknownApplication, 'unknown_application']
      break
    default:
      if (status === 401 || status === 403) return [NoValidToken, 'invalid_token']
      if (status === 404 && call === 'company') return [CompanyNotAccessible, 'company_not_accessible']
  }
  return [LicenseError, status === 404 ? 'not_found' : status === 405 ? 'method_not_allowed' : 'refused']
}

export function readCode(body: Json | undefined): string | undefined {
  return typeof body?.code === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(body.code) ? body.code : undefined
}

/** The server's sentence, unless it repeats what must not be shown. */
export function sentence(body: Json | undefined, secrets: readonly string[]): string | undefined {
  const told = textOf(body?.detail) ?? textOf(body?.title) ?? textOf(body?.message)
  return told !== undefined && !secrets.some((secret) => told.includes(secret)) ? told : undefined
}

export function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  // One line of a log, whatever was sent.
  return (
    value
      .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
      .trim()
      .slice(0, 500) || undefined
  )
}

function ownSentence(kind: ErrorKind, code: string): string {
  if (kind === BadCredentials) return 'The name or the password is wrong.'
  if (kind === NoValidToken) return 'There is no valid token: please sign in.'
  if (kind === NoAccess) return 'This user may not use the application.'
  if (kind === UnknownApplication) return "The License server doesn't know this application."
  if (kind === CompanyNotAccessible) return "There is no such company, or it is not one of this user's."
  if (kind === TooManyAttempts) return 'Too many tries: please wait.'
  if (kind === LicenseServerUnavailable) return "The License server can't answer now."
  return `The License server refused the request (${code}).`
}
