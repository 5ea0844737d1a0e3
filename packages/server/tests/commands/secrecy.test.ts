import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { readConfig } from '../../src/config.ts'
import { createContext, createLog } from '../../src/context.ts'
import { openDatabase } from '../../src/db/database.ts'
import { type Call, call, type Reply, signIn } from '../support/calls.ts'
import { ACME, ANNA, FLAT_HOUSE, PASSWORD } from '../support/house.ts'
import { RawConnection } from '../support/raw.ts'
import { type DatabaseKind, databases, newDatabase } from '../support/server.ts'
import { allTables } from '../support/tables.ts'
import { openWire, type Wire } from '../support/wire.ts'
import { type Environment, type Ran, runCommand, type Served, startServe } from './run.ts'

/** What is left of a secret when it is cut is a secret still: so many characters of it are a leak. */
const WINDOW = 10
const PIN = 'q7#x9!'

/** Secrets, and whether some of one is in a text, in whatever spelling. */
class Canaries {
  readonly #windows = new Map<string, string>()

  /** A new secret of random letters. */
  make(kind: string, prefix = ''): string {
    return this.watch(kind, prefix + randomBytes(24).toString('hex'))
  }

  watch(kind: string, secret: string): string {
    assert.ok(secret.length >= WINDOW, `${kind} is too short to be watched`)
    const bytes = Buffer.from(secret)
    const base64 = [0, 1, 2].map((skip) => bytes.subarray(skip).toString('base64url').slice(0, -4))
    for (const form of [secret, secret.toLowerCase(), ...base64, bytes.toString('hex')]) {
      for (let at = 0; at + WINDOW <= form.length; at++) this.#windows.set(form.slice(at, at + WINDOW), kind)
    }
    return secret
  }

  /** Kinds of which some is in it. */
  in(text: string): string[] {
    const found = new Set<string>()
    const plain = text.replaceAll('+', '-').replaceAll('/', '_')
    for (const form of [text, plain]) {
      for (let at = 0; at + WINDOW <= form.length; at++) {
        const kind = this.#windows.get(form.slice(at, at + WINDOW))
        if (kind !== undefined) found.add(kind)
      }
    }
    return [...found].sort()
  }
}

type House = {
  canaries: Canaries
  env: Environment
  wire: Wire | undefined
  password: string
  vaultSecret: string
}

async function newHouse(database: DatabaseKind, folder: string): Promise<House> {
  const canaries = new Canaries()
  const key = canaries.watch('a key of the ring', randomBytes(32).toString('base64'))
  const wire = database === 'postgres' ? await openWire(await newDatabase()) : undefined
  const address = wire && new URL(wire.url)
  if (address) address.password = canaries.make("the database's password")
  const env: Environment = {
    LICENSE_DATA_DIR: folder,
    LICENSE_LOG_LEVEL: 'trace',
    LICENSE_KEYS: JSON.stringify({ current: 'k', keys: { k: key } }),
    ...(address ? { LICENSE_DATABASE_URL: address.href } : {}),
  }
  return {
    canaries,
    env,
    wire,
    password: canaries.make('a password', 'right '),
    vaultSecret: canaries.make("an application's secret"),
  }
}

function houseFile({ password, vaultSecret }: House) {
  const [anna, ...users] = FLAT_HOUSE.users
  const { password_hash: _hash, ...withoutHash } = anna ?? {}
  return {
    ...FLAT_HOUSE,
    applications: FLAT_HOUSE.applications.map((each) =>
      each.id === 'vault' ? { ...each, secret: vaultSecret } : each,
    ),
    users: [{ ...withoutHash, pin: PIN, password }, ...users],
  }
}

/** All that was seen of the server from outside, with where it came from. */
class Seen {
  readonly texts: [string, string][] = []

  add(where: string, text: string): void {
    this.texts.push([where, text])
  }

  /** What an answer says besides its purpose: a sign-in's answer holds the token. */
  addReply(where: string, { status, headers, text }: Reply): void {
    this.add(`${where}: headers`, JSON.stringify([...headers]))
    if (status !== 200) this.add(`${where}: ${status}`, text)
  }
}

