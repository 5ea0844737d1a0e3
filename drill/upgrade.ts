import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { readConfig } from '../packages/server/src/config.ts'
import { openDatabase } from '../packages/server/src/db/database.ts'
import { makeReleased, RELEASED, RELEASES } from '../packages/server/tests/support/released.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { lookUp, signIn } from './support/http.ts'
import { newPlace, type Place } from './support/place.ts'
import { type Program, runCommand, startFile, startProgram, startServer } from './support/process.ts'
import { count, seconds } from './support/table.ts'

const MIGRATE_LONG = fileURLToPath(new URL('support/migrate-long.ts', import.meta.url))

export const drill: Drill = {
  promise: 'D5',
  title: 'every released schema upgrades, also when it is killed',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const kills = env.quick ? 3 : 20
    const lines: Measured[] = []
    // In the short form the first one, whose way is the longest.
    for (const release of env.quick ? RELEASES.slice(0, 1) : RELEASES) {
      const house = await releasedHouse(env, release, env.quick ? 6_000 : 60_000)
      lines.push(await killMigrations(env, house, kills), await killServes(env, house, kills))
    }
    return lines
  },
}

/** A house as a released program left it; `restore` puts it back as it was. */
type House = Place & { release: string; users: number; digest: string; restore(): Promise<void> }

async function releasedHouse(env: DrillEnv, release: string, users: number): Promise<House> {
  const made = await newPlace(env)
  const settings = { ...made.settings, LICENSE_KEYS: RELEASED.keys }
  const database = openDatabase(readConfig(settings).database, {
    poolSize: 1,
    onIdleError: () => undefined,
    isPatient: true,
  })
  await makeReleased(database, release, users)
  await database.close()
  const restore = env.database === 'sqlite' ? keepFile(env, made) : await keepDatabase(env, settings)
  return { ...made, settings, release, users, restore, digest: await digest(made) }
}

function keepFile(env: DrillEnv, { folder }: Place): House['restore'] {
  const kept = join(env.stage.folder(), 'released.db')
  const file = join(folder, 'license.db')
  copyFileSync(file, kept)
  return async () => {
    mkdirSync(folder, { recursive: true })
    for (const beside of ['', '-wal', '-shm']) rmSync(file + beside, { force: true })
    copyFileSync(kept, file)
  }
}

async function keepDatabase(env: DrillEnv, settings: Place['settings']): Promise<House['restore']> {
  const cluster = await env.stage.postgres()
  const name = new URL(settings.LICENSE_DATABASE_URL ?? '').pathname.slice(1)
  const run = async (...statements: string[]) => {
    const client = new pg.Client({ connectionString: cluster.url('postgres') })
    client.on('error', () => undefined)
    await client.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }
  await run(`create database ${name}_released template ${name}`)
  return () => run(`drop database ${name} with (force)`, `create database ${name} template ${name}_released`)
}

/** Kills inside one long migration, at points spread over it, and starts it again. */
async function killMigrations(env: DrillEnv, house: House, kills: number): Promise<Measured> {
  const took = await timeMigration(env, house)
  env.say(`the migration of ${count(house.users)} users takes ${seconds(took)}`)
  const landed = { inside: 0, after: 0 }
  const faults: string[] = []
  let slowest = 0
  for (let kill = 0; kill < kills; kill++) {
    const killed = await killInside(env, house, (took * (kill + 0.5)) / kills, kill % 2 === 1)
    landed[killed.left === 'whole' ? 'after' : 'inside']++
    faults.push(...killed.faults)
    const startedAt = performance.now()
    const again = await startFile(env.stage, MIGRATE_LONG, [], house.settings).ended
    slowest = Math.max(slowest, performance.now() - startedAt)
    if (again.code !== 0) faults.push(`started again: exit code ${again.code} ${again.stderr.slice(0, 300)}`)
    if ((await migrated(house)) !== 'whole') faults.push('started again, it did not come to its end')
    faults.push(...(await house.faults()), ...(await doctorFaults(env, house)))
  }
  for (const fault of faults.slice(0, 10)) env.say(fault)
  return {
    what: `kill -9 at ${kills} points of a migration of ${count(house.users)} users`,
    measured: `${landed.inside} inside, ${landed.after} at its end: ${faults.length} faults; started again, done after ${seconds(slowest)} at most`,
    wanted: 'each whole before and after, 0 faults',
    // The last ones may come too late; a drill that killed nothing shows nothing.
    passed: faults.length === 0 && landed.inside >= kills * 0.75,
  }
}

/** Kills so many milliseconds after the migration began. One that came too late is done again, earlier. */
async function killInside(env: DrillEnv, house: House, afterMs: number, killsPostgres: boolean) {
  const faults: string[] = []
  for (let tries = 1; ; tries++) {
    await house.restore()
    const program = startFile(env.stage, MIGRATE_LONG, [], house.settings)
    await begun(program)
    await sleep(afterMs / tries)
    if (env.database === 'postgres' && killsPostgres) await killPostgres(env, program)
    else await program.kill()
    const left = await migrated(house)
    faults.push(...(await house.faults()), ...(await leftFaults(house, left)))
    if (left !== 'whole' || tries === 3) return { left, faults }
  }
}

