/** Every refusal that a caller can meet: code → status and title. Codes are public: added, never renamed. */
export const CATALOGUE = {
  invalid_input: { status: 400, title: 'What was sent is not of the documented form' },
  malformed_request: { status: 400, title: 'The request can not be read' },
  bad_credentials: { status: 401, title: 'The name or the password is wrong' },
  invalid_token: { status: 401, title: 'The token is not valid' },
  invalid_impersonation: { status: 401, title: 'The one-time token is not valid' },
  unknown_application: { status: 401, title: 'The application is not known' },
  application_secret_required: { status: 401, title: 'The application must prove itself with its secret' },
  application_source_refused: { status: 401, title: 'The application may not be used from this address' },
  api_key_required: { status: 401, title: 'This needs an API key' },
  invalid_api_key: { status: 401, title: 'The API key is not valid' },
  account_disabled: { status: 403, title: 'The account is switched off' },
  not_allowed: { status: 403, title: 'This is not yours to do' },
  scope_missing: { status: 403, title: 'The API key is not made for this' },
  operator_only: { status: 403, title: 'Only operators may give this' },
  no_access: { status: 403, title: 'There is no company for which this user may use the application' },
  company_not_accessible: { status: 404, title: 'There is no such company for this user' },
  not_found: { status: 404, title: 'There is nothing at this address' },
  method_not_allowed: { status: 405, title: 'This address does not take this method' },
  request_timeout: { status: 408, title: 'The request came too slowly' },
  email_taken: { status: 409, title: 'The address has an account already' },
  email_of_deleted: { status: 409, title: 'The address belonged to a user who was deleted' },
  id_taken: { status: 409, title: 'The id is taken' },
  already_there: { status: 409, title: 'It is there already' },
  managed_elsewhere: { status: 409, title: 'Another company manages the account' },
  not_included: { status: 409, title: 'The license does not include this' },
  no_license: { status: 409, title: 'The company has no license for the application' },
  no_seat: { status: 409, title: 'The member holds no seat' },
  seats_full: { status: 409, title: 'All seats of the license are held' },
  needed_by_grants: { status: 409, title: 'Other grants need this permission' },
  given_by_license: { status: 409, title: 'The license gives this to every seat' },
  rows_out_of_order: { status: 409, title: 'Other rows of the import are next' },
  in_use: { status: 409, title: 'It is in use' },
  not_in_dialect: { status: 409, title: "The application's dialect has no such call" },
  site_not_ready: { status: 409, title: "The application's site does not answer as it should" },
  too_many_endpoints: { status: 409, title: 'The application has as many endpoints as it may' },
  endpoint_off: { status: 409, title: 'The endpoint is switched off' },
  last_operator: { status: 409, title: 'The last operator of a house stays' },
  cursor_gone: { status: 410, title: 'What came after this cursor is kept no longer' },
  changed_meanwhile: { status: 412, title: 'It was changed meanwhile' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  expectation_failed: { status: 417, title: 'The expectation can not be met' },
  condition_required: { status: 428, title: 'The request must say what it changes' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  too_many_attempts: { status: 429, title: 'Too many attempts' },
  internal_error: { status: 500, title: 'Something went wrong here' },
  busy: { status: 503, title: 'The server is busy' },
  shutting_down: { status: 503, title: 'The server is closing' },
  database_unavailable: { status: 503, title: 'The database is out of reach' },
  upstream_unavailable: { status: 503, title: 'The server that this one takes over from does not answer' },
} as const

export type ErrorCode = keyof typeof CATALOGUE

export type AppErrorOptions = {
  /** A sentence for the caller. Left out: the title. */
  detail?: string
  /** For the log only. */
  cause?: unknown
  /** Whole seconds after which the same may work. */
  retryAfter?: number
  /** Each thing that is wrong in the input, by JSON pointer. */
  faults?: readonly Fault[]
}

export type Fault = { path: string; message: string }

/** The one error that is meant for a caller. Whatever else is thrown is ours to mend and reads as `internal_error`. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly retryAfter: number | undefined
  readonly faults: readonly Fault[]

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const detail = options.detail ?? `${CATALOGUE[code].title}.`
    super(detail, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.retryAfter = options.retryAfter
    this.faults = options.faults ?? []
  }

  get status(): number {
    return CATALOGUE[this.code].status
  }
}

/** One thing that is wrong in the input; `message` goes on after the path. */
export function wrong(path: string, message: string): AppError {
  return new AppError('invalid_input', { detail: `${path} ${message}.`, faults: [{ path, message }] })
}

/** A command that can't do what was asked: the sentences go to standard error, without a trace. */
export class CommandError extends Error {
  readonly lines: readonly string[]

  constructor(...lines: string[]) {
    super(lines.join('\n'))
    this.name = 'CommandError'
    this.lines = lines
  }
}
