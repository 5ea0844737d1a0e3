import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { changePassword, deleteUser, removeMember, switchUser } from '../../src/credentials/accounts.ts'
import { isWellFormed, newSecret, type SecretPrefix, secretHash } from '../../src/credentials/secrets.ts'
import { setApplicationSecret } from '../../src/directory/application-store.ts'
import { askFor, makeKey } from '../support/admin.ts'
import { call, signIn } from '../support/calls.ts'
import { noteDeliveries, noteEvents } from '../support/full-house.ts'
import { TO_THIS_MACHINE } from '../support/hook-receiver.ts'
import { ACME, ANNA, CHEAP_HASH, issue, PASSWORD, SMALL_HOUSE, user } from '../support/house.ts'
import {
  APPLICATION_SECRETS,
  type ApplicationId,
  apiKeyPlace,
  asApplication,
  oneTimePlace,
  oneTimeToken,
  type Place,
  passwordPlace,
  secretPlaces,
  tokenPlace,
} from '../support/places.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const APPLICATIONS: readonly ApplicationId[] = ['crm', 'shop', 'vault', 'cellar']
/** All with one stored string, so that many passwords can be tried at once: each has free tries of its own. */
const BERTS = Array.from({ length: 40 }, (_, at) => `bert${at}@acme.test`)
/** With strings of our own for one password. */
const OWNS = Array.from({ length: 20 }, (_, at) => `own${at}@acme.test`)
const OWN_PASSWORD = 'another password 2'
/** Wrong passwords that nobody has to wait after. */
const FREE_TRIES = 5
const AT_ONCE = 25
/** A stored password has at least so many characters. */
const SHORT_PASSWORD = 8
/** What is shorter is no other secret, in whatever spelling: a UUID in base64 has 22. */
const SHORT = 20

const FOREIGN = [
  'pbkdf2_sha256$1000$saltysalt$mFrNkv5iSGH91rz48G6wvz9xKZihQ03KmTZTWR8gDAo=',
  '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
  'bcrypt_sha256$$2b$05$wGCr5DoD/AVjuczJ2ZEoouhfVlMLk0REMj1M7VKkqZNlO36heGHjO',
]

const SEATS = APPLICATIONS.map((application) => ({ application }))

/** Of the one house that is stolen at a time: secrets of an endpoint, and a last token. */
let sealed: string[] = []

/** What opens something, and is known to its owner only. */
type Secrets = {
  token: string
  vaultToken: string
  unused: string
  impersonated: string
  made: string
  apiKey: string
}

