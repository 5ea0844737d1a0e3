import type { FastifyRequest } from 'fastify'
import type { Context } from '../../context.ts'
import { requireApplication } from '../../credentials/applications.ts'
import { AppError, type ErrorCode, wrong } from '../../errors.ts'
import { readClaim } from '../callers.ts'

/** Of every call here. */
export const OF_PROVED: readonly ErrorCode[] = [
  'invalid_input',
  'unknown_application',
  'application_secret_required',
  'application_source_refused',
]

export const TAGGED = { tags: ['application'] }

/**
 * The application that asks, proved by its secret. One without a secret proves nothing: whoever knows its id could read of its people.
 * @throws AppError `unknown_application`, `application_secret_required`, `application_source_refused`
 */
export async function requireProved(ctx: Context, request: FastifyRequest): Promise<string> {
  const application = await requireApplication(ctx, readClaim(request))
  if (application.secretHash !== null) return application.id
  throw new AppError('application_secret_required', {
    detail:
      'This application has no secret, and this call needs one. An operator makes it by `POST /api/v1/admin/applications/{id}/secret`; send it as X-LICENSE-SECRET.',
  })
}

/** @throws AppError `invalid_input` */
export function readNumber(text: string | undefined, name: string, fallback: number, most: number): number {
  const number = text === undefined ? fallback : Number(text)
  if (number <= most && (number >= 1 || name === 'wait')) return number
  throw wrong(`/query/${name}`, `must be from ${name === 'wait' ? 0 : 1} to ${most}`)
}
