import assert from 'node:assert/strict'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { createKey, type WantedKey } from '../../src/credentials/api-keys.ts'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { readJson } from './calls.ts'
import { CHEAP_HASH } from './house.ts'
import type { TestServer } from './server.ts'

export type AdminReply = {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a body; a wrong guess fails it.
  body: any
}

export type AdminWish = { body?: unknown; headers?: Record<string, string> }

/** One call of the admin API: `ask(server, key, 'GET /users?limit=2')`. Without a key none is sent. */
export async function ask(
  server: Pick<TestServer, 'url'>,
  key: string | undefined,
  line: string,
  { body, headers }: AdminWish = {},
): Promise<AdminReply> {
  const [method = '', path = ''] = line.split(' ')
  const response = await fetch(`${server.url}/api/v1/admin${path}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: readJson(await response.text()) }
}

/** The same, which must be answered with this status. */
export async function askFor(
  status: number,
  server: Pick<TestServer, 'url'>,
  key: string,
  line: string,
  wish: AdminWish = {},
): Promise<AdminReply['body']> {
  const reply = await ask(server, key, line, wish)
  assert.equal(reply.status, status, `${line}: ${JSON.stringify(reply.body)}`)
  return reply.body
}

/** An API key, made as the server's own command line makes one. */
export async function makeKey(server: Pick<TestServer, 'ctx'>, wanted: Partial<WantedKey> = {}): Promise<string> {
  const { secret } = await createKey(server.ctx, COMMAND_LINE, {
    name: 'a test',
    power: { kind: 'operator' },
    userId: null,
    scopes: ['*'],
    expiresAt: null,
    ...wanted,
  })
  return secret
}

export const ACME = '00000000-0000-7000-8000-00000000ac3e'
export const GLOBEX = '00000000-0000-7000-8000-00000000610b'
export const NOBODY = '00000000-0000-7000-8000-00000000dead'

const person = (nth: number) => `00000000-0000-7000-8000-0000000000${String(nth).padStart(2, '0')}`
/** Of ACME: an admin whom nobody manages, and members whom ACME manages. */
export const ANNA = person(1)
export const BERT = person(2)
export const BELLA = person(3)
export const BORIS = person(4)
/** Of Globex, managed by it. */
export const CARLA = person(5)
/** Of both, managed by ACME; of neither; an operator, of ACME; a supporter. */
export const DORA = person(6)
export const EMIL = person(7)
export const OLGA = person(8)
export const SAM = person(9)

const member = (company: string, more: object = {}) => ({ company, ...more })
const seat = (permissions: string[] = [], roles: string[] = []) => ({
  grants: [{ application: 'crm', permissions, roles }],
})

/** Two companies, each with people of its own, in one application with a tree of some depth. */
export const MANAGED_HOUSE = {
  companies: [
    { id: ACME, name: 'ACME' },
    { id: GLOBEX, name: 'Globex' },
  ],
  applications: [
    {
      id: 'crm',
      name: 'CRM',
      permissions: [
        { slug: 'list_invoices', name: 'See invoices' },
        { slug: 'create_invoice', name: 'Make invoices', needs: 'list_invoices' },
        { slug: 'approve_invoice', name: 'Approve invoices', needs: 'list_invoices' },
        { slug: 'export_ledger', name: 'Export the ledger' },
        { slug: 'close_books', name: 'Close the books', operator_only: true },
        { slug: 'reopen_books', name: 'Reopen the books', needs: 'close_books' },
        { slug: 'is_superuser', name: 'Everything' },
      ],
      roles: [
        { key: 'clerk', name: 'Clerk', permissions: ['create_invoice'] },
        { key: 'auditor', name: 'Auditor', permissions: ['close_books'] },
        { key: 'viewer', name: 'Viewer', permissions: ['list_invoices'] },
        { key: 'spare', name: 'Spare', permissions: [] },
        { key: 'clerk', name: "Globex' clerk", company: GLOBEX, permissions: ['approve_invoice'] },
        { key: 'own', name: "ACME's own", company: ACME, permissions: ['create_invoice'] },
        { key: 'unused', name: "ACME's unused", company: ACME, permissions: [] },
      ],
    },
    { id: 'shop', name: 'Shop', permissions: [{ slug: 'list_orders' }] },
    { id: 'spare', name: 'Spare', permissions: [{ slug: 'idle' }] },
  ],
  licenses: [
    {
      company: ACME,
      application: 'crm',
      from: '2020-01-01',
      seats: 6,
      permissions: ['create_invoice', 'approve_invoice', 'close_books', 'reopen_books'],
    },
    { company: GLOBEX, application: 'crm', from: '2020-01-01' },
    { company: ACME, application: 'shop', from: '2020-01-01' },
  ],
  users: [
    {
      id: ANNA,
      email: 'anna@acme.test',
      first_name: 'Anna',
      last_name: 'Ames',
      companies: [member(ACME, { role: 'admin', ...seat(['approve_invoice'], ['clerk']) })],
    },
    {
      id: BERT,
      email: 'bert@acme.test',
      first_name: 'Bert',
      last_name: 'Bloom',
      managed_by: ACME,
      companies: [member(ACME, seat(['create_invoice', 'list_invoices']))],
    },
    {
      id: BELLA,
      email: 'bella@acme.test',
      first_name: 'Bella',
      last_name: 'Bloom',
      managed_by: ACME,
      companies: [member(ACME, seat([], ['own']))],
    },
    {
      id: BORIS,
      email: 'boris@acme.test',
      first_name: 'Boris',
      last_name: 'Ács',
      managed_by: ACME,
      companies: [member(ACME)],
    },
    {
      id: CARLA,
      email: 'carla@globex.test',
      first_name: 'Carla',
      last_name: 'Cruz',
      managed_by: GLOBEX,
      companies: [member(GLOBEX, { role: 'admin', ...seat(['create_invoice']) })],
    },
    {
      id: DORA,
      email: 'dora@acme.test',
      first_name: 'Dora',
      last_name: 'Dunn',
      managed_by: ACME,
      companies: [member(ACME, seat(['create_invoice'])), member(GLOBEX, seat(['approve_invoice']))],
    },
    { id: EMIL, email: 'emil@example.test', first_name: 'Emil', last_name: 'Egan' },
    {
      id: OLGA,
      email: 'olga@house.test',
      first_name: 'Olga',
      last_name: 'Odell',
      operator: true,
      companies: [member(ACME)],
    },
    { id: SAM, email: 'sam@house.test', first_name: 'Sam', last_name: 'Stone' },
  ].map((user) => ({ ...user, password_hash: CHEAP_HASH })),
} satisfies HouseFile