for (const database of databases) {
  describe(`a stolen database is no stolen session, on ${database}`, () => {
    // Whatever can be made of what is stored, which no database has a part in, is tried on one.
    const isWhole = database === 'sqlite'
    let server: TestServer
    let secrets: Secrets
    let stolenAt = 0
    let forms: Forms
    before(async () => {
      server = await startServer(database, {
        house: SMALL_HOUSE,
        env: { ...TO_THIS_MACHINE, LICENSE_HASH_QUEUE: '500' },
      })
      secrets = await live(server)
      stolenAt = server.clock.now()
      forms = await formsOfEverything(server)
    })
    after(() => server[Symbol.asyncDispose]())

    test('T2: everything that was secret is in the tables only as what it can not be read from', async () => {
      for (const secret of Object.values(secrets)) assert.ok(forms.values.has(secretHash(secret)))
      const known = [
        ...Object.values(secrets),
        ...Object.values(APPLICATION_SECRETS).filter((each) => each !== undefined),
        PASSWORD,
        OWN_PASSWORD,
        ...sealed,
      ]
      for (const value of forms.values)
        for (const secret of known) assert.ok(!value.includes(secret), `${value} holds ${secret}`)
      assert.ok(forms.values.size > 150 && forms.derived.size > 1_000, `${forms.values.size}, ${forms.derived.size}`)
    })

    test('T2: no table was left out: each has rows after such a life', async () => {
      const empty = Object.entries(await allTables(server)).filter(([, rows]) => rows.length === 0)
      assert.deepEqual(
        empty.map(([name]) => name),
        [],
      )
    })

    for (const application of APPLICATIONS) {
      const places: [Place, triesAll: boolean][] = [
        [tokenPlace(application, 'GET get-permissions/'), isWhole && application === 'crm'],
        [oneTimePlace(application), isWhole && application === 'crm'],
      ]
      if (application in APPLICATION_SECRETS)
        for (const place of secretPlaces(application)) places.push([place, isWhole && application === 'vault'])
      for (const [place, triesAll] of places) {
        test(`T2: nothing of it is taken as ${place.name}`, async () => {
          const { tries, least } = triesAll
            ? { tries: forms.derived, least: 1_000 }
            : { tries: forms.pieces, least: 200 }
          const tried = await tryAll(server, place, [...tries])
          assert.ok(tried >= least, `only ${tried} were tried`)
        })
      }
    }

    test('T2: nothing of it is taken as an API key', async () => {
      const tried = await tryAll(server, apiKeyPlace(), [...(isWhole ? forms.derived : forms.pieces)])
      assert.ok(tried >= (isWhole ? 1_000 : 200), `only ${tried} were tried`)
    })

    test('T2: nothing of it is taken as a password, in whichever application', async () => {
      const places = BERTS.map((email, at) => passwordPlace(APPLICATIONS[at % APPLICATIONS.length] ?? 'crm', email))
      await tryPasswords(server, places, [...forms.pieces])
    })

    test('T2: nothing that is stored is the password of a user whose string is our own', async () => {
      const places = OWNS.map((email) => passwordPlace('crm', email))
      const values = isWhole ? forms.values : forms.ofUsers
      const passwords = [...values].filter((value) => value.length >= SHORT_PASSWORD && !/^\d+$/.test(value))
      assert.ok(passwords.length > 50, `only ${passwords.length} were tried`)
      await tryPasswords(server, places, passwords)
    })

    test('T2: the secrets themselves open all of that', async () => {
      const { token, vaultToken, unused, impersonated, made, apiKey } = secrets
      const opened: [Place, string][] = [
        [tokenPlace('crm', 'GET get-permissions/'), token],
        [tokenPlace('vault', 'GET get-permissions/'), vaultToken],
        [tokenPlace('crm', 'GET get-permissions/'), impersonated],
        [apiKeyPlace(), apiKey],
        [passwordPlace('crm', ANNA), PASSWORD],
        ...OWNS.map((email): [Place, string] => [passwordPlace('crm', email), OWN_PASSWORD]),
        ...BERTS.map((email): [Place, string] => [passwordPlace('cellar', email), PASSWORD]),
        ...secretPlaces('vault').map((place): [Place, string] => [place, APPLICATION_SECRETS.vault ?? '']),
        ...secretPlaces('cellar').map((place): [Place, string] => [place, APPLICATION_SECRETS.cellar ?? '']),
      ]
      // At the time at which the database was stolen: the one-time token waits for two minutes, and much was tried since.
      const since = server.clock.now() - stolenAt
      server.clock.advance(-since)
      assert.ok(await oneTimePlace('crm').accepts(server, unused))
      server.clock.advance(since)
      for (const [place, secret] of opened) assert.ok(await place.accepts(server, secret), place.name)
      const answer = await call(server, 'GET get-permissions/', {
        module: 'safe',
        token: await issue(server, ANNA, 'safe'),
        headers: { 'x-license-secret': made },
      })
      assert.equal(answer.status, 200)
    })
  })
}

