import fc from 'fast-check'
import type { Operation } from './description.ts'
import { JUNK, NAMES, Pick, valuesOf } from './values.ts'

export const CALLERS = ['operator', 'support', 'company', 'other company', 'application', 'narrow'] as const
export type Caller = (typeof CALLERS)[number]

/** A request to be: what it names of the house is looked up when it is sent. */
export type Plan = {
  operation: Operation
  caller: Caller
  path: Record<string, unknown>
  query: [string, unknown][]
  headers: [string, unknown][]
  body: unknown
  /** Decides whatever else is to be chosen. */
  luck: number
  spoilt: Spoilt | undefined
}

/** One thing that is made wrong, or at least odd. */
export type Spoilt =
  | { how: 'field'; at: number; name: string; value: unknown; does: 'replace' | 'drop' | 'add' }
  | { how: 'body'; value: unknown }
  | { how: 'text'; text: string | Uint8Array }
  | { how: 'type'; type: string | undefined }
  | { how: 'query'; name: string | undefined; value: unknown; twice: boolean }
  | { how: 'tail'; text: string }
  | { how: 'path'; at: number; text: string }
  | { how: 'method'; method: string }
  | { how: 'header'; name: string; value: string | string[] | undefined }

const SEGMENTS = [
  '%00',
  'a%00b',
  '%ff',
  '%ED%A0%80',
  '%',
  '%zz',
  '..',
  '%2e%2e',
  '%2F',
  'crm%2Froles',
  '',
  ' '.replace(' ', '%20'),
  '%F0%9F%92%A5',
  '__proto__',
  'constructor',
  '*',
  ':user',
  'x'.repeat(120),
  'x'.repeat(5_000),
  '00000000-0000-7000-8000-00000000AC3E',
  '00000000-0000-7000-8000-00000000dead',
  "'--",
  'é'.normalize('NFD').replace(/[^ -~]/g, '%CC%81'),
]

const TEXTS = [
  '{',
  '{"a":',
  '[1,]',
  'null',
  '""',
  '0',
  '{"a":1}{',
  '\ufeff{}',
  '{"name":"\\ud800"}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"a":1e400}',
  `{"name":"${'x'.repeat(300_000)}"}`,
  '['.repeat(20_000),
  'NaN',
  '\0',
  ' ',
  new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  new Uint8Array([0xc3, 0x28]),
]

const TYPES = [
  undefined,
  'text/plain',
  'application/xml',
  'application/json; charset=utf-16',
  'application/json;;;',
  'application/problem+json',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/merge-patch+json',
  '*/*',
  '\xff',
  'application/json, text/plain',
]

const TAILS = [
  '?',
  '?&',
  '?=',
  '?%',
  '?limit',
  '?limit=1&limit=2',
  '?a[b]=1',
  '?__proto__=1',
  '?limit=%00',
  '?%ff=%ff',
  '#x',
  '/',
  '//',
  '/.',
  '/x',
  ';a=b',
]

