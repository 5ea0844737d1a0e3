import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import { countCompanies } from '../access/explain-store.ts'
import { countStrayGrants, listMiscountedLicenses } from '../access/seat-holders.ts'
import type { Config } from '../config.ts'
import { newestIssuedAt } from '../credentials/token-store.ts'
import { fileFaults, isSqliteFile, openForReading, whatFailed } from '../db/backup.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { schemaState } from '../db/migrate.ts'
import { listApplications } from '../directory/application-store.ts'
import { countForeignPasswords, countUsers } from '../directory/user-store.ts'
import { writeMoment } from '../domain/day.ts'
import { examineKeys } from '../keys/examine.ts'
import { ringPlace } from '../keys/house-keys.ts'
import { type Check, fault, ok, some } from './doctor-check.ts'
import { checkDeliveries } from './doctor-deliveries.ts'
import { checkRing } from './doctor-keys.ts'
import { checkTrees } from './doctor-trees.ts'
import { checkUpstream } from './doctor-upstream.ts'

/** Nothing of ours is older: a clock before it is wrong. */
const FIRST_RELEASE = Date.UTC(2026, 0, 1)
const CLOCK_TOLERANCE_MS = 5 * 60_000

/** Everything that is asked of the database. What can't be asked is said, and not asked further. */
export async function checkDatabase(config: Config, now: number): Promise<Check[]> {
  const { database: address } = config
  if (address.kind === 'sqlite') {
    const { file } = address
    if (!existsSync(file))
      return [
        fault('database', `there is none at ${file}. Run \`license-server migrate\` or \`license-server seed FILE\`.`),
      ]
    if (!isSqliteFile(file))
      return [fault('database', `${file} is no SQLite file. Restore a backup: \`license-server restore FILE\`.`)]
  }
  let database: Database | undefined
  try {
    database =
      address.kind === 'sqlite'
        ? openForReading(address.file)
        : openDatabase(address, { poolSize: 2, onIdleError: () => undefined })
    await sql`select 1`.execute(database.read)
  } catch (error) {
    await database?.close()
    return [fault('database', `it does not answer: ${whatFailed(error)}. Check LICENSE_DATABASE_URL and that it runs.`)]
  }
  try {
    return await checkHouse(config, database, now)
  } finally {
    await database.close()
  }
}

async function checkHouse(config: Config, database: Database, now: number): Promise<Check[]> {
  const kind = database.kind === 'sqlite' ? `SQLite, ${database.file}` : 'PostgreSQL'
  const checks: Check[] = [ok('database', `it answers (${kind}).`)]
  if (database.kind === 'sqlite') checks.push(await attempt('database file', () => checkFile(database)))
  const schema = await attempt('schema', () => checkSchema(database))
  checks.push(schema)
  // On a schema that is not ours, the rest would only repeat that.
  if (schema.state === 'fault') return checks
  const { read } = database
  checks.push(
    await attempt('key ring', async () => checkRing(await examineKeys(read, ringPlace(config)))),
    await attempt('clock', async () => checkClock(now, await newestIssuedAt(read), config.timeZone)),
    await attempt('seats', () => checkSeats(database)),
    await attempt('grants', () => checkGrants(database)),
    await attempt('permissions', () => checkTrees(read)),
    await attempt('secrets', () => checkSecrets(config, database)),
    await attempt('passwords', () => checkPasswords(database)),
    ...(await attemptAll('events', () => checkDeliveries(read, config.timeZone))),
    ...(await checkUpstream(config, read, now).catch((error) => [
      fault('upstream', `it can't be checked: ${whatFailed(error)}.`),
    ])),
    await attempt('house', () => countAll(database)),
  )
  return checks
}

async function attemptAll(name: string, check: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await check()
  } catch (error) {
    return [fault(name, `it can't be checked: ${whatFailed(error)}.`)]
  }
}

