import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServing } from '../../src/commands/serving.ts'
import { readConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import { besideServer, type Environment } from '../commands/run.ts'
import { call, signIn } from './calls.ts'
import { ACME, ANNA, issue, PASSWORD } from './house.ts'
import type { TestServer } from './server.ts'

export type Ring = { current: string; keys: Record<string, string> }

/** Of another house, or so it seems. */
export const STRANGER = ringText('a', { a: Buffer.alloc(32, 1).toString('base64') })

export function ringText(current: string, keys: Record<string, string>): string {
  return JSON.stringify({ current, keys })
}

export function ringFile({ config }: Pick<TestServer, 'config'>): string {
  return join(config.dataDir, 'keys.json')
}

export function ringOf(server: TestServer): Ring {
  return JSON.parse(readFileSync(ringFile(server), 'utf8'))
}

/** A sign-in, and a one-time token that waits. */
export async function signedIn(server: TestServer): Promise<{ token: string; oneTime: string }> {
  const oneTime = await server.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'test' })
  return { token: await issue(server, ANNA, 'crm'), oneTime }
}

/** What was so before is so after: the token answers, the one-time token is taken, the password signs in. */
export async function assertNobodySignedOut(
  server: Pick<TestServer, 'url'>,
  { token, oneTime }: { token: string; oneTime: string },
): Promise<void> {
  assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
  assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
  assert.equal((await signIn(server, ANNA, `${PASSWORD}!`)).status, 401)
  const validated = await call(server, 'POST impersonation-validation/', { body: { token: oneTime } })
  assert.equal(validated.status, 200)
  const { status } = await call(server, 'GET users/profile/', { token: validated.body.auth_token })
  assert.equal(status, 200)
}

/** A second server of the same house, started now. */
export async function startAnother(
  server: TestServer,
  more: Environment = {},
): Promise<AsyncDisposable & { url: string; ctx: Context }> {
  const config = readConfig({ ...besideServer(server), LICENSE_PORT: '0', LICENSE_LOG_LEVEL: 'fatal', ...more })
  const ctx = await createContext(config)
  const serving = await startServing(ctx)
  return {
    url: serving.url,
    ctx,
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]()
      await ctx[Symbol.asyncDispose]()
    },
  }
}