type Live = { token: string; vaultToken: string; impersonated: string; oneTime: string; apiKey: string }

/** Each route with a secret in each place that somebody might put it, right and wrong, as old clients and as ours. */
function everyCall({ canaries, password, vaultSecret }: House, live: Live): [string, Call][] {
  const wrong = canaries.make('a wrong password', 'wrong ')
  const odd = `${canaries.make('an odd password')}"\\\n\u0000é漢🐟`
  const badToken = canaries.make('a broken token', 'clt_')
  const badSecret = canaries.make("a wrong application's secret")
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  const signInWith = (username: unknown, word: unknown, more: Call = {}): [string, Call] => [
    'POST authenticate/',
    { ...more, body: { username, password: word } },
  ]
  const vault = { module: 'vault', headers: { 'x-license-secret': vaultSecret } }
  const routes = [
    'GET users/profile/',
    'GET users/permissions/',
    'GET get-permissions/',
    `GET get-company-permissions/${ACME}/`,
    'POST sign-out/',
  ]
  const secrets = [password, live.token, live.oneTime, vaultSecret, badToken]
  return [
    signInWith(ANNA, password),
    signInWith(ANNA, wrong),
    signInWith(ANNA, odd),
    signInWith(password, ANNA),
    signInWith(`${password}@acme.test`, password),
    ...[[wrong], { wrong }, 7, null].map((each) => signInWith(ANNA, each)),
    signInWith([wrong], wrong),
    signInWith(ANNA, password, vault),
    signInWith(ANNA, password, { ...vault, headers: { ...vault.headers, 'x-license-user-address': wrong } }),
    signInWith(ANNA, password, { module: 'attic' }),
    signInWith(ANNA, password, { module: 'till' }),
    signInWith(ANNA, wrong, { module: 'press' }),
    signInWith('gina@example.test', password),
    ...['{"password":"', '{"password":', '[', '{"a":1} ', ''].map((before): [string, Call] => [
      'POST authenticate/',
      { raw: `${before}${wrong}` },
    ]),
    ['POST authenticate/', { raw: `{"password":"${wrong}"${' '.repeat(17_000)}}` }],
    ['POST authenticate/', { raw: wrong, headers: { 'content-type': wrong } }],
    ...secrets.flatMap((token): [string, Call][] => [
      ['POST impersonation-validation/', { body: { token } }],
      [
        'POST impersonation-validation/',
        { module: 'vault', body: { token }, headers: { 'x-license-secret': badSecret } },
      ],
      ['POST impersonation-validation/', { body: { token: [token] } }],
      ...routes
        .filter((line) => token !== live.token || !line.includes('sign-out'))
        .flatMap((line): [string, Call][] => [
          [line, { token }],
          [line, { token, module: 'till' }],
          [line, { module: 'vault', token, headers: { 'x-license-secret': badSecret } }],
          [line, { module: 'vault', token, headers: basic(`vault:${vaultSecret}`) }],
          [line, { module: 'vault', token, headers: basic(`vault:${badSecret}`) }],
          [line, { token, headers: { authorization: `Bearer ${token}`, cookie: `token=${token}` } }],
        ]),
      [`GET get-company-permissions/${encodeURIComponent(token)}/`, { token: live.token }],
      [`GET /api/v1/auth/${encodeURIComponent(token)}/`, { token: live.token }],
      [`GET get-permissions/?token=${encodeURIComponent(token)}`, { token: live.token }],
      [`GET /livez?token=${encodeURIComponent(token)}`, {}],
      [`DELETE get-permissions/?token=${encodeURIComponent(token)}`, {}],
      ['GET get-permissions/', { token, headers: { 'x-forwarded-for': token, 'x-license-client': token } }],
    ]),
    // In each other's place: a live token beside them, so that the refusal is noted.
    ...[live.token, vaultSecret, badToken, live.oneTime].map((module): [string, Call] => [
      'GET get-permissions/',
      { module, token: live.token },
    ]),
    ...[live.token, badToken].map((id): [string, Call] => [
      'GET get-permissions/',
      { token: live.token, headers: { 'x-request-id': id } },
    ]),
    ...adminCalls(canaries, live, password),
    ['GET get-permissions/', { token: live.impersonated }],
    ['GET get-permissions/', { ...vault, token: live.vaultToken }],
    ['GET /readyz', { token: live.token }],
  ]
}