const HEADERS: Record<string, readonly (string | string[] | undefined)[]> = {
  authorization: [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'bearer clk_none',
    'Basic eDp5',
    `Bearer clk_${'x'.repeat(180)}`,
    'Bearer \xff\xfe',
    'Bearer a, Bearer b',
  ],
  'if-match': [undefined, '', '*', '"', 'W/"x"', '\xff', `"${'x'.repeat(4_000)}"`, '"a", "b"'],
  'if-none-match': ['*', '"', '\xff'],
  'x-license-module': [undefined, '', 'nothing', 'crm\xff', 'x'.repeat(200), ['crm', 'crm'], '../crm', 'CRM'],
  'x-license-token': [undefined, '', 'clt_none', `clt_${'x'.repeat(5_000)}`, ['a', 'b'], '\xff'],
  'x-license-secret': ['', 'wrong', '\xff', ['a', 'b']],
  'x-license-client': ['', 'x', 'x/1', '\xff/1', `${'x'.repeat(200)}/1`],
  'x-license-user-address': ['', '192.0.2.7', '999.1.1.1', '::1%eth0', '\xff'],
  'x-request-id': ['', 'x y', '\xff', 'clk_secret', 'x'.repeat(500)],
  'x-forwarded-for': ['1.2.3.4', 'unknown, 1.2.3.4', '\xff'],
  'content-encoding': ['gzip', 'x'],
  accept: ['', 'text/html', '*/*;q=0', '\xff'],
  expect: ['100-continue', 'something'],
  range: ['bytes=0-1', 'bytes=9-1'],
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']

const spoilt: fc.Arbitrary<Spoilt> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      how: fc.constant('field' as const),
      at: fc.nat(40),
      name: NAMES,
      value: JUNK,
      does: fc.constantFrom('replace', 'replace', 'drop', 'add'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('body' as const), value: JUNK }) },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('text' as const), text: fc.constantFrom(...TEXTS) }) },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('type' as const), type: fc.constantFrom(...TYPES) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      how: fc.constant('query' as const),
      name: fc.option(fc.oneof(NAMES, fc.constantFrom('limit', 'cursor', 'q', 'cascade')), { nil: undefined }),
      value: JUNK,
      twice: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('tail' as const), text: fc.constantFrom(...TAILS) }) },
  {
    weight: 4,
    arbitrary: fc.record({ how: fc.constant('path' as const), at: fc.nat(5), text: fc.constantFrom(...SEGMENTS) }),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('method' as const), method: fc.constantFrom(...METHODS) }) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(...Object.entries(HEADERS))
      .chain(([name, values]) =>
        fc.record({ how: fc.constant('header' as const), name: fc.constant(name), value: fc.constantFrom(...values) }),
      ),
  },
)

/** How often: what takes away leaves less to ask about, and hashing takes its time. */
const RARELY = new Set([
  'users.remove',
  'users.setPassword',
  'members.remove',
  'apiKeys.remove',
  'auth.signIn',
  'auth.signOut',
  'seats.remove',
])

/** Requests of all these operations: right ones, and such with one thing spoilt. */
export function plansOf(operations: readonly Operation[]): fc.Arbitrary<Plan> {
  return fc.oneof(
    ...operations.map((operation) => ({ weight: RARELY.has(operation.id) ? 1 : 4, arbitrary: planOf(operation) })),
  )
}

function planOf(operation: Operation): fc.Arbitrary<Plan> {
  const placed = (place: string) => operation.parameters.filter((each) => each.in === place)
  const values = (place: string) => {
    const parameters = placed(place)
    return fc.record(
      Object.fromEntries(
        parameters.map(({ name, schema }) => {
          const special = SPECIAL[`${operation.id} ${name}`]
          return [name, special ? picked(special) : valuesOf(schema, name)]
        }),
      ),
      { requiredKeys: parameters.filter((each) => each.required).map((each) => each.name) },
    )
  }
  return fc.record({
    operation: fc.constant(operation),
    caller: fc.oneof(
      { weight: 10, arbitrary: fc.constant('operator' as const) },
      { weight: 4, arbitrary: fc.constantFrom(...CALLERS) },
    ),
    path: values('path') as fc.Arbitrary<Record<string, unknown>>,
    query: values('query').map((query) => Object.entries(query)),
    headers: values('header').map((headers) => Object.entries(headers)),
    body: operation.body ? valuesOf(operation.body.schema, '') : fc.constant(undefined),
    luck: fc.nat({ max: 9_999 }),
    spoilt: fc.option(spoilt, { freq: 2, nil: undefined }),
  })
}

/** What parameters name here that have the name of something else, or that the house can spare. */
const SPECIAL: Record<string, string> = {
  'apiKeys.get key': 'api-key',
  'apiKeys.remove key': 'api-key',
  'users.remove user': 'spare user',
}

function picked(kind: string): fc.Arbitrary<Pick> {
  return fc.nat({ max: 199 }).map((nth) => new Pick(kind, nth))
}
