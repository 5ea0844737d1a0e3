// The refusals of a route as OpenAPI's responses: one for each status, with the codes that it may have.
import { CATALOGUE, type ErrorCode } from '../packages/server/src/errors.ts'
import type { Told } from '../packages/server/src/http/told.ts'
import type { Json } from './openapi.ts'

/** Of every address. */
const EVERYWHERE: readonly ErrorCode[] = [
  'malformed_request',
  'internal_error',
  'busy',
  'shutting_down',
  'database_unavailable',
]
const OF_BODIES: readonly ErrorCode[] = ['body_too_large', 'unsupported_media_type']

export const PROBLEM = {
  type: 'object',
  description:
    'Why something was refused (RFC 9457). `code` stays as it is; `detail` is for people and says what to do.',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  additionalProperties: false,
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(CATALOGUE) },
    request_id: { type: 'string', description: 'Also in `X-Request-Id`, and in the log' },
    retry_after: { type: 'integer', description: 'Whole seconds after which the same may work' },
    errors: {
      type: 'array',
      description: 'Each thing that is wrong in what was sent',
      items: {
        type: 'object',
        required: ['path', 'message'],
        additionalProperties: false,
        properties: {
          path: { type: 'string', description: 'A JSON pointer, such as `/body/email`' },
          message: { type: 'string' },
        },
      },
    },
  },
}

/** What a caller of the frozen protocol is told that has not said that it can read more. */
export const MESSAGE = {
  type: 'object',
  description: 'A sentence for a person, and no other key.',
  required: ['message'],
  additionalProperties: false,
  properties: { message: { type: 'string' } },
}

type Of = { method: string; path: string }

/** By status, each with the name under which others share it. */
export function refusals({ errors }: Told, { method, path }: Of): Map<string, { name: string; response: Json }> {
  const codes = [...new Set([...EVERYWHERE, ...(method === 'get' ? [] : OF_BODIES), ...errors])]
  const statuses = [...new Set(codes.map((code) => CATALOGUE[code].status))].sort((a, b) => a - b)
  const isFrozen = path.startsWith('/api/v1/auth/')
  return new Map(
    statuses.map((status) => {
      const those = codes.filter((code) => CATALOGUE[code].status === status).sort()
      const name = `${isFrozen ? 'auth.' : ''}${status}.${those.join('.')}`
      return [String(status), { name, response: response(status, those, isFrozen) }]
    }),
  )
}

function response(status: number, codes: readonly ErrorCode[], isFrozen: boolean): Json {
  const problem = {
    schema: {
      allOf: [
        { $ref: '#/components/schemas/Problem' },
        { type: 'object', properties: { status: { const: status }, code: { enum: codes } } },
      ],
    },
    examples: Object.fromEntries(codes.map((code) => [code, { value: example(code) }])),
  }
  return {
    description: codes.map((code) => `\`${code}\`: ${CATALOGUE[code].title}.`).join(' '),
    ...(status === 429 || status === 503
      ? { headers: { 'Retry-After': { description: 'Whole seconds', schema: { type: 'integer' } } } }
      : {}),
    content: {
      'application/problem+json': problem,
      ...(isFrozen ? { 'application/json': { schema: { $ref: '#/components/schemas/Message' } } } : {}),
    },
  }
}

function example(code: ErrorCode): Json {
  const { status, title } = CATALOGUE[code]
  return { type: 'about:blank', title, status, detail: `${title}.`, code, request_id: 'Vb1x9QdT-1' }
}