/** The same of the admin API: secrets as keys, in bodies, in addresses. */
function adminCalls(canaries: Canaries, live: Live, password: string): [string, Call][] {
  const admin = (line: string, more: Call = {}, key = live.apiKey): [string, Call] => {
    const [method = '', path = ''] = line.split(' ')
    return [`${method} /api/v1/admin${path}`, { ...more, headers: { authorization: `Bearer ${key}` } }]
  }
  const fresh = canaries.make('a new password', 'new ')
  const badKey = canaries.make('a broken key', 'clk_')
  const nobody = '00000000-0000-7000-8000-00000000dead'
  return [
    admin('GET /users'),
    admin('GET /audit'),
    admin('GET /api-keys'),
    ...[badKey, live.token, live.oneTime, encodeURIComponent(password)].map((key) => admin('GET /users', {}, key)),
    admin('POST /users', { body: { email: 'fresh@acme.test', password: fresh } }),
    admin('POST /users', { body: { email: password, password: fresh } }),
    admin('POST /users', { body: { email: 'fresh2@acme.test', password: [fresh] } }),
    admin('POST /users', { body: { email: 'fresh2@acme.test', [fresh]: 1 } }),
    admin('POST /users', { body: { email: 'fresh2@acme.test', password: fresh.slice(0, 11) } }),
    ...[
      { email: 'fresh2@acme.test', password_hash: fresh },
      { email: `${fresh}@@`, first_name: fresh, id: fresh, created_at: fresh },
      { email: 'fresh2@acme.test', [fresh]: 1 },
    ].map((row) => admin('POST /imports/check', { body: { rows: [row] } })),
    admin(`PUT /users/${nobody}/password`, { body: { password: fresh } }),
    admin(`PUT /users/${nobody}/password`, { body: { password: { [fresh]: fresh } } }),
    admin(`PATCH /users/${nobody}`, { raw: `{"pin":"${fresh}` }),
    admin('POST /applications/shop/secret'),
    admin('DELETE /applications/shop/secret'),
    admin('POST /api-keys', { body: { name: 'another' } }),
    admin(`DELETE /api-keys/${encodeURIComponent(live.apiKey)}`),
    admin(`GET /users/${encodeURIComponent(live.token)}`),
    admin(`GET /nowhere?key=${live.apiKey}`),
  ]
}

const NORMAL = 'as it should be'

