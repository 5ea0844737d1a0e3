import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'
import type { By } from '../../audit/actor.ts'
import type { Context } from '../../context.ts'
import { requireKey } from '../../credentials/api-keys.ts'
import { type Rule, ruleRefusal } from '../../domain/power.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import { DEADLINE_MS } from '../deadline.ts'
import type { Told } from '../told.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call it. Every route below `/api/v1/admin` has one. */
    rule?: Rule
  }
  interface FastifyRequest {
    by?: By
  }
}

/** What anybody with a key may ask. */
export const ANYBODY: Rule['powers'] = ['operator', 'support', 'company', 'application']

/** Of a stream: its type and what it is made of. */
type Streamed = { description: string; content: Record<string, { schema: TSchema }> }

type Answers = { 200: TSchema } | { 200: Streamed } | { 201: TSchema } | { 204: null }

export type AdminRoute<P extends TProperties, Q extends TProperties, B extends TSchema> = {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  url: string
  /** `<noun>.<verb>`, the name of the same in the client: public, added, never renamed. */
  operation: string
  rule: Rule
  /** One line, and more where that is not all. */
  summary: string
  description?: string
  params?: P
  query?: Q
  body?: B
  answers: Answers
  /** Goes on for as long as somebody reads it. */
  isStream?: boolean
  /** What its answer's headers say. */
  tells?: Told['tells']
  /** Refusals of its own, beside those that every route has. */
  errors?: readonly ErrorCode[]
}

export type AdminCall<P extends TProperties, Q extends TProperties, B extends TSchema> = {
  by: By
  params: Static<TObject<P>>
  query: Static<TObject<Q>>
  body: Static<B>
  request: FastifyRequest
  reply: FastifyReply
}

/** Of every route that takes a key. */
const OF_KEYS: readonly ErrorCode[] = [
  'invalid_input',
  'api_key_required',
  'invalid_api_key',
  'not_allowed',
  'scope_missing',
]

const strict = { additionalProperties: false }

/** Adds a route: its rule, its forms and its refusals are what the API's description tells of it. */
export function adminRoute<
  P extends TProperties = Record<never, never>,
  Q extends TProperties = Record<never, never>,
  B extends TSchema = TSchema,
>(app: FastifyInstance, route: AdminRoute<P, Q, B>, handle: (call: AdminCall<P, Q, B>) => Promise<unknown>): void {
  app.route({
    method: route.method satisfies HTTPMethods,
    url: route.url,
    ...(route.isStream ? {} : { handlerTimeout: DEADLINE_MS }),
    exposeHeadRoute: false,
    config: {
      rule: route.rule,
      told: {
        operation: route.operation,
        errors: [...OF_KEYS, ...(route.errors ?? [])],
        ...(route.tells ? { tells: route.tells } : {}),
      },
    } satisfies FastifyContextConfig,
    schema: {
      summary: route.summary,
      ...(route.description ? { description: route.description } : {}),
      tags: [route.rule.noun],
      ...(route.params ? { params: Type.Object(route.params, strict) } : {}),
      querystring: Type.Object(route.query ?? {}, strict),
      ...(route.body ? { body: route.body } : {}),
      response: answersOf(route.answers),
    },
    handler: async (request, reply) => {
      const call = {
        by: requireBy(request),
        params: request.params,
        query: request.query,
        body: request.body,
        request,
        reply,
      } as AdminCall<P, Q, B> // As the schema above has checked them.
      const answer = await handle(call)
      if ('204' in route.answers) return reply.code(204).send()
      if ('201' in route.answers) reply.code(201)
      return answer
    },
  })
}

function answersOf(answers: Answers): Record<number, unknown> {
  return '204' in answers ? { 204: { type: 'null', description: 'Done' } } : answers
}

/** Before a body is read: who asks, and whether this route is open to that one. */
export function guard(ctx: Context): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const { rule } = request.routeOptions.config
    if (!rule) throw new Error(`${request.method} ${request.routeOptions.url} states no rule`)
    const secret = bearer(request)
    if (secret === undefined)
      throw new AppError('api_key_required', {
        detail: 'Send an API key as "Authorization: Bearer clk_…". `license-server key create` makes the first one.',
      })
    const by = await requireKey(ctx, secret, { id: request.id, source: request.ip })
    const refusal = ruleRefusal(rule, by.actor)
    if (refusal === 'power')
      throw new AppError('not_allowed', { detail: `This is for ${namesOf(rule)}; this key is for another.` })
    if (refusal === 'scope')
      throw new AppError('scope_missing', { detail: `This key needs the scope "${rule.noun}:${rule.access}".` })
    request.by = by
  }
}

const NAMES = {
  operator: 'operators',
  support: 'support',
  company: "a company's admins",
  application: 'an application',
} as const

function namesOf({ powers }: Rule): string {
  return powers.map((power) => NAMES[power]).join(', ')
}

function bearer(request: FastifyRequest): string | undefined {
  return /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1]
}

function requireBy(request: FastifyRequest): By {
  if (!request.by) throw new Error('the guard did not run')
  return request.by
}
