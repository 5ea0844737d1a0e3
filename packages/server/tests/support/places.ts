import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readConfig } from '../../src/config.ts'
import { createContext, createLog } from '../../src/context.ts'
import { CommandError } from '../../src/errors.ts'
import { ask } from './admin.ts'
import { type Call, call, type Reply, signIn } from './calls.ts'
import { ACME, ANNA, issue, type SMALL_HOUSE } from './house.ts'
import type { TestServer } from './server.ts'

/** Somewhere that a secret is taken. */
export type Place = {
  name: string
  /** What belongs there. */
  home: string
  /** Throws where the answer is neither "yes" nor "no". */
  accepts(server: TestServer, secret: string): Promise<boolean>
  /** Whether such a text can be sent there at all. */
  carries(secret: string): boolean
}

export type ApplicationId = (typeof SMALL_HOUSE.applications)[number]['id'] | 'cellar'

/** Secrets of the applications that have one. */
export const APPLICATION_SECRETS: Partial<Record<ApplicationId, string>> = {
  vault: 'the-vault-opens-at-nine',
  cellar: 'the-cellar-opens-at-ten',
}

export function asApplication(module: ApplicationId): Call {
  const secret = APPLICATION_SECRETS[module]
  return { module, ...(secret === undefined ? {} : { headers: { 'x-license-secret': secret } }) }
}

/** Blanks at the ends are not part of a header; Node's `fetch` sends nothing but Latin-1. */
function fitsHeader(secret: string): boolean {
  return /^[!-~]([ -~]*[!-~])?$/.test(secret) && secret.length < 4_000
}

function isAccepted({ status, body, text }: Reply, code: string): boolean {
  if (status === 200) return true
  // A refusal for another reason would show nothing.
  assert.deepEqual([status, body.code], [401, code], text)
  return false
}

export function tokenPlace(module: ApplicationId, line: string): Place {
  return {
    name: `X-LICENSE-TOKEN of ${module}, ${line}`,
    home: `a token in ${module}`,
    carries: fitsHeader,
    accepts: async (server, token) =>
      isAccepted(await call(server, line, { ...asApplication(module), rich: true, token }), 'invalid_token'),
  }
}

export function oneTimePlace(module: ApplicationId): Place {
  return {
    name: `a one-time token of ${module}`,
    home: `a one-time token in ${module}`,
    carries: (secret) => secret.isWellFormed(),
    accepts: async (server, token) =>
      isAccepted(
        await call(server, 'POST impersonation-validation/', {
          ...asApplication(module),
          rich: true,
          body: { token },
        }),
        'invalid_impersonation',
      ),
  }
}

const PROOFS: Record<string, (module: string, secret: string) => Record<string, string>> = {
  'X-LICENSE-SECRET': (_module, secret) => ({ 'x-license-secret': secret }),
  Basic: (module, secret) => ({ authorization: `Basic ${base64(`${module}:${secret}`)}` }),
}

/** With a live token beside, so that the secret alone decides. */
export function secretPlaces(module: ApplicationId): Place[] {
  return Object.entries(PROOFS).map(([how, headersOf]) => ({
    name: `the secret of ${module}, by ${how}`,
    home: `the secret of ${module}`,
    carries: fitsHeader,
    async accepts(server, secret) {
      const token = await liveToken(server, module)
      const headers = headersOf(module, secret)
      const reply = await call(server, 'GET get-permissions/', { module, token, headers, rich: true })
      return isAccepted(reply, 'application_secret_required')
    },
  }))
}

export function passwordPlace(module: ApplicationId, email: string): Place {
  return {
    name: `the password of ${email} in ${module}`,
    home: `the password of ${email}`,
    carries: (secret) => secret.isWellFormed(),
    accepts: async (server, password) =>
      isAccepted(await signIn(server, email, password, { ...asApplication(module), rich: true }), 'bad_credentials'),
  }
}

/** As the admin API takes one. */
export function apiKeyPlace(): Place {
  return {
    name: 'an API key',
    home: 'an API key',
    carries: fitsHeader,
    async accepts(server, secret) {
      const { status, body } = await ask(server, secret, 'GET /whoami')
      if (status === 200) return true
      // What has blanks, or no end, is no key at all.
      assert.ok(status === 401 && ['invalid_api_key', 'api_key_required'].includes(body.code), body.code)
      return false
    },
  }
}

/** Of the ring with this id for its key; the house proves the ring on its own data. */
export function keyPlace(id: string): Place {
  return {
    name: 'a key of the ring',
    home: 'a key of the ring',
    carries: (secret) => Buffer.from(secret, 'base64').length === 32,
    async accepts({ config }, secret) {
      const { database, dataDir } = config
      const ring = readConfig({
        LICENSE_DATA_DIR: dataDir,
        LICENSE_KEYS: JSON.stringify({ current: id, keys: { [id]: secret } }),
      })
      try {
        await using _ctx = await createContext({ ...ring, database }, { log: createLog({ logLevel: 'silent' }) })
        return true
      } catch (error) {
        assert.ok(error instanceof CommandError && /not the one that this database was sealed with/.test(error.message))
        return false
      }
    },
  }
}

/** A house's key ring with one key that is known. */
export function knownRing(): { id: string; key: string; env: Record<string, string> } {
  const key = base64(randomBytes(32))
  return { id: 'k1', key, env: { LICENSE_KEYS: JSON.stringify({ current: 'k1', keys: { k1: key } }) } }
}

const tokens = new WeakMap<TestServer, Map<string, string>>()

/** One for each application; it stays alive, since nothing here signs it out. */
async function liveToken(server: TestServer, module: ApplicationId): Promise<string> {
  const known = tokens.get(server) ?? new Map<string, string>()
  tokens.set(server, known)
  const token = known.get(module) ?? (await issue(server, ANNA, module))
  known.set(module, token)
  return token
}

function base64(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString('base64')
}

/** A one-time token for Anna in ACME. */
export function oneTimeToken(server: TestServer, application: ApplicationId): Promise<string> {
  return server.impersonate({ user: ANNA, company: ACME, application, reason: 'A call to the desk' })
}
