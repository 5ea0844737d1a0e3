import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newSecret, type SecretPrefix, secretHash } from '../../src/credentials/secrets.ts'
import { placeholder } from '../../src/deliveries/dialects/django.ts'
import { askFor, makeKey } from '../support/admin.ts'
import { call, signIn } from '../support/calls.ts'
import { ACME, ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import {
  APPLICATION_SECRETS,
  apiKeyPlace,
  asApplication,
  keyPlace,
  knownRing,
  oneTimePlace,
  oneTimeToken,
  type Place,
  passwordPlace,
  secretPlaces,
  tokenPlace,
} from '../support/places.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const RING = knownRing()

type Kind = {
  name: string
  /** Where it belongs: homes of places. Empty for what opens nothing anywhere. */
  home: readonly string[]
  /** A fresh one where a place uses it up. */
  make(server: TestServer): Promise<string>
}

/** Every kind of secret, and what may be taken for one. A later kind joins by a line here. */
const KINDS: readonly Kind[] = [
  { name: 'a token', home: ['a token in crm'], make: (server) => issue(server, ANNA, 'crm') },
  { name: 'a token of vault', home: ['a token in vault'], make: (server) => issue(server, ANNA, 'vault') },
  { name: 'an impersonated token', home: ['a token in crm'], make: impersonatedToken },
  { name: 'a one-time token', home: ['a one-time token in crm'], make: (server) => oneTimeToken(server, 'crm') },
  {
    name: 'a one-time token of vault',
    home: ['a one-time token in vault'],
    make: (server) => oneTimeToken(server, 'vault'),
  },
  { name: 'the secret of vault', home: ['the secret of vault'], make: async () => APPLICATION_SECRETS.vault ?? '' },
  { name: 'the secret of cellar', home: ['the secret of cellar'], make: async () => APPLICATION_SECRETS.cellar ?? '' },
  { name: 'a password', home: [`the password of ${ANNA}`], make: async () => PASSWORD },
  { name: 'a key of the ring', home: ['a key of the ring'], make: async () => RING.key },

  { name: 'a token that was never given', home: [], make: async () => newSecret('clt_') },
  { name: 'an application secret that was never given', home: [], make: async () => newSecret('cls_') },
  { name: 'an API key', home: ['an API key'], make: (server) => makeKey(server) },
  { name: 'an API key that was never given', home: [], make: async () => newSecret('clk_') },
  { name: 'the hash of an API key', home: [], make: async (server) => secretHash(await makeKey(server)) },
  { name: 'the id of an API key', home: [], make: (server) => stored(server, 'api_keys', 'id') },
  { name: 'the secret of an endpoint', home: [], make: endpointSecret },
  { name: 'what stands for a token in events', home: [], make: async () => placeholder('crm', ANNA) },
  { name: 'a UUID', home: [], make: async () => crypto.randomUUID() },
  { name: 'a token with the prefix of a secret', home: [], make: async (s) => swap(await issue(s, ANNA, 'crm')) },
  { name: 'a token without its prefix', home: [], make: async (s) => (await issue(s, ANNA, 'crm')).slice(4) },
  { name: 'the hash of a token', home: [], make: async (s) => secretHash(await issue(s, ANNA, 'crm')) },
  { name: 'the hash of a one-time token', home: [], make: async (s) => secretHash(await oneTimeToken(s, 'crm')) },
  { name: 'the hash of a secret', home: [], make: async () => secretHash(APPLICATION_SECRETS.vault ?? '') },
  { name: 'the stored password', home: [], make: (server) => stored(server, 'users', 'password_hash') },
  { name: 'the key check', home: [], make: (server) => stored(server, 'house', 'value') },
  { name: 'the id of a key', home: [], make: async () => RING.id },
  { name: 'the id of a token', home: [], make: (server) => stored(server, 'tokens', 'id') },
  { name: 'the id of an impersonation', home: [], make: (server) => stored(server, 'impersonations', 'id') },
  { name: 'the id of a user', home: [], make: (server) => stored(server, 'users', 'id') },
  { name: 'the id of a company', home: [], make: async () => ACME },
  { name: 'the id of an application', home: [], make: async () => 'vault' },
  { name: 'the id of a request', home: [], make: requestId },
  { name: 'an address', home: [], make: async () => ANNA },
  { name: 'a PIN', home: [], make: async () => '4711' },
]

/** Everywhere that one of them is taken. A later place joins by a line here. */
const PLACES: readonly Place[] = [
  tokenPlace('crm', 'GET users/profile/'),
  tokenPlace('crm', 'GET get-permissions/'),
  tokenPlace('crm', `GET get-company-permissions/${ACME}/`),
  tokenPlace('crm', 'POST sign-out/'),
  tokenPlace('vault', 'GET users/profile/'),
  tokenPlace('vault', 'POST sign-out/'),
  oneTimePlace('crm'),
  oneTimePlace('vault'),
  ...secretPlaces('vault'),
  ...secretPlaces('cellar'),
  passwordPlace('crm', ANNA),
  passwordPlace('vault', ANNA),
  keyPlace(RING.id),
  apiKeyPlace(),
]

/** Fails to compile where a prefix has no kind above. */
const PREFIXES: Record<SecretPrefix, string> = {
  clt_: 'a token',
  cls_: 'an application secret that was never given',
  clk_: 'an API key that was never given',
}

for (const database of databases) {
  describe(`each secret works in its own place only, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE, env: RING.env })
      await server.seed({
        applications: [{ id: 'cellar', name: 'Cellar', secret: APPLICATION_SECRETS.cellar ?? '' }],
        licenses: [{ company: ACME, application: 'cellar', from: '2020-01-01' }],
        users: [{ email: ANNA, companies: [{ company: ACME, grants: [{ application: 'cellar' }] }] }],
      })
    })
    after(() => server[Symbol.asyncDispose]())

    for (const kind of KINDS) {
      test(`T5: ${kind.name} ${kind.home.length === 0 ? 'opens nothing' : `is ${kind.home.join(', ')}, nothing else`}`, async () => {
        const tries: [Place, secret: string][] = []
        for (const place of PLACES) {
          const secret = await kind.make(server)
          if (place.carries(secret)) tries.push([place, secret])
        }
        // A refused password is mostly waiting.
        const accepted = await Promise.all(tries.map(([place, secret]) => place.accepts(server, secret)))
        for (const [at, [place]] of tries.entries())
          assert.equal(accepted[at], kind.home.includes(place.home), `${kind.name} as ${place.name}`)
        await server.lift()
        // A place that carries none of them would refuse nothing.
        assert.ok(tries.length >= PLACES.length - 1, `only ${tries.length} places were tried`)
      })
    }

    test('T5: every kind has a place, every place a kind, every prefix its own', async () => {
      const homes = new Set(PLACES.map(({ home }) => home))
      for (const { name, home } of KINDS)
        for (const each of home) assert.ok(homes.has(each), `no place for ${name}: ${each}`)
      for (const home of homes)
        assert.ok(
          KINDS.some((kind) => kind.home.includes(home)),
          `nothing for ${home}`,
        )
      for (const [prefix, name] of Object.entries(PREFIXES)) {
        const made = await KINDS.find((kind) => kind.name === name)?.make(server)
        assert.ok(made?.startsWith(prefix), `${name} has not ${prefix}`)
      }
    })
  })
}

async function impersonatedToken(server: TestServer): Promise<string> {
  const body = { token: await oneTimeToken(server, 'crm') }
  return (await call(server, 'POST impersonation-validation/', { body })).body.auth_token
}

async function endpointSecret(server: TestServer): Promise<string> {
  const key = await makeKey(server)
  const line = '/applications/crm/endpoints'
  const { id, secret } = await askFor(201, server, key, `POST ${line}`, { body: { url: 'https://93.184.215.14/hook' } })
  await askFor(204, server, key, `DELETE ${line}/${id}`)
  return secret
}

async function requestId(server: TestServer): Promise<string> {
  return (await signIn(server, ANNA, PASSWORD, asApplication('crm'))).headers.get('x-request-id') ?? ''
}

async function stored(server: TestServer, table: string, column: string): Promise<string> {
  const rows = (await allTables(server))[table] ?? []
  const value = rows.map((row) => row[column]).find((each) => typeof each === 'string' && each !== '')
  assert.ok(typeof value === 'string', `nothing in ${table}.${column}`)
  return value
}

function swap(token: string): string {
  return token.replace(/^clt_/, 'cls_')
}