/** As both kinds of clients; where something is broken, in turn. */
async function askAll(house: House, served: Served, live: Live, seen: Seen, when: string): Promise<void> {
  let isRich = false
  // Made anew by a sign-in, which writes the row of the user: where that fails it stays as it is.
  const imported: [string, Call] = [
    'POST authenticate/',
    { body: { username: 'carla@globex.test', password: PASSWORD } },
  ]
  for (const [line, wish] of [...everyCall(house, live), ...(when === NORMAL ? [] : [imported])]) {
    isRich = !isRich
    for (const rich of when === NORMAL ? [false, true] : [isRich]) {
      const reply = await call(served, line, { ...wish, rich })
      if (reply.status === 200 && line.includes('authenticate')) house.canaries.watch('a token', reply.body.token)
      // What is asked for is told to whoever asks, once.
      const told: string | undefined = reply.status === 201 ? (reply.body.secret ?? reply.body.key) : undefined
      if (told !== undefined) {
        house.canaries.watch('what was just made', told)
        continue
      }
      seen.addReply(`${when}, ${line.slice(0, 40)}`, reply)
    }
  }
  for (const bytes of [
    `GET /${house.password}\r\n\r\n`,
    `POST /api/v1/auth/authenticate/ HTTP/1.1\r\nHost: x\r\nX-LICENSE-TOKEN ${live.token}\r\n\r\n`,
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${house.password}`,
    `GET / HTTP/1.1\r\nHost: x\r\nX-LICENSE-SECRET: ${house.vaultSecret.repeat(400)}\r\n\r\n`,
  ]) {
    using connection = await RawConnection.open(served)
    connection.send(bytes)
    seen.add(`${when}, ${bytes.slice(0, 8)}`, (await connection.reply()).text)
  }
  seen.add(`${when}, metrics`, await (await fetch(served.metricsUrl)).text())
}

/** A command line: what it prints is seen, but where the secret is what it is asked for. */
type Line = { args: readonly string[]; input?: string; env?: Environment; purpose?: string }

function everyCommand(house: House, live: Live, folder: string): Line[] {
  const { canaries, vaultSecret, env } = house
  const fresh = canaries.make('a new password', 'new ')
  const short = canaries.make('a password that is refused').slice(0, 11)
  const onPostgres = env.LICENSE_DATABASE_URL
  return [
    { args: ['user', 'list', '--json'] },
    { args: ['user', 'set-password', 'olga@house.test', '--password-stdin'], input: fresh },
    { args: ['user', 'set-password', 'olga@house.test'], input: short },
    { args: ['user', 'set-password', 'olga@house.test'], input: `${fresh}\n${fresh}` },
    { args: ['user', 'set-password', 'nobody@acme.test'], input: fresh },
    { args: ['user', 'disable', 'felix@acme.test', '--json'] },
    { args: ['token', 'list', '--json'] },
    { args: ['token', 'revoke', live.vaultToken] },
    { args: ['token', 'revoke', `${live.token}x`] },
    { args: ['token', 'revoke', vaultSecret] },
    { args: ['application', 'list', '--json'] },
    { args: ['application', 'secret', 'shop', '--json'], purpose: 'a new secret' },
    { args: ['application', 'secret', 'shop', '--remove'] },
    { args: ['throttle', 'list', '--json'] },
    { args: ['key', 'create', '--name', 'one', '--support'], purpose: 'a new key' },
    { args: ['key', 'list', '--json'] },
    { args: ['key', 'revoke', live.apiKey] },
    { args: ['audit', 'verify', '--json'] },
    { args: ['audit', 'anchor', '--json'] },
    { args: ['explain', ANNA, '--json'] },
    { args: ['doctor'] },
    { args: ['keys', 'list', '--json'] },
    { args: ['keys', 'check'] },
    { args: ['keys', 'add'], purpose: 'a ring with a new key' },
    { args: ['keys', 'remove', 'k'] },
    { args: ['member', 'take-seat', ANNA, '--company', 'Globex', '--application', 'shop'] },
    { args: ['backup', join(folder, 'backup.db')] },
    { args: ['restore', join(folder, 'backup.db')] },
    { args: ['migrate'] },
    { args: ['export', '-'], purpose: 'the whole house, PINs among it' },
    { args: ['export', join(folder, 'house.ndjson'), '--json'] },
    { args: ['import', join(folder, 'house.ndjson')] },
    ...[fresh, `{"format":"cloudspot-license-house","${fresh}":1}`].map((input) => ({ args: ['import', '-'], input })),
    { args: ['move', `postgres://license:${fresh}@127.0.0.1:1/license`] },
    { args: ['move', `mysql://license:${fresh}@127.0.0.1/license`] },
    { args: ['seed', '-'], input: JSON.stringify(houseFile(house)) },
    ...[
      `{"users":[{"email":"new@acme.test","password":"${fresh}"`,
      fresh,
      // All that is wrong in a house file is told at once.
      JSON.stringify({
        applications: [
          { id: 'blanks', secret: `${fresh} with blanks` },
          { id: 'list', secret: [fresh] },
        ],
        users: [
          { email: 'new1@acme.test', password: [fresh] },
          { email: 'new2@acme.test', password: fresh, nonsense: fresh },
          { email: 'new3@acme.test', password: { [fresh]: fresh } },
        ],
      }),
      JSON.stringify({
        users: [
          { email: 'new1@acme.test', password: short },
          { email: 'new2@acme.test', password_hash: fresh },
          { email: 'new3@acme.test', password: fresh, password_hash: fresh },
        ],
      }),
    ].map((input) => ({ args: ['seed', '-'], input })),
    ...(onPostgres === undefined
      ? withWrongSettings(env, fresh)
      : ['migrate', 'doctor'].map((command) => ({
          args: [command],
          env: { ...env, LICENSE_DATABASE_URL: onPostgres.replace(/\/[^/]*$/, '/no_such_database') },
        }))),
  ]
}

/** No database has a part in it. */
function withWrongSettings(env: Environment, secret: string): Line[] {
  const wrong: Environment[] = [
    {
      LICENSE_KEYS: `{"current":"k","keys":{"k":"${secret}"}}`,
      LICENSE_DATABASE_URL: `mysql://license:${secret}@localhost/license`,
      LICENSE_PUBLIC_URL: `license:${secret}@license.example`,
      LICENSE_DATABASE_PASSWORD: secret,
    },
    { LICENSE_KEYS: secret, LICENSE_DATABASE_URL: `postgres://license:${secret}%zz@[/license` },
  ]
  const away = (host: string) => ({ LICENSE_DATABASE_URL: `postgres://license:${secret}@${host}/license` })
  const lines: [string[], Environment][] = [
    ...wrong.flatMap((each): [string[], Environment][] => [
      [['migrate'], each],
      [['doctor'], each],
    ]),
    [['user', 'list'], away('127.0.0.1:1')],
    [['serve'], away('127.0.0.1:1')],
    [['doctor'], away('no.such.host.invalid')],
    [['backup', '/nowhere/backup.db'], away('127.0.0.1:1')],
  ]
  return lines.map(([args, more]) => ({ args, env: { ...env, ...more } }))
}

async function runAll(house: House, live: Live, folder: string, seen: Seen): Promise<void> {
  const run = async ({ args, input, env, purpose }: Line): Promise<void> => {
    const ran: Ran = await runCommand(env ?? house.env, args, input)
    const shown = args.join(' ').slice(0, 40)
    assert.doesNotMatch(ran.stderr, /\n {4}at /, `${shown} broke: ${ran.stderr}`)
    if (purpose === undefined) seen.add(`${shown}: standard output`, ran.stdout)
    seen.add(`${shown}: standard error`, ran.stderr)
  }
  for (const line of everyCommand(house, live, folder)) await run(line)
}

for (const database of databases) {
  describe(`nothing secret is told, on ${database}`, () => {
    test('O1: no secret is in the log at its loudest, in headers, refusals, metrics, tables, nor in what commands print', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'license-secrecy-'))
      const house = await newHouse(database, folder)
      const seen = new Seen()
      try {
        const { stdout, stderr, code } = await runCommand(house.env, ['seed', '-'], JSON.stringify(houseFile(house)))
        assert.equal(code, 0, stderr)
        seen.add('seed', stdout + stderr)
        const served = await startServe(house.env)
        try {
          const live = await beginSessions(house, served)
          await askAll(house, served, live, seen, NORMAL)
          await runAll(house, live, folder, seen)
          await whileBroken(house, (how) => askAll(house, served, live, seen, how))
          if (house.wire) {
            await house.wire.cut()
            await askAll(house, served, live, seen, 'without the database')
            await house.wire.mend()
          }
        } finally {
          await served.stop()
        }
        const log = served.log()
        seen.add('the log', log)
        for (const [table, rows] of Object.entries(await tablesOf(house)))
          for (const row of rows) seen.add(`the table ${table}`, JSON.stringify(row))

        const leaks = seen.texts.flatMap(([where, text]) => house.canaries.in(text).map((kind) => `${where}: ${kind}`))
        assert.deepEqual([...new Set(leaks)], [])

        // Nor what is no secret, and nobody's business either.
        for (const [where, text] of seen.texts) {
          if (where.startsWith('the table')) continue
          assert.ok(!text.includes(PIN) && !/\$argon2\w+\$v=|pbkdf2_sha256\$\d/.test(text), where)
        }

        // There was something to look through.
        assert.match(log, /"level":"debug"[^\n]*"route":"\/api\/v1\/auth\/authenticate\/"[^\n]*"status":200/)
        assert.match(log, /"msg":"internal_error"/)
        if (house.wire) assert.match(log, /"msg":"database_unavailable"/)
        assert.ok(seen.texts.length > 300, `${seen.texts.length} texts`)
      } finally {
        await house.wire?.[Symbol.asyncDispose]()
        rmSync(folder, { recursive: true, force: true })
      }
    })
  })
}

