import assert from 'node:assert/strict'
import { ACME, askFor, BERT, MANAGED_HOUSE, makeKey, OLGA, SAM } from './admin.ts'
import { call, type Reply } from './calls.ts'
import type { TestServer } from './server.ts'

export const HOUSE = {
  ...MANAGED_HOUSE,
  users: MANAGED_HOUSE.users.map((each) => ({
    ...each,
    // An operator who works somewhere too.
    ...(each.id === OLGA ? { companies: [{ company: ACME, grants: [{ application: 'crm' }] }] } : {}),
  })),
}

export const WISH = { user: BERT, company: ACME, application: 'crm', reason: 'Ticket 7' }

/** Sam is a supporter from then on. */
export async function supporter(server: TestServer): Promise<string> {
  await askFor(200, server, await makeKey(server), `PATCH /users/${SAM}`, { body: { support: true } })
  return makeKey(server, { power: { kind: 'support' }, userId: SAM })
}

/** Its admins may act as its people. */
export function allow(server: TestServer, company: string, allows = true) {
  return makeKey(server).then((key) =>
    askFor(200, server, key, `PATCH /companies/${company}`, { body: { allows_impersonation: allows } }),
  )
}

export const ofAcme = { kind: 'company', companyId: ACME } as const

export async function begin(
  server: TestServer,
  key: string,
  wish: object = {},
): Promise<{ id: string; token: string }> {
  return askFor(201, server, key, 'POST /impersonations', { body: { ...WISH, ...wish } })
}

export function validate(server: TestServer, token: string, rich = true): Promise<Reply> {
  return call(server, 'POST impersonation-validation/', { rich, body: { token } })
}

/** Begun and exchanged: the token is that of the session. */
export async function enter(
  server: TestServer,
  key: string,
  wish: object = {},
): Promise<{ id: string; token: string }> {
  const { id, token } = await begin(server, key, wish)
  const { status, body } = await validate(server, token)
  assert.equal(status, 200)
  return { id, token: body.auth_token }
}

export async function looks(server: TestServer, token: string): Promise<number> {
  return (await call(server, 'GET get-permissions/', { token, rich: true })).status
}

export async function stateOf(server: TestServer, id: string): Promise<string> {
  return (await askFor(200, server, await makeKey(server), `GET /impersonations/${id}`)).state
}
