import type { TProperties, TSchema } from 'typebox'
import type { ErrorCode } from '../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    told?: Told
  }
  interface FastifySchema {
    /** Of no interest to callers: no part of the description. */
    hide?: boolean
    tags?: readonly string[]
    summary?: string
    description?: string
  }
}

/**
 * What the API's description (tools/openapi.ts) says of a route beside its forms. Nothing is checked or written by it: that a
 * server answers as it is described is tried by drill/generated-requests.ts.
 */
export type Told = {
  /** `<noun>.<verb>`: public, added, never renamed. */
  operation: string
  /** The codes that it may refuse with, beside those of every address. */
  errors: readonly ErrorCode[]
  /** Only for applications that prove themselves. */
  needsSecret?: boolean
  /** Headers of a successful answer. */
  tells?: readonly ('location' | 'etag')[]
  /** Forms of what a route reads by itself, so that it can refuse in the words of the frozen protocol. */
  headers?: TProperties
  params?: TProperties
  body?: TSchema
  answers?: Record<number, TSchema>
}