/** Some of everything: what is stored after it is what a thief finds. */
async function live(server: TestServer): Promise<Secrets> {
  const at = { company: ACME, grants: SEATS }
  await server.seed({
    applications: [
      { id: 'cellar', name: 'Cellar', secret: APPLICATION_SECRETS.cellar ?? '' },
      {
        id: 'safe',
        name: 'Safe',
        source_networks: ['127.0.0.0/8', '::1'],
        permissions: [{ slug: 'open_safe' }],
        roles: [
          { key: 'guard', permissions: ['open_safe'] },
          { key: 'night_guard', company: ACME, permissions: ['open_safe'] },
        ],
      },
    ],
    licenses: [
      { company: ACME, application: 'cellar', from: '2020-01-01', note: 'signed by hand' },
      { company: ACME, application: 'safe', permissions: ['open_safe'], roles: ['guard'], seats: 7 },
    ],
    users: [
      { email: ANNA, companies: [{ company: ACME, grants: [{ application: 'cellar' }, { application: 'safe' }] }] },
      ...BERTS.map((email) => user(email, { companies: [at] })),
      ...FOREIGN.map((password_hash, index) => ({
        email: `foreign${index}@acme.test`,
        password_hash,
        companies: [at],
      })),
      ...OWNS.map((email) => ({ email, password: OWN_PASSWORD, companies: [at] })),
      user('leaver@acme.test', { companies: [at] }),
      user('deleted@acme.test', { companies: [at] }),
      user('changed@acme.test', { companies: [at] }),
    ],
  })
  const made = newSecret('cls_')
  await server.ctx.db.transaction((tx) => setApplicationSecret(tx, 'safe', secretHash(made), server.clock.now()))

  const begin = (application: ApplicationId, email = ANNA) =>
    signIn(server, email, PASSWORD, asApplication(application)).then(({ body }) => body.token as string)
  const [token, vaultToken] = [await begin('crm'), await begin('vault')]
  await call(server, 'POST sign-out/', { token: await begin('shop'), module: 'shop' })
  await signIn(server, 'own0@acme.test', OWN_PASSWORD, {
    ...asApplication('vault'),
    headers: { 'x-license-secret': APPLICATION_SECRETS.vault ?? '', 'x-license-user-address': '192.0.2.7' },
  })
  const body = { token: await oneTimeToken(server, 'crm') }
  const impersonated = (await call(server, 'POST impersonation-validation/', { body })).body.auth_token
  const unused = await oneTimeToken(server, 'crm')

  // Endings of each kind.
  const idOf = async (email: string) => {
    const query = server.ctx.db.read.selectFrom('users').select('id').where('email', '=', email)
    return (await query.executeTakeFirstOrThrow()).id
  }
  for (const email of ['leaver@acme.test', 'deleted@acme.test', 'changed@acme.test']) await begin('crm', email)
  await server.impersonate({ user: 'leaver@acme.test', company: ACME, application: 'crm', reason: 'for an ended one' })
  await removeMember(server.ctx, COMMAND_LINE, { userId: await idOf('leaver@acme.test'), companyId: ACME })
  await switchUser(server.ctx, COMMAND_LINE, await idOf('leaver@acme.test'), false)
  await deleteUser(server.ctx, COMMAND_LINE, { id: await idOf('deleted@acme.test'), email: 'deleted@acme.test' })
  await changePassword(server.ctx, COMMAND_LINE, await idOf('changed@acme.test'), CHEAP_HASH)

  // Refusals of each kind. Not lifted: what is counted is stolen too.
  for (const module of ['shop', 'vault', 'unheard-of', null])
    await call(server, 'GET users/profile/', { token, module })
  for (let times = 0; times < 3; times++) {
    await signIn(server, 'nobody@acme.test', `a wrong password ${times}`)
    await signIn(server, 'carla@globex.test', `a wrong password ${times}`, {
      ...asApplication('vault'),
      headers: { 'x-license-secret': APPLICATION_SECRETS.vault ?? '', 'x-license-user-address': '2001:db8::1' },
    })
  }
  await server.ctx.tokenUse.flush(server.ctx.db)
  await server.ctx.refusals.flush(server.ctx.db)
  const apiKey = await makeKey(server)
  // A file that moves in, its first row stored.
  const file = { kind: 'users', name: 'users.csv', digest: secretHash('a file'), total: 2 }
  const begun = await askFor(201, server, apiKey, 'POST /imports', { body: file })
  const rows = [{ email: 'moved@acme.test', password_hash: CHEAP_HASH }]
  await askFor(200, server, apiKey, `POST /imports/${begun.id}/rows`, { body: { from: 0, rows } })
  sealed = await noteDeliveries(server)
  await noteEvents(server)
  return { token, vaultToken, unused, impersonated, made, apiKey }
}

