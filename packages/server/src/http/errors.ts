import { randomUUID } from 'node:crypto'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { isRetryable, isUnreachable } from '../db/postgres.ts'
import { isBusy, isFull } from '../db/sqlite-file.ts'
import { AppError, CATALOGUE, type ErrorCode } from '../errors.ts'
import { STATUS_CODES } from '../node-http.ts'
import { FORMS } from './admin/forms.ts'
import { isRichClient } from './callers.ts'

/** The framework's own refusals, by its code. */
const FRAMEWORK: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_request',
  FST_ERR_BAD_URL: 'malformed_request',
}

/** Whatever was thrown as what a caller may read of it; the rest goes to the log. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  // PostgreSQL ended one of two that waited for each other, and again each time.
  if (isRetryable(error)) return new AppError('busy', { cause: error, retryAfter: 1 })
  if (isUnreachable(error) || isBusy(error) || isFull(error)) return outOfReach(error)
  const { code, statusCode } = error as Partial<FastifyError> // Anything may be thrown; both may be missing.
  if (code === 'FST_ERR_HANDLER_TIMEOUT') return outOfReach(error)
  if (code === 'FST_ERR_VALIDATION') return invalidInput(error as FastifyError) // By its code.
  const known = FRAMEWORK[code ?? '']
  if (known)
    return new AppError(known, { cause: error, ...(known === 'malformed_request' ? { detail: MALFORMED } : {}) })
  if (statusCode === 400) return new AppError('malformed_request', { cause: error, detail: MALFORMED })
  return new AppError('internal_error', { cause: error })
}

const FIELD_NAME = /^[a-z_]{1,40}$/

/** What the schema of a route refuses, by where it stands: `/body/email`, `/query/limit`. */
function invalidInput(error: FastifyError): AppError {
  const place = { querystring: 'query', params: 'path', headers: 'headers', body: 'body' }[
    error.validationContext ?? 'body'
  ]
  const faults = (error.validation ?? []).map(({ instancePath, message, params }) => {
    const { additionalProperty: extra, missingProperty: missing, ...rest } = params as Record<string, unknown> // Ajv's, by keyword.
    if (missing !== undefined) return { path: `/${place}${instancePath}/${String(missing)}`, message: 'is missing' }
    if (extra === undefined)
      return { path: `/${place}${instancePath}`, message: wantedBy(rest) ?? message ?? 'is wrong' }
    // Of a mistyped name it helps to be told which; what looks like none may be somebody's password (tests/commands/secrecy.test.ts).
    return FIELD_NAME.test(String(extra))
      ? { path: `/${place}${instancePath}/${String(extra)}`, message: 'is not known here' }
      : { path: `/${place}${instancePath}`, message: 'has a field that is not known here' }
  })
  const told = faults.slice(0, 3).map(({ path, message }) => `${path} ${message}`)
  return new AppError('invalid_input', {
    cause: error,
    faults,
    ...(told.length > 0 ? { detail: `${told.join('; ')}.` } : {}),
  })
}

/** Of very many the first: the API's description has all. */
const VALUES_TOLD = 20

/** In words, where the library's own would be a regular expression, or no help. */
function wantedBy({ pattern, allowedValues }: Record<string, unknown>): string | undefined {
  if (typeof pattern === 'string') return FORMS.get(pattern)
  if (!Array.isArray(allowedValues)) return undefined
  const more = allowedValues.length - VALUES_TOLD
  return `must be one of ${allowedValues.slice(0, VALUES_TOLD).join(', ')}${more > 0 ? `, or of ${more} others` : ''}`
}

function outOfReach(cause: unknown): AppError {
  return new AppError('database_unavailable', {
    detail: 'The database does not answer just now. Try again in a moment.',
    cause,
    retryAfter: 1,
  })
}

const MALFORMED = 'The request can not be read: its address or its JSON is broken.'

/** Sends an error in the one form that this caller can read. */
export function sendError(ctx: Context, request: FastifyRequest, reply: FastifyReply, error: AppError): FastifyReply {
  if (error.status >= 500 && error.code !== 'busy' && error.code !== 'shutting_down') {
    ctx.log.error({ request: request.id, err: error.cause ?? error }, error.code)
  }
  // Again, since what the framework refuses by itself has met no hook.
  reply.header('cache-control', 'no-store').header('x-request-id', request.id)
  if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter))
  const body = errorBody(error, { isRich: isRichClient(request), requestId: request.id })
  return reply.code(error.status).type(body.type).send(body.text)
}

/** Old clients read `{"message"}` and nothing else; ours reads a problem (RFC 9457). */
export function errorBody(
  error: AppError,
  caller: { isRich: boolean; requestId: string },
): { type: string; text: string } {
  if (!caller.isRich)
    return { type: 'application/json; charset=utf-8', text: JSON.stringify({ message: error.detail }) }
  const problem = {
    type: 'about:blank',
    title: CATALOGUE[error.code].title,
    status: error.status,
    detail: error.detail,
    code: error.code,
    request_id: caller.requestId,
    ...(error.retryAfter === undefined ? {} : { retry_after: error.retryAfter }),
    ...(error.faults.length === 0 ? {} : { errors: error.faults }),
  }
  return { type: 'application/problem+json; charset=utf-8', text: JSON.stringify(problem) }
}

/** A whole HTTP/1.1 answer for what never became a request. */
export function rawAnswer(error: AppError): string {
  const { type, text } = errorBody(error, { isRich: false, requestId: '' })
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${randomUUID()}`,
    'Connection: close',
    '',
    text,
  ].join('\r\n')
}