async function timeMigration(env: DrillEnv, house: House): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < 2; run++) {
    await house.restore()
    const program = startFile(env.stage, MIGRATE_LONG, [], house.settings)
    await begun(program)
    const startedAt = performance.now()
    const { code, stderr } = await program.ended
    if (code !== 0) throw new Error(`the migration fails without a kill: ${stderr}`)
    times.push(performance.now() - startedAt)
  }
  // The faster one, and less the end of the process: a kill after the last of it would show nothing.
  return Math.min(...times) * 0.95
}

async function begun(program: Program): Promise<void> {
  while (program.isRunning() && !program.log().includes('begins')) await sleep(1)
}

/** The database's end is the migration's, too. */
async function killPostgres(env: DrillEnv, program: Program): Promise<void> {
  const cluster = await env.stage.postgres()
  await cluster.kill()
  await program.kill()
  await cluster.start()
}

type Left = 'not at all' | 'half' | 'whole'

async function leftFaults(house: House, left: Left): Promise<string[]> {
  if (left === 'half') return ['the migration is half taken']
  if (left === 'whole') return []
  return (await digest(house)) === house.digest ? [] : ['the data of before changed']
}

/** How much of the long migration is there. */
async function migrated(house: House): Promise<Left> {
  const number = async (sql: string) => Number(Object.values((await house.query(sql))[0] ?? {})[0] ?? Number.NaN)
  const steps = await number(`select count(*) from migrations where name > '${house.release}'`)
  const moved = await number("select count(*) from grants where reason = 'moved'")
  // Fails where the column or the table is not there.
  const named = await number('select count(*) from users where nickname is not null').catch(() => -1)
  const copied = await number('select count(*) from grant_reasons').catch(() => -1)
  const { users } = house
  if (steps > 0 && moved === users && named === users && copied === users) return 'whole'
  return steps === 0 && moved === 0 && named === -1 && copied === -1 ? 'not at all' : 'half'
}

/** Kills `serve` at points spread over its first start on an older house, and starts it again. */
async function killServes(env: DrillEnv, house: House, kills: number): Promise<Measured> {
  const port = await freePort()
  await house.restore()
  const first = await startServer(env.stage, house.settings, port)
  const took = first.readyMs
  await first.kill()
  const faults: string[] = []
  let slowest = 0
  for (let kill = 0; kill < kills; kill++) {
    await house.restore()
    const program = startProgram(env.stage, ['serve'], { ...house.settings, LICENSE_PORT: String(port) })
    await sleep((took * (kill + 0.5)) / kills)
    await program.kill()
    faults.push(...(await house.faults()))
    const server = await startServer(env.stage, house.settings, port)
    slowest = Math.max(slowest, server.readyMs)
    if ((await digest(house)) !== house.digest) faults.push('the data of before changed')
    if ((await lookUp(server.url, RELEASED.token)).status !== 200) faults.push('a sign-in of before is lost')
    if ((await signIn(server.url, RELEASED.user, RELEASED.password)).status !== 200) faults.push('nobody can sign in')
    faults.push(...(await doctorFaults(env, house)))
    await server.kill()
  }
  for (const fault of faults.slice(0, 10)) env.say(fault)
  return {
    what: `kill -9 at ${kills} points of the first start on a house of ${house.release}`,
    measured: `${faults.length} faults; started again, ready after ${seconds(slowest)} at most`,
    wanted: 'data and sign-ins as before, 0 faults',
    passed: faults.length === 0,
  }
}

async function doctorFaults(env: DrillEnv, house: House): Promise<string[]> {
  const { code, stdout, stderr } = await runCommand(env.stage, ['doctor'], house.settings)
  return code === 0 ? [] : [`doctor: ${stdout.match(/^✗.*$/gm)?.join(' ') ?? stderr}`]
}

/** Of all that the released house held. */
async function digest({ query }: Pick<Place, 'query'>): Promise<string> {
  const hash = createHash('sha256')
  for (const sql of [
    'select id, email, first_name, last_name, pin, password_hash, active, managed_by, created_at, updated_at from users order by id',
    'select user_id, company_id, role, is_primary, active, joined_at from memberships order by user_id',
    'select user_id, application_id, company_id, starts_at, ends_at from seats order by user_id',
    'select id, user_id, permission_id, starts_at, ends_at, reason, revoked_at from grants order by id',
    'select hash, id, user_id, issued_at, expires_at, revoked_at from tokens order by id',
    'select company_id, application_id, seats_held, suspended, note from licenses order by company_id, application_id',
    'select id, hash, used_at from impersonations order by id',
  ])
    hash.update(JSON.stringify(await query(sql)))
  return hash.digest('hex')
}
