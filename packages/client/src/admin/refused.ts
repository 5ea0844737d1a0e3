import { brand, LicenseError, type LicenseErrorDetails, LicenseServerUnavailable, TooManyAttempts } from '../errors.ts'
import { boundedSeconds, type Head, type Json } from '../head.ts'
import { readCode, sentence, textOf } from '../refusals.ts'

/** One thing that is wrong in what was sent. */
export interface Fault {
  /** Where: `/body/email`, `/query/limit`. */
  readonly path: string
  readonly message: string
}

/**
 * The server answered, and said no: `code` tells why in one stable word (`not_found`, `already_there`, `not_allowed`,
 * `changed_meanwhile`, …), `message` says what to do, and `errors` names the place of each wrong field. Nothing was stored.
 *
 * @example
 * ```ts
 * try {
 *   await admin.users.create({ email })
 * } catch (error) {
 *   if (!(error instanceof Refused) || error.code !== 'email_taken') throw error
 *   console.log(error.message, error.errors)
 * }
 * ```
 */
export class Refused extends LicenseError {
  static {
    brand(Refused, 'Refused')
  }
  declare readonly name: 'Refused'
  readonly errors: readonly Fault[]

  constructor(message: string, details: LicenseErrorDetails & { errors?: readonly Fault[] }) {
    super(message, details)
    this.errors = details.errors ?? []
  }

  override toJSON() {
    return { ...super.toJSON(), ...(this.errors.length > 0 && { errors: this.errors }) }
  }
}

/** The error that an answer of 400 or more says; undefined when it is no answer of a License server. */
export function adminRefusal(head: Head, body: Json | undefined, secrets: readonly string[]): LicenseError | undefined {
  const { status } = head
  const told = readCode(body)
  const message = sentence(body, secrets)
  const details = {
    status,
    requestId: head.requestId ?? textOf(body?.request_id),
    retryAfter:
      head.retryAfter ?? (typeof body?.retry_after === 'number' ? boundedSeconds(body.retry_after) : undefined),
  }
  // By status alone, since a proxy may have answered.
  if (status >= 500 || status === 408) {
    const code = told ?? (status === 408 ? 'request_timeout' : status === 500 ? 'internal_error' : 'unavailable')
    return new LicenseServerUnavailable(
      message ?? `The License server can't answer now (${status}): try again later.`,
      {
        ...details,
        code,
      },
    )
  }
  if (status === 429)
    return new TooManyAttempts(message ?? 'Too many tries: please wait.', {
      ...details,
      code: told ?? 'too_many_attempts',
    })
  if (told === undefined) return undefined
  return new Refused(message ?? `The License server refused this (${told}).`, {
    ...details,
    code: told,
    errors: readFaults(body?.errors, secrets),
  })
}

function readFaults(given: unknown, secrets: readonly string[]): Fault[] {
  if (!Array.isArray(given)) return []
  return given.flatMap((each: unknown) => {
    const { path, message } = (typeof each === 'object' && each !== null ? each : {}) as Record<string, unknown> // just checked
    const fault = { path: textOf(path), message: textOf(message) }
    const isSafe = !secrets.some((secret) => fault.path?.includes(secret) || fault.message?.includes(secret))
    return fault.path !== undefined && fault.message !== undefined && isSafe
      ? [{ path: fault.path, message: fault.message }]
      : []
  })
}