type Forms = {
  values: ReadonlySet<string>
  /** Those in the table of users. */
  ofUsers: ReadonlySet<string>
  /** The values, and what they are put together from. */
  pieces: ReadonlySet<string>
  /** Those, in other spellings, and secrets made of their bytes. */
  derived: ReadonlySet<string>
}

/** Every value of every column of every table, and what somebody would make of it. */
async function formsOfEverything(server: TestServer): Promise<Forms> {
  const tables = await allTables(server, { withSeals: true })
  const values = valuesOf(Object.values(tables).flat())
  const pieces = new Set([...values].flatMap(piecesOf).filter((piece) => piece !== ''))
  const derived = new Set([...pieces].flatMap((piece) => (piece.length < SHORT ? [piece] : spellingsOf(piece))))
  return { values, ofUsers: valuesOf(tables.users ?? []), pieces, derived }
}

function valuesOf(rows: readonly object[]): Set<string> {
  const values = rows.flatMap((row) => Object.values(row)).filter((value) => value !== null && value !== '')
  return new Set(values.map(String))
}

function piecesOf(value: string): string[] {
  return [value, ...value.split(/[.:/$,;|= ]+/), ...value.split('$'), ...value.split('.')]
}

/** A piece in other spellings, and a secret of every kind that its bytes make. */
function spellingsOf(piece: string): string[] {
  return [
    piece,
    piece.toLowerCase(),
    piece.toUpperCase(),
    `clt_${piece}`,
    `cls_${piece}`,
    ...spellings(Buffer.from(piece)),
    ...(['hex', 'base64'] as const).flatMap((encoding) => readAs(piece, encoding)),
  ]
}

function readAs(piece: string, encoding: 'hex' | 'base64'): string[] {
  // Node reads base64url as base64, too.
  const isWritten = encoding === 'hex' ? /^([0-9a-f]{2})+$/i.test(piece) : /^[A-Za-z0-9+/_-]+=*$/.test(piece)
  const bytes = isWritten ? Buffer.from(piece, encoding) : Buffer.alloc(0)
  if (bytes.length < 10) return []
  const hex = bytes.toString('hex').padEnd(32, '0')
  const uuid = hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const secrets = bytes.length === 32 ? (['clt_', 'cls_'] as const).map((prefix) => secretOf(prefix, bytes)) : []
  return [...spellings(bytes), uuid, ...secrets]
}

function spellings(bytes: Buffer): string[] {
  return [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')]
}

/** As well formed as a given one: prefix, 43 digits, checksum. */
function secretOf(prefix: SecretPrefix, bytes: Buffer): string {
  const body = base62(BigInt(`0x${bytes.toString('hex')}`), 43)
  const secret = prefix + body + base62(BigInt(crc32(prefix + body)), 6)
  assert.ok(isWellFormed(prefix, secret))
  return secret
}

function base62(value: bigint, length: number): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)] + text
  return text
}

async function tryAll(server: TestServer, place: Place, forms: readonly string[]): Promise<number> {
  const sendable = forms.filter((form) => place.carries(form))
  for (let from = 0; from < sendable.length; from += AT_ONCE)
    await refuseAll(server, place, sendable.slice(from, from + AT_ONCE))
  return sendable.length
}

/** Each with one of the accounts, which have the same password, so that nobody has to wait. */
async function tryPasswords(server: TestServer, places: readonly Place[], passwords: readonly string[]): Promise<void> {
  const lot = places.length * FREE_TRIES
  for (let from = 0; from < passwords.length; from += lot) {
    const tries = passwords.slice(from, from + lot)
    const shares = places.map((place, at) => ({
      place,
      tries: tries.filter((_, index) => index % places.length === at),
    }))
    await Promise.all(shares.map((share) => refuseAll(server, share.place, share.tries)))
    await server.lift()
  }
}

async function refuseAll(server: TestServer, place: Place, forms: readonly string[]): Promise<void> {
  const accepted = await Promise.all(forms.map((form) => place.accepts(server, form)))
  assert.deepEqual(
    forms.filter((_, at) => accepted[at]),
    [],
    place.name,
  )
}
