// What a call must come to, by the word that the test's table has for it.
import assert from 'node:assert/strict'
import { acme, type Dialect, dialects } from './house.ts'
import type { Answer } from './python-client.ts'

/** `flat` where the flat dialects have it at another address. */
export const calls = {
  authenticate: { column: 'sign-in', path: '/authenticate/', refusal: 'BadCredentials' },
  get_user: { column: 'profile', path: '/users/profile/', refusal: 'NoValidToken' },
  get_permissions: {
    column: 'permissions',
    path: '/get-permissions/',
    flat: '/users/permissions/',
    refusal: 'NoValidToken',
  },
  // The message of this one is the server's own; the two above have the package's.
  get_company_permissions: { column: 'company', path: '/get-company-permissions/', refusal: 'Exception' },
  // This one raises nothing: it returns an object with `has_error`.
  validate_impersonation: { column: 'impersonation', path: '/impersonation-validation/', refusal: undefined },
} as const

export type Call = keyof typeof calls

/** '4xx' is any refusal but a throttled one, which would say nothing about the input. */
export type Status = number | '4xx'
type Column = 'sign-in' | 'profile' | 'pin' | 'permissions' | 'company' | 'impersonation'
export type Row = Record<Column, string> & { release: string; dialect: Dialect }

const words = ['works', 'blank', 'crashes', 'lacks']

/** Reads rows as a person writes them: a head, then a line a release, cells apart by blanks. */
export function readTable(table: string): Row[] {
  const [head = [], ...rows] = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  return rows.map((cells) => {
    assert.equal(cells.length, head.length, `the row of ${cells[0]}`)
    assert.ok((dialects as readonly string[]).includes(cells[1] ?? ''), `the dialect of ${cells[0]}`)
    for (const word of cells.slice(2)) assert.ok(words.includes(word), `"${word}" in the row of ${cells[0]}`)
    // The table's head has exactly the columns of the type.
    return Object.fromEntries(head.map((column, i) => [column, cells[i]])) as Row
  })
}

/** Shows that a call went as the table says where the server allows it. True when there is a result to look at. */
export function assertAllowed(row: Row, call: Call, answer: Answer): boolean {
  const word = row[calls[call].column]
  if (word === 'lacks') {
    assert.equal(answer.lacking, call)
    return false
  }
  if (word === 'crashes') {
    if (call === 'get_permissions') assertOwnFault(answer)
    else assertSent(row, answer, call, 200)
    assert.equal(answer.crashed, 'AttributeError', show(answer))
    return false
  }
  assert.ok('returned' in answer, show(answer))
  assertSent(row, answer, call, 200)
  return true
}

/** Shows that a call was refused in the way that the package's users are told to expect. */
export function assertRefused(row: Row, call: Call, answer: Answer, status: Status, what: string) {
  const { column, refusal } = calls[call]
  if (row[column] === 'lacks') return assert.equal(answer.lacking, call)
  if (row[column] === 'crashes' && call === 'get_permissions') return assertOwnFault(answer)
  assertSent(row, answer, call, status, what)
  assert.equal(answer.raised, refusal, `${what}: ${show(answer)}`)
  if (refusal === 'BadCredentials' || refusal === 'NoValidToken') return
  const told = refusal ? answer.message : readError(answer, what)
  if (row[column] === 'blank') assert.ok(told === 'None' || told === null, `${what}: ${show(answer)}`)
  else assert.match(told ?? '', /^[A-Z].* .*\w/, `${what}: a sentence for a person, not ${show(answer)}`)
}

function readError(answer: Answer, what: string) {
  const { has_error, error, ...rest } = answer.returned as { has_error?: boolean; error?: { message: string | null } }
  assert.equal(has_error, true, `${what}: ${show(answer)}`)
  for (const value of Object.values(rest)) assert.equal(value, null, `${what}: ${show(answer)}`)
  return error?.message
}

/** Exactly one request went out, to this call's address, and came back with this status. */
export function assertSent(row: Row, answer: Answer, call: Call, status: Status, what = 'allowed') {
  assert.equal(answer.requests.length, 1, `${what}: ${show(answer)}`)
  const [, path, got] = answer.requests[0] ?? assert.fail()
  const { path: own, flat = own }: { path: string; flat?: string } = calls[call]
  assert.ok(path.startsWith(`/api/v1/auth${row.dialect === 'v1' ? own : flat}`), path)
  const fits = status === '4xx' ? got >= 400 && got < 500 && got !== 429 : got === status
  assert.ok(fits, `${what}: ${status} was expected. ${show(answer)}`)
}

/** The package itself says that it has no token. */
export function assertNothingSent(answer: Answer) {
  assert.equal(answer.raised, 'NoValidToken', show(answer))
  assert.deepEqual(answer.requests, [])
}

/** A call of 1.0.0 or 1.1.0 that fails before it has sent anything. */
export function assertOwnFault(answer: Answer) {
  assert.equal(answer.crashed, 'AttributeError', show(answer))
  assert.deepEqual(answer.requests, [])
}

export type Rights = { company_id: string; company_name: string; permissions: string[] }

/** In a flat dialect those of one company, the first, each as an object. */
export function assertPermissions(row: Row, word: string, answer: Answer, companies: readonly Rights[]) {
  if (row.dialect !== 'v1') {
    const flat = (companies[0]?.permissions ?? []).map((permission) => ({ permission }))
    assert.deepEqual(answer.holds?.permissions, flat)
    return
  }
  const blank = { company_id: null, company_name: null, permissions: null }
  assert.deepEqual(answer.holds?.permissions, word === 'blank' ? companies.map(() => blank) : companies)
}

export function assertUser(
  row: Row,
  answer: Answer,
  user: Record<'first_name' | 'last_name' | 'email', string>,
  { pin, company = acme }: { pin?: string | undefined; company?: typeof acme | null } = {},
) {
  const { first_name, last_name, email } = user
  const blank = { first_name: null, last_name: null, email: null }
  const fields = row.profile === 'blank' ? blank : { first_name, last_name, email }
  const pins = row.pin === 'crashes' || row.pin === 'lacks' ? {} : { pin: row.pin === 'blank' ? null : (pin ?? null) }
  assert.deepEqual(answer.holds?.user, { ...fields, ...companyOf(row, company), ...pins })
}

/** As the user object has the company, which only a flat dialect tells. */
export function companyOf({ dialect }: Row, company: typeof acme | null) {
  if (dialect === 'v1') return {}
  if (dialect === 'flat-0.1') return { company: company?.name ?? null }
  return { company_id: company?.id ?? null, company_name: company?.name ?? null }
}

function show(answer: Answer) {
  return JSON.stringify(answer).slice(0, 500)
}
