import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealAll } from '../../src/audit/chain.ts'
import { readConfig } from '../../src/config.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import type { Environment } from '../commands/run.ts'
import { askFor, BERT, ACME as MANAGED_ACME, MANAGED_HOUSE, makeKey } from './admin.ts'
import { signIn } from './calls.ts'
import { TO_THIS_MACHINE } from './hook-receiver.ts'
import { ACME, ANNA, issue, PASSWORD, SMALL_HOUSE } from './house.ts'
import { type DatabaseKind, newDatabase, startServer, type TestServer } from './server.ts'
import { allTables, type Rows } from './tables.ts'

/** A house that nobody serves: its settings, what opened it, and what is in it. */
export type FullHouse = Disposable & {
  env: Environment
  folder: string
  /** A sign-in, and a one-time token that nobody has used. */
  token: string
  oneTime: string
  apiKey: string
  tables(): Promise<Record<string, Rows>>
}

/** Another place on the same key ring, with nothing in it. */
export async function emptyPlace(of: Pick<FullHouse, 'folder'>, kind: DatabaseKind) {
  const folder = mkdtempSync(join(tmpdir(), 'license-moved-'))
  writeFileSync(join(folder, 'keys.json'), readFileSync(join(of.folder, 'keys.json')), { mode: 0o600 })
  return placeAt(folder, await addressFor(kind, folder))
}

function addressFor(kind: DatabaseKind, folder: string): Promise<string> {
  return kind === 'postgres' ? newDatabase() : Promise.resolve(`sqlite:${join(folder, 'license.db')}`)
}

function placeAt(folder: string, url: string) {
  const env: Environment = { LICENSE_DATA_DIR: folder, LICENSE_DATABASE_URL: url }
  return {
    env,
    folder,
    url,
    tables: () => tablesOf(env),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export function tablesOf(env: Environment): Promise<Record<string, Rows>> {
  return onDatabase(env, (db) => allTables({ ctx: { db } }, { withSeals: true }))
}

/** Opens the database of these settings for some work beside any server, and closes it. */
export async function onDatabase<T>(env: Environment, work: (db: Database) => Promise<T>): Promise<T> {
  const db = openDatabase(readConfig(env).database, { poolSize: 1, onIdleError: () => undefined })
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

/** Something in every table, names in any writing, more rows than one page has, and numbers that are used no more. */
export async function fullHouse(kind: DatabaseKind): Promise<FullHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'license-full-'))
  const place = placeAt(folder, await addressFor(kind, folder))
  const { env } = place
  const opens = await fill(kind, env)
  await noteDue(env)
  return { ...place, ...opens }
}

async function fill(kind: DatabaseKind, env: Environment) {
  await using server = await startServer(kind, { house: SMALL_HOUSE, env: { ...env, ...TO_THIS_MACHINE } })
  await server.seed(MANAGED_HOUSE_BESIDE)
  const key = await makeKey(server)
  const digest = 'A'.repeat(43)
  const file = { kind: 'users', name: 'Ünïcode ünd so.csv', digest, total: 1_203, options: { company: ACME } }
  const { id } = await askFor(201, server, key, 'POST /imports', { body: file })
  for (let from = 0; from < 1_200; from += 400) {
    const rows = Array.from({ length: 400 }, (_, nth) => ({
      email: `user${from + nth}@moved.test`,
      first_name: NAMES[nth % NAMES.length],
      last_name: `${NAMES[(nth * 7) % NAMES.length]} ${from + nth}`,
    }))
    await askFor(200, server, key, `POST /imports/${id}/rows`, { body: { from, rows } })
  }
  // The last seat is taken away: its number is not given again.
  const member = `/companies/${MANAGED_ACME}/seats/side/${BERT}`
  await askFor(200, server, key, `PUT ${member}`, { body: {} })
  await askFor(204, server, key, `DELETE ${member}`)
  const { id: gone } = await askFor(201, server, key, 'POST /users', { body: { email: 'gone@moved.test' } })
  await askFor(204, server, key, `DELETE /users/${gone}`)
  const signedIn = await signIn(server, ANNA, PASSWORD, {
    module: 'vault',
    headers: { 'x-license-secret': 'the-vault-opens-at-nine', 'x-license-user-address': '192.0.2.7' },
  })
  if (signedIn.status !== 200) throw new Error(signedIn.text)
  await signIn(server, 'carla@globex.test', 'not her password')
  const token = await issue(server, ANNA, 'crm')
  // A token of another application is noted.
  await fetch(`${server.url}/api/v1/auth/get-permissions/`, {
    headers: { 'x-license-module': 'shop', 'x-license-token': token },
  })
  const oneTime = await server.impersonate({ user: ANNA, company: ACME, application: 'crm', reason: 'A\r\n\u2028call' })
  await sealAll(server.ctx.db, server.ctx.keys)
  await noteDeliveries(server)
  await noteEvents(server)
  return { token, oneTime, apiKey: key }
}

