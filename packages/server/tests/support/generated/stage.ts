import assert from 'node:assert/strict'
import { ACME, ANNA, BELLA, BERT, BORIS, CARLA, DORA, EMIL, GLOBEX, NOBODY, OLGA, SAM } from '../admin.ts'
import { readOperations } from './description.ts'
import type { Digest } from './digest.ts'
import { Known } from './known.ts'
import type { Stage } from './play.ts'
import { type Keys, send } from './wire.ts'

const often = (value: string, times: number) => Array.from({ length: times }, () => value)

/** Everything that requests are made of, in the house of tests/support/admin.ts, whose users have this password. */
export async function setUpStage(
  url: string,
  operator: string,
  {
    digest,
    connections,
    password,
    oneTime,
  }: { digest: Digest; connections: number; password: string; oneTime: readonly string[] },
): Promise<Stage> {
  const kept: string[] = []
  const newKey = async (wish: object): Promise<string> => {
    const headers = { authorization: `Bearer ${operator}`, 'content-type': 'application/json' }
    const body = Buffer.from(JSON.stringify({ name: 'generated', ...wish }))
    const answer = await send(url, { method: 'POST', path: '/api/v1/admin/api-keys', headers, body })
    assert.equal(answer.status, 201, answer.text)
    kept.push(answer.body.id)
    return answer.body.key
  }
  const keys: Keys = {
    operator,
    support: await newKey({ power: 'support' }),
    company: await newKey({ company: ACME }),
    'other company': await newKey({ company: GLOBEX }),
    application: await newKey({ application: 'crm' }),
    narrow: await newKey({ scopes: ['users:read', 'members:write'] }),
  }
  const me = await send(url, {
    method: 'GET',
    path: '/api/v1/admin/whoami',
    headers: { authorization: `Bearer ${operator}` },
    body: undefined,
  })
  kept.push(me.body.id)
  const spare = async () => {
    await newKey({ company: ACME })
    return kept.pop() ?? ''
  }
  const signIn = async (username: string) => {
    const headers = { 'x-license-module': 'crm', 'content-type': 'application/json' }
    const body = Buffer.from(JSON.stringify({ username, password }))
    const answer = await send(url, { method: 'POST', path: '/api/v1/auth/authenticate/', headers, body })
    assert.equal(answer.status, 200, answer.text)
    return answer.body.token as string
  }
  const emails = ['anna@acme.test', 'bert@acme.test', 'bella@acme.test', 'carla@globex.test', 'dora@acme.test']
  const known = new Known(
    {
      user: [BERT, BELLA, DORA, ANNA, BORIS, BERT, DORA, BELLA, CARLA, EMIL, OLGA, SAM, BERT, DORA, ANNA, NOBODY],
      'spare user': [NOBODY, EMIL],
      company: [...often(ACME, 11), GLOBEX, GLOBEX, NOBODY],
      application: [...often('crm', 11), 'shop', 'spare', 'nothing'],
      permission: [
        ...often('create_invoice', 3),
        ...often('approve_invoice', 3),
        'list_invoices',
        'export_ledger',
        'close_books',
        'reopen_books',
        'is_superuser',
        'use_app',
        'list_orders',
        'nothing',
      ],
      role: ['clerk', 'viewer', 'own', 'clerk', 'viewer', 'own', 'spare', 'unused', 'auditor', 'nothing'],
      email: [
        ...emails,
        'boris@acme.test',
        'emil@example.test',
        ...Array.from({ length: 12 }, (_, nth) => `new${nth}@acme.test`),
      ],
      term: ['a', 'b', 'bloom', 'acme', 'ann', '', ANNA, ACME, 'ß', '%', '_', '\\'],
      scope: ['*', '*:read', '*:write', 'users:read', 'members:write', 'audit:read', 'users:read', '*', 'nothing:read'],
      network: ['10.0.0.0/8', '127.0.0.0/8', '127.0.0.1', '::1/128', '192.0.2.7', '127.0.0.0/8', 'nothing'],
      start: [
        '2020-01-01',
        '2020-02-29',
        '2021-06-30T18:00:00Z',
        '2026-01-01',
        '2020-01-01',
        '2020-01-01',
        '2020-01-01',
        '2026-13-01',
      ],
      end: [
        '2030-12-31',
        '2031-01-01T00:00:00+02:00',
        '2028-02-29',
        '2040-01-01',
        '2030-12-31',
        '2030-12-31',
        '2030-12-31',
        'tomorrow',
      ],
      limit: ['1', '2', '5', '50', '200', '3', '10', '100', '199', '4', '0', '201'],
      password: [
        password,
        'a bicycle made for two',
        'wheels within wheels',
        'a bicycle made for two',
        'password',
        'short',
      ],
      client: ['drill/1.0', 'drill/1.0', 'nothing'],
      address: ['192.0.2.7', '2001:db8::1', '192.0.2.7', 'nothing'],
      'one-time': [...oneTime, NOBODY, 'nothing'],
      'api-key': [await spare(), await spare()],
      token: [...(await Promise.all(emails.map(signIn))), 'nothing'],
    },
    kept,
  )
  return { url, operations: readOperations(), known, keys, digest, connections }
}
