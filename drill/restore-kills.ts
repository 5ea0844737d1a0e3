import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { signIn } from './support/http.ts'
import { newPlace, type Place } from './support/place.ts'
import { runCommand, seed, startProgram, startServer } from './support/process.ts'
import { Random } from './support/random.ts'
import { toolFolder } from './support/stage.ts'
import { count, seconds } from './support/table.ts'

const SESSIONS = { whole: 40_000, quick: 5_000 }
const START = 9_009

/** The house of before has a user more, who is not in the backup; all its sessions live. In the restored one none does. */
type State = 'old' | 'restored' | 'neither'

export const drill: Drill = {
  promise: 'D4',
  title: 'a restore that is killed leaves the old house or the restored one',
  databases: toolFolder ? ['sqlite', 'postgres'] : ['sqlite'],
  async run(env) {
    const [wanted, sessions] = env.quick ? [3, SESSIONS.quick] : [20, SESSIONS.whole]
    const random = new Random(START)
    const place = await newPlace(env, { tooled: true })
    const files = await makeBackups(env, place, sessions)
    const command = (...args: string[]) => runCommand(env.stage, args, place.settings)
    const wrong: string[] = []
    const states = { old: 0, restored: 0, neither: 0 }
    let [kills, told] = [0, 0]
    const whole = await command('restore', files.restored)
    if (whole.code !== 0) throw new Error(`restore: exit code ${whole.code} ${whole.stderr}`)
    const port = await freePort()
    for (let tries = 0; kills < wanted && tries < 3 * wanted; tries++) {
      const back = await command('restore', files.old, '--keep-sessions')
      if (back.code !== 0) wrong.push(`the restore after a kill: exit code ${back.code} ${back.stderr}${back.stdout}`)
      if ((await stateOf(place, sessions)) !== 'old')
        throw new Error(`the house of before is not back: exit code ${back.code} ${back.stderr}${back.stdout}`)
      if (!(await killWithin(env, place, files.restored, random, whole.ms))) continue
      kills++
      await untilToolsAreGone(env, place)
      const state = await stateOf(place, sessions)
      states[state]++
      if (state === 'neither') wrong.push(`kill ${kills}: neither the old house nor the restored one`)
      wrong.push(...(await place.faults()).map((fault) => `kill ${kills}: ${fault}`))
      const isCut = existsSync(copyOf(place))
      const served = await serveOnce(env, place, port)
      if (served.status !== 200) wrong.push(`kill ${kills}: a sign-in after it is answered ${served.status}`)
      const says = /A restore was cut off: the house is as it was/.test(served.log)
      if (says !== isCut)
        wrong.push(`kill ${kills}: the start ${says ? 'warns for nothing' : 'does not say what is left'}`)
      if (says) told++
      const doctor = await command('doctor')
      if (doctor.code !== 0) wrong.push(`kill ${kills}: doctor says ${doctor.stdout}`)
    }
    for (const line of wrong.slice(0, 20)) env.say(line)
    return report(wanted, sessions, { kills, states, told, wrong, ms: whole.ms })
  },
}

type Outcome = { kills: number; states: Record<State, number>; told: number; wrong: string[]; ms: number }

function report(wanted: number, sessions: number, { kills, states, told, wrong, ms }: Outcome): Measured[] {
  return [
    {
      what: `${wanted} restores of ${count(sessions)} sessions (each ${seconds(ms)}) killed at random`,
      measured: `${kills} killed: ${states.old} times the old house, ${states.restored} times the restored one, ${states.neither} times neither; ${told} starts said that a restore was cut off; ${wrong.length} things wrong`,
      wanted: 'always one of the two, whole',
      passed: kills === wanted && states.neither === 0 && wrong.length === 0,
    },
  ]
}

/** Two backups: of the house that is there before each kill, and of the one that is restored. */
async function makeBackups(env: DrillEnv, place: Place, sessions: number): Promise<{ old: string; restored: string }> {
  const folder = env.stage.folder()
  const files = { old: join(folder, 'old.backup'), restored: join(folder, 'restored.backup') }
  const backUp = async (file: string) => {
    const { code, stderr } = await runCommand(env.stage, ['backup', file], place.settings)
    if (code !== 0) throw new Error(`backup: exit code ${code} ${stderr}`)
  }
  await seed(env.stage, place.settings, houseOf(usersNamed('user', 3)))
  const [now, later] = [Date.now(), Date.now() + 86_400_000]
  await place.query(`insert into tokens (id, hash, user_id, application_id, issued_at, expires_at, idle_limit, last_used_at)
    with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${sessions})
    select 'session-' || n, 'hash-' || n, (select min(id) from users), 'crm', ${now}, ${later}, 0, ${now} from numbers`)
  await backUp(files.restored)
  await seed(env.stage, place.settings, { users: usersNamed('later', 1) })
  await backUp(files.old)
  return files
}

async function stateOf(place: Place, sessions: number): Promise<State> {
  const [row] = await place.query(`select (select count(*) from users where email like 'later%') as later,
    (select count(*) from tokens where revoked_at is null and id like 'session-%') as live,
    (select count(*) from tokens where revoked_at is not null and id like 'session-%') as ended`)
  const text = `${row?.later} ${row?.live} ${row?.ended}`
  if (text === `1 ${sessions} 0`) return 'old'
  return text === `0 0 ${sessions}` ? 'restored' : 'neither'
}

/** Kills a restore at a moment of its work. False when it ended before. */
async function killWithin(
  env: DrillEnv,
  place: Place,
  file: string,
  random: Random,
  wholeMs: number,
): Promise<boolean> {
  const startedAt = performance.now()
  const restore = startProgram(env.stage, ['restore', file], place.settings)
  // Node's own start is the first part of it, and nothing happens to the house there.
  const begun = env.database === 'sqlite' ? () => existsSync(copyOf(place)) : () => runsTools(place)
  while (restore.isRunning() && !(await begun())) await sleep(1)
  await sleep(random.next() * Math.max(50, wholeMs - (performance.now() - startedAt)))
  const { signal } = await restore.kill()
  return signal === 'SIGKILL'
}

/** Where a restore on SQLite makes its copy ready. */
function copyOf(place: Place): string {
  return join(place.folder, 'license.db.restoring')
}

const TOOLS = "select pid from pg_stat_activity where application_name in ('pg_dump', 'psql')"

async function runsTools(place: Place): Promise<boolean> {
  return (await place.query(TOOLS)).length > 0
}

/** What a killed restore started ends by itself: psql takes back what has no commit. */
async function untilToolsAreGone(env: DrillEnv, place: Place): Promise<void> {
  if (env.database === 'sqlite') return
  const until = performance.now() + 20_000
  while (await runsTools(place)) {
    if (performance.now() > until) throw new Error('pg_dump or psql goes on after the restore was killed')
    await sleep(20)
  }
}

async function serveOnce(env: DrillEnv, place: Place, port: number): Promise<{ status: number; log: string }> {
  const server = await startServer(env.stage, place.settings, port)
  const { status } = await signIn(server.url, 'user0@drill.test', PASSWORD)
  await server.stop()
  return { status, log: server.log() }
}
