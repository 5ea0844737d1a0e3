import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LicenseClient } from 'cloudspot-license-api'
import pg from 'pg'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { startServing } from '../../src/commands/serving.ts'
import { type Config, readConfig } from '../../src/config.ts'
import { type Context, createContext, createLog } from '../../src/context.ts'
import { SchemeCosts } from '../../src/credentials/password-cost.ts'
import { deleteAllThrottles } from '../../src/credentials/throttle-store.ts'
import { startImpersonation } from '../../src/impersonation/start.ts'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { checkHouse } from '../../src/imports/read-house.ts'
import { seedHouse } from '../../src/imports/seed.ts'
import type { Counts } from '../../src/imports/seeding.ts'
import { copied, copyHouse } from './templates.ts'

export type DatabaseKind = 'sqlite' | 'postgres'

/** `npm test` starts a PostgreSQL and names it here; a single file run by hand goes without. */
const postgres = process.env.TEST_POSTGRES_URL

export const databases: readonly DatabaseKind[] = postgres ? ['sqlite', 'postgres'] : ['sqlite']

export type TestServer = {
  url: string
  ctx: Context
  config: Config
  clock: TestClock
  seed(house: HouseFile): Promise<Counts>
  /** A one-time token; company by id. */
  impersonate(wish: { user: string; company: string; application: string; reason: string }): Promise<string>
  /** Forgets wrong passwords, in tests of something else that need many. */
  lift(): Promise<void>
  license(applicationId: string, options?: { secret?: string }): LicenseClient
  [Symbol.asyncDispose](): Promise<void>
}

/** The machine's clock, plus what a test adds; or one that stands still. */
export type TestClock = {
  now(): number
  advance(milliseconds: number): void
  /** Stands at this moment from now on; `advance` moves it. */
  stopAt(moment: number): void
}

export type TestServerOptions = { env?: Record<string, string>; house?: HouseFile }

/** The machine is the same for all servers of a file: what hashing costs on it is measured by the first one. */
const schemeCosts = new SchemeCosts()

/** The real server on a real database of its own, listening on a free port. */
export async function startServer(database: DatabaseKind, options: TestServerOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'license-'))
  const config = readConfig({
    LICENSE_DATA_DIR: folder,
    LICENSE_PORT: '0',
    LICENSE_LOG_LEVEL: 'fatal',
    // A busy machine is no part of a test.
    LICENSE_HASH_WAIT_SECONDS: '60',
    ...(database === 'postgres' && !options.env?.LICENSE_DATABASE_URL
      ? { LICENSE_DATABASE_URL: await newDatabase(copied) }
      : {}),
    ...options.env,
  })
  copyHouse(config.database)
  const clock = testClock()
  const ctx = await createContext(config, { migrates: 'always', now: clock.now, log: createLog(config), schemeCosts })
  if (options.house) await seedHouse(ctx, checkHouse(options.house))
  const serving = await startServing(ctx)
  return {
    url: serving.url,
    ctx,
    config,
    clock,
    seed: (house) => seedHouse(ctx, checkHouse(house)),
    async impersonate({ user, company, application, reason }) {
      const { id } = await ctx.db.read
        .selectFrom('users')
        .select('id')
        .where('email', '=', user)
        .executeTakeFirstOrThrow()
      const wish = { userId: id, companyId: company, applicationId: application, reason, minutes: 30 }
      return (await startImpersonation(ctx, COMMAND_LINE, wish)).token
    },
    async lift() {
      await ctx.db.transaction(deleteAllThrottles)
    },
    license: (applicationId, more) => new LicenseClient(applicationId, { baseUrl: serving.url, ...more }),
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]()
      await ctx[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function testClock(): TestClock {
  let ahead = 0
  let stopped: number | undefined
  return {
    now: () => (stopped ?? Date.now()) + ahead,
    advance: (milliseconds) => {
      ahead += milliseconds
    },
    stopAt: (moment) => {
      stopped = moment
      ahead = 0
    },
  }
}

let count = 0

/** A new database in the test run's PostgreSQL, with nothing in it unless it is a copy; returns its address. */
export async function newDatabase(copied = ''): Promise<string> {
  if (!postgres) throw new Error('TEST_POSTGRES_URL names no PostgreSQL: run this by `npm test`')
  const name = `test_${process.pid}_${++count}`
  const client = new pg.Client({ connectionString: postgres })
  await client.connect()
  await client.query(`create database ${name}${copied}`)
  await client.end()
  const url = new URL(postgres)
  url.pathname = `/${name}`
  return url.href
}