/** Where no server works it off. */
async function noteDue(env: Environment): Promise<void> {
  const of = { user_id: BERT, company_id: null, application_id: null }
  const due = { ...of, id: 'a-mark', place: null, at: 1, worked_at: 1 }
  await onDatabase(env, (db) => db.transaction((tx) => tx.insertInto('due').values(due).execute()))
}

/** Where nobody listens: an endpoint with two secrets, a try that failed, and the last token of a site before 6.2. Gives its secrets. */
export async function noteDeliveries(server: TestServer): Promise<string[]> {
  const key = await makeKey(server)
  const path = '/applications/vault/endpoints'
  const { id, secret } = await askFor(201, server, key, `POST ${path}`, { body: { url: 'http://127.0.0.1:9/hook' } })
  const rotated = await askFor(201, server, key, `POST ${path}/${id}/secret`, { body: {} })
  await askFor(200, server, key, `POST ${path}/${id}/ping`)
  await askFor(200, server, key, 'PATCH /applications/vault', { body: { django_before_6_2: true } })
  return [secret, rotated.secret, await issue(server, ANNA, 'vault')]
}

/** One of each that is told. */
export async function noteEvents({ ctx }: Pick<TestServer, 'ctx'>): Promise<void> {
  const [at, version] = [ctx.now(), ctx.now()]
  await ctx.db.transaction(async (tx) => {
    const of = { application_id: 'crm', user_id: BERT, company_id: MANAGED_ACME }
    await tx
      .insertInto('announced')
      .values({ ...of, version, permissions: 'list use_app' })
      .execute()
    const data = JSON.stringify({ user: { id: BERT, email: 'bert@acme.test' }, note: 'é 😀' })
    await tx
      .insertInto('told')
      .values({ subject: 'user', subject_id: BERT, application_id: 'crm', version, data })
      .execute()
    const event = { ...of, type: 'user.created', version, data, changed: null, created_at: at, erase_at: null }
    await tx
      .insertInto('events')
      .values([
        { ...event, id: 'first', seq: 1 },
        { ...event, id: 'second', seq: null },
      ])
      .execute()
  })
}

const NAMES = [
  'anna',
  'Ánna',
  'ANNA',
  'Ångström',
  'ßharp',
  'Zoë',
  '李雷',
  '😀 Smile',
  "O'Neil",
  '"Quote"',
  'a\tb',
  'éé',
  'z',
  '_',
  '\u{10FFFE}',
]

/** The other house of the tests, without what it shares with the small one. */
const MANAGED_HOUSE_BESIDE = {
  companies: MANAGED_HOUSE.companies.map((company) => ({ ...company, name: `${company.name} & Sons` })),
  applications: MANAGED_HOUSE.applications.filter(({ id }) => id === 'crm').map((app) => ({ ...app, id: 'side' })),
  licenses: MANAGED_HOUSE.licenses
    .filter(({ application }) => application === 'crm')
    .map((license) => ({ ...license, application: 'side', roles: ['clerk'] })),
  users: MANAGED_HOUSE.users
    .filter(({ email }) => email.startsWith('b'))
    .map(({ companies, ...user }) => ({
      ...user,
      companies: companies?.map(({ company }) => ({ company })) ?? [],
    })),
}