async function attempt(name: string, check: () => Promise<Check>): Promise<Check> {
  const [checked] = await attemptAll(name, async () => [await check()])
  return checked ?? fault(name, "it can't be checked.")
}

async function checkFile({ read }: Database): Promise<Check> {
  const faults = await fileFaults(read)
  if (faults.length === 0) return ok('database file', 'it is sound, and every reference in it holds.')
  return fault(
    'database file',
    `it is broken: ${faults.join('; ')}. Restore a backup: \`license-server restore FILE\`.`,
  )
}

async function checkSchema(database: Database): Promise<Check> {
  const schema = await schemaState(database)
  if (schema.state === 'current') return ok('schema', 'it is the one of this program.')
  if (schema.state === 'empty')
    return fault('schema', 'the database is empty. Run `license-server migrate` or `license-server seed FILE`.')
  if (schema.state === 'behind') {
    return fault('schema', `it lacks ${schema.pending.join(', ')}. Make a backup, then run \`license-server migrate\`.`)
  }
  if (schema.state === 'newer' && schema.mayRun)
    return {
      name: 'schema',
      state: 'warning',
      says: 'it is of a newer program, beside which this one may still run. Update soon.',
    }
  return fault('schema', 'it is of a newer program that this one can not run beside. Update this program.')
}

function checkClock(now: number, newest: number, zone: string): Check {
  const says = `it is ${writeMoment(now, zone)}`
  if (now < FIRST_RELEASE)
    return fault('clock', `${says}, which is before this program was made. Set the clock of this machine.`)
  if (newest > now + CLOCK_TOLERANCE_MS) {
    return fault(
      'clock',
      `${says}, but someone signed in on ${writeMoment(newest, zone)}. Set the clocks of the machines that serve.`,
    )
  }
  return ok('clock', `${says}, not before the newest sign-in.`)
}

async function checkSeats({ read }: Database): Promise<Check> {
  const miscounted = await listMiscountedLicenses(read)
  if (miscounted.length === 0) return ok('seats', 'every license counts as many as are held.')
  const list = miscounted.map(
    (each) => `${each.company} for ${each.application} counts ${each.noted}, held are ${each.held}`,
  )
  return fault('seats', `the count is wrong: ${some(list, '; ')}.`)
}

async function checkGrants({ read }: Database): Promise<Check> {
  const stray = await countStrayGrants(read)
  if (stray === 0) return ok('grants', 'each that is in force is under its own seat.')
  const says = `${stray} in force ${stray === 1 ? 'is' : 'are'} under no seat, or another's. Whoever changed the database by hand should take it back, or restore a backup.`
  return fault('grants', says)
}

async function checkSecrets(config: Config, { read }: Database): Promise<Check> {
  const open = (await listApplications(read)).filter((each) => each.isActive && !each.hasSecret).map((each) => each.id)
  if (open.length === 0) return ok('secrets', 'every application has one.')
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(config.publicUrl).hostname)
  if (isLocal) return ok('secrets', `without one: ${some(open)}; that will do on this machine alone.`)
  const says = `without one: ${some(open)}. Whoever knows such an id can ask as that application. If its client can send one: \`license-server application secret ID\`.`
  return { name: 'secrets', state: 'warning', says }
}

async function checkPasswords({ read }: Database): Promise<Check> {
  const foreign = await countForeignPasswords(read)
  if (foreign === 0) return ok('passwords', 'all are hashed by this program.')
  const says = `${foreign === 1 ? '1 is' : `${foreign} are`} still hashed as imported. Each is hashed anew when its user signs in.`
  return { name: 'passwords', state: 'warning', says }
}

async function countAll({ read }: Database): Promise<Check> {
  const counts = [
    [await countUsers(read), 'user', 'users'],
    [await countCompanies(read), 'company', 'companies'],
    [(await listApplications(read)).length, 'application', 'applications'],
  ] as const
  return ok('house', `it has ${counts.map(([count, one, many]) => `${count} ${count === 1 ? one : many}`).join(', ')}.`)
}