test('O1: a secret is found in whatever it is put, also a part of it', () => {
  const canaries = new Canaries()
  const secret = canaries.make('a secret')
  const told = [
    secret,
    `before ${secret} after`,
    `Unexpected token, "...${secret.slice(20, 32)}"... is not valid JSON`,
    Buffer.from(`vault:${secret}`).toString('base64'),
    Buffer.from(`x${secret}`).toString('base64url'),
    JSON.stringify({ a: [secret] }),
    encodeURIComponent(`p ${secret}`),
  ]
  for (const text of told) assert.deepEqual(canaries.in(text), ['a secret'], text)
  for (const text of ['', secret.slice(0, 9), randomBytes(500).toString('hex')]) assert.deepEqual(canaries.in(text), [])
})

async function beginSessions({ canaries, env, password, vaultSecret }: House, served: Served): Promise<Live> {
  const vault = { module: 'vault', headers: { 'x-license-secret': vaultSecret } }
  const impersonate = async () => {
    const args = ['impersonate', ANNA, '--company', 'ACME', '--application', 'crm', '--reason', 'O1', '--json']
    const { stdout, stderr } = await runCommand(env, args)
    assert.deepEqual(canaries.in(stderr), [])
    return canaries.watch('a one-time token', JSON.parse(stdout).token)
  }
  const makeKey = async () => {
    const { stdout, stderr } = await runCommand(env, ['key', 'create', '--name', 'O1', '--operator', '--json'])
    assert.deepEqual(canaries.in(stderr), [])
    return canaries.watch('an API key', JSON.parse(stdout).key)
  }
  const tokenOf = (reply: Reply) => canaries.watch('a token', reply.body.token)
  const exchanged = await call(served, 'POST impersonation-validation/', { body: { token: await impersonate() } })
  return {
    token: tokenOf(await signIn(served, ANNA, password)),
    vaultToken: tokenOf(await signIn(served, ANNA, password, vault)),
    impersonated: canaries.watch('an impersonated token', exchanged.body.auth_token),
    oneTime: await impersonate(),
    apiKey: await makeKey(),
  }
}

/** With tables that are gone, or that take nothing, every act of the server's fails in the middle. */
async function whileBroken({ env }: House, act: (how: string) => Promise<void>): Promise<void> {
  const { database } = readConfig(env)
  const change = async (statement: string) => {
    const db = openDatabase(database, { poolSize: 1, onIdleError: () => undefined })
    await db.transaction(async (tx) => {
      await sql.raw(statement).execute(tx)
    })
    await db.close()
  }
  for (const table of ['users', 'tokens', 'throttles']) {
    await change(`alter table ${table} rename to ${table}_gone`)
    await act(`without ${table}`)
    await change(`alter table ${table}_gone rename to ${table}`)
  }
  if (database.kind === 'sqlite') return
  // PostgreSQL tells the row that it refuses.
  for (const table of ['users', 'tokens']) {
    await change(`alter table ${table} add constraint nothing_more check (false) not valid`)
    await act(`with ${table} that take nothing`)
    await change(`alter table ${table} drop constraint nothing_more`)
  }
}

async function tablesOf({ env }: House) {
  await using ctx = await createContext(readConfig(env), { log: createLog({ logLevel: 'silent' }) })
  return await allTables({ ctx }, { withSeals: true })
}
