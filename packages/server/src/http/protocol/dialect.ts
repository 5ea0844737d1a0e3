import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { Dialect } from '../../domain/dialect.ts'
import { AppError } from '../../errors.ts'
import { isRichClient } from '../callers.ts'

type Spoken = { dialect: Dialect }

/** What this caller reads. Who names itself reads v1, and more, whatever an application's older clients do. */
export function dialectOf(request: FastifyRequest, application: Spoken): Dialect {
  return application.dialect === 'v1' || isRichClient(request) ? 'v1' : application.dialect
}

/** The calls of one form are not there in the other: a server that knows the other alone has none. @throws AppError `not_found` */
export function requireForm(request: FastifyRequest, application: Spoken, form: 'v1' | 'flat'): void {
  const dialect = dialectOf(request, application)
  if ((dialect === 'v1') === (form === 'v1')) return
  throw new AppError('not_found', {
    detail: `There is no such call in the dialect ${dialect}, which is this application's here.`,
  })
}

/** Sends exactly what this shape names, in place of the route's own. */
export function sendAs(reply: FastifyReply, shape: TSchema, body: Record<string, unknown>): FastifyReply {
  const schema = shape as TSchema & Record<string, unknown> // A schema is a plain object; the same one, so that it is compiled once.
  return reply.type('application/json; charset=utf-8').send(reply.serializeInput(body, schema))
}
