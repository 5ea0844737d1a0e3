import fc from 'fast-check'
import type { Json } from './description.ts'

/** Stands for something of the house, which is looked up when the request is sent: the nth of its kind that is known by then. */
export class Pick {
  readonly kind: string
  readonly nth: number
  constructor(kind: string, nth: number) {
    this.kind = kind
    this.nth = nth
  }
}

/** What fields and parameters name, so that requests come further than "no such thing". */
const KINDS: Record<string, string> = {
  user: 'user',
  company: 'company',
  company_id: 'company',
  managed_by: 'company',
  application: 'application',
  permission: 'permission',
  permissions: 'permission',
  slug: 'permission',
  needs: 'permission',
  renamed_from: 'permission',
  role: 'role',
  roles: 'role',
  key: 'role',
  grant: 'grant',
  import: 'import',
  email: 'email',
  username: 'email',
  q: 'term',
  cursor: 'cursor',
  target: 'user',
  actor: 'user',
  scopes: 'scope',
  source_networks: 'network',
  from: 'start',
  until: 'end',
  starts_at: 'start',
  ends_at: 'end',
  expires_at: 'end',
  at: 'start',
  limit: 'limit',
  password: 'password',
  token: 'one-time',
  'If-Match': 'etag',
  'X-LICENSE-CLIENT': 'client',
  'X-LICENSE-USER-ADDRESS': 'address',
}

/** Values of a schema, mostly of the house where the name says what is meant. */
export function valuesOf(schema: Json, name: string, kinds: Record<string, string> = KINDS): fc.Arbitrary<unknown> {
  const plain = plainValues(schema, name, kinds)
  const kind = kinds[name]
  if (kind === undefined || schema.type !== 'string' || 'const' in schema || schema.enum) return plain
  const picked = fc.nat({ max: 199 }).map((nth) => new Pick(kind, nth))
  return fc.oneof({ weight: 14, arbitrary: picked }, { weight: 1, arbitrary: plain })
}

function plainValues(schema: Json, name: string, kinds: Record<string, string>): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each: Json) => valuesOf(each, name, kinds)))
  if (schema.type === 'boolean') return fc.boolean()
  if (schema.type === 'null') return fc.constant(null)
  if (schema.type === 'integer') return fc.integer({ min: schema.minimum ?? -5, max: schema.maximum ?? 1_000 })
  if (schema.type === 'string') return texts(schema)
  if (schema.type === 'array') {
    const items = valuesOf(schema.items, name, kinds)
    return fc.array(items, { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 4, 4) })
  }
  if (schema.type !== 'object') return fc.jsonValue({ maxDepth: 2 })
  const fields: Record<string, Json> = schema.properties ?? {}
  const record = fc.record(
    Object.fromEntries(Object.entries(fields).map(([key, each]) => [key, valuesOf(each, key, kinds)])),
    { requiredKeys: schema.required ?? [] },
  )
  return schema.minProperties ? record.filter((value) => Object.keys(value).length >= schema.minProperties) : record
}

function texts({ pattern, minLength = 0, maxLength = 60 }: Json): fc.Arbitrary<string> {
  // Of what a pattern only leaves something out, any text.
  if (pattern !== undefined && !pattern.startsWith('^[^')) return fc.stringMatching(new RegExp(pattern))
  const wanted = pattern === undefined ? undefined : new RegExp(pattern, 'u')
  const text = fc.oneof(
    { weight: 5, arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 20) }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength, maxLength: Math.min(maxLength, 20) }) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(maxLength), 'é'.repeat(maxLength)) },
  )
  // As JSON Schema counts.
  const fits = (value: string) => [...value].length <= maxLength && [...value].length >= minLength
  return text.filter((value) => fits(value) && (wanted?.test(value) ?? true))
}

const deep = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

/** What nobody asked for. */
export const JUNK: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    -0,
    1e308,
    2 ** 53,
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    'x\udfffy',
    '\u202e',
    '💥',
    '\ufdfa'.repeat(20),
    'x'.repeat(5_000),
    '../../etc/passwd',
    "'; drop table users; --",
    '%00',
    '%',
    '[object Object]',
    '2026-02-30',
    '0000-01-01',
    '9999-12-31T23:59:60Z',
    '+275760-09-13T00:00:00Z',
    '2026-01-01T00:00:00+99:99',
    '{00000000-0000-7000-8000-00000000ac3e}',
    '00000000-0000-7000-8000-00000000AC3E',
    'ANNA@ACME.TEST',
    'a@b@c',
    '@',
    'null',
    '-1',
    '1e3',
    '99999',
    [],
    [[]],
    [null],
    {},
    { length: 1e9 },
    { toString: 1, valueOf: 1 },
    deep(500),
  ),
  // A key of its own, as JSON can have it.
  fc.constantFrom('{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{}}}').map((text) => JSON.parse(text)),
  fc.jsonValue({ maxDepth: 2, stringUnit: 'binary' }),
)

/** Names of fields that no form has. */
export const NAMES = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'id',
  'operator',
  'password_hash',
  'company_id',
  'created_at',
  'is_primary',
  '',
  'x',
  '\ud800',
  '\0',
)
