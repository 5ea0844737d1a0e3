import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, member, PASSWORD, usersNamed } from './support/house.ts'
import { type Answer, lookUp, signIn, signOut, tokenOf } from './support/http.ts'
import { newPlace, type Place } from './support/place.ts'
import { isReady, type Program, type ServerProcess, seed, startProgram, startServer } from './support/process.ts'
import { Random } from './support/random.ts'
import { count, seconds } from './support/table.ts'

const USERS = 40
/** At once; and of open sessions, which are ended by as many more. */
const OPENING = 4
const ENDING = 4
const EACH = 10
const START = 4_711
const SERVES_AGAIN_WITHIN_MS = 30_000

/** Right for PASSWORD, and cheap, so that `seed` spends its time on writing. */
const CHEAP_HASH = 'pbkdf2_sha256$1$drillsalt$H8nh8ZPaIP3YqjTVI5BIE1aqXqcA0WZpxeg1Maj0zQQ='

/** What was answered with success before a kill, and therefore has to be there after it. */
type Acknowledged = {
  live: Set<string>
  signedOut: Set<string>
  /** Email addresses. */
  seeded: Set<string>
}

export const drill: Drill = {
  promise: 'D1',
  title: 'an acknowledged write survives kill -9',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const kills = env.quick ? Math.min(env.kills, 6) : env.kills
    const random = new Random(START)
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    const port = await freePort()
    let server = await startServer(env.stage, place.settings, port)
    const all = nothing()
    const lost: string[] = []
    const faults: string[] = []
    const surprises: string[] = []
    let slowest = 0
    for (let kill = 0; kill < kills; kill++) {
      const victim = env.database === 'postgres' && kill % 2 === 1 ? 'postgres' : 'server'
      const load = await startLoad(env, place, server, `kill${kill}-`, random)
      await sleep(random.whole(50, 800))
      const failures = await load.stop(async () => {
        if (victim === 'server') await server.kill()
        else await (await env.stage.postgres()).kill()
      })
      // Before the kill nothing may fail.
      surprises.push(...failures)

      const startedAt = performance.now()
      if (victim === 'server') server = await startServer(env.stage, place.settings, port)
      else {
        await (await env.stage.postgres()).start()
        await untilReady(server)
      }
      slowest = Math.max(slowest, performance.now() - startedAt)
      lost.push(...(await findLost(server, place, load.acknowledged)))
      faults.push(...(await place.faults()))
      for (const kind of ['live', 'signedOut', 'seeded'] as const)
        for (const each of load.acknowledged[kind]) all[kind].add(each)
    }
    // What survived the kill that followed it has survived all the later ones, too.
    lost.push(...(await findLost(server, place, all)))
    await server.kill()
    for (const line of [...lost, ...faults, ...surprises].slice(0, 20)) env.say(line)
    return report(kills, { all, lost, faults, surprises, slowest })
  },
}

type Outcome = {
  all: Acknowledged
  lost: readonly string[]
  faults: readonly string[]
  surprises: readonly string[]
  slowest: number
}

function report(kills: number, { all, lost, faults, surprises, slowest }: Outcome): Measured[] {
  const done = `${count(all.live.size)} sign-ins, ${count(all.signedOut.size)} sign-outs, ${count(all.seeded.size)} seeded`
  const isShown = all.live.size >= kills && all.signedOut.size >= kills && all.seeded.size >= kills
  return [
    {
      what: `acknowledged before one of ${kills} kills`,
      measured: `${done}: ${lost.length} lost${surprises.length > 0 ? `; ${surprises.length} refused for no reason` : ''}`,
      wanted: '0 lost',
      passed: lost.length === 0 && surprises.length === 0 && isShown,
    },
    {
      what: `the database after each of ${kills} kills`,
      measured: `${faults.length === 0 ? 'whole each time' : `${faults.length} faults`}; serving again after ${seconds(slowest)} at most`,
      wanted: 'whole',
      passed: faults.length === 0,
    },
  ]
}

function nothing(): Acknowledged {
  return { live: new Set(), signedOut: new Set(), seeded: new Set() }
}

/**
 * Sign-ins, sign-outs and, on the command line beside, seeding; until told to stop. Sessions that are open already are
 * ended meanwhile, since sign-ins alone would spend their time on hashing.
 */
async function startLoad(env: DrillEnv, place: Place, server: ServerProcess, prefix: string, random: Random) {
  const acknowledged = nothing()
  const failures: string[] = []
  let isKilled = false
  let seeding: Program | undefined

  const open = async (): Promise<string> => {
    const email = `user${random.whole(0, USERS - 1)}@drill.test`
    const token = tokenOf(await expect200(signIn(server.url, email, PASSWORD)))
    acknowledged.live.add(token)
    return token
  }
  const end = async (token: string): Promise<void> => {
    // From here on it may be either, until the answer is there.
    acknowledged.live.delete(token)
    await expect200(signOut(server.url, token))
    acknowledged.signedOut.add(token)
  }
  const openSome = async () => {
    while (!isKilled) {
      const token = await open()
      if (random.next() < 0.3 && !isKilled) await end(token)
    }
  }
  const endSome = async (tokens: string[]) => {
    for (const token of tokens) {
      await sleep(random.whole(0, 60))
      if (isKilled) return
      await end(token)
    }
  }
  const seedBeside = async () => {
    for (let number = 0; !isKilled; number++) {
      const users = ['a', 'b', 'c'].map((each) =>
        member({ email: `${prefix}${number}${each}@drill.test`, password_hash: CHEAP_HASH }),
      )
      seeding = startProgram(env.stage, ['seed', '-'], place.settings, JSON.stringify({ users }))
      const { code, stderr } = await seeding.ended
      if (code !== 0) throw new Error(`seed: exit code ${code} ${stderr}`)
      for (const { email } of users) acknowledged.seeded.add(email)
    }
  }
  const told = (error: unknown) => {
    if (!isKilled) failures.push(error instanceof Error ? error.message : String(error))
  }
  const seeder = seedBeside().catch(told)
  const stock = await Promise.all(Array.from({ length: ENDING }, () => Promise.all(Array.from({ length: EACH }, open))))
  while (acknowledged.seeded.size === 0 && failures.length === 0) await sleep(20)
  const opening = Array.from({ length: OPENING }, openSome)
  const running = [seeder, ...[...opening, ...stock.map(endSome)].map((each) => each.catch(told))]
  return {
    acknowledged,
    /** Kills, and tells what failed before it. */
    async stop(kill: () => Promise<void>): Promise<string[]> {
      isKilled = true
      // The command line dies in the middle of its work, too.
      await Promise.all([kill(), seeding?.kill()])
      await Promise.all(running)
      return failures
    },
  }
}

async function expect200(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
  return answer
}

async function untilReady(server: ServerProcess): Promise<void> {
  const until = performance.now() + SERVES_AGAIN_WITHIN_MS
  while (!(await isReady(server.url))) {
    if (!server.isRunning()) throw new Error(`the server ended: ${server.log().slice(-2_000)}`)
    if (performance.now() > until) throw new Error('the server does not come back')
    await sleep(20)
  }
}

async function findLost(server: ServerProcess, place: Place, acknowledged: Acknowledged): Promise<string[]> {
  const lost: string[] = []
  for (const [kind, tokens, wanted] of [
    ['sign-in', acknowledged.live, 200],
    ['sign-out', acknowledged.signedOut, 401],
  ] as const) {
    for (const token of tokens) {
      const { status, body } = await lookUp(server.url, token)
      if (status !== wanted) lost.push(`a ${kind} is lost: its token is answered ${status} ${body.slice(0, 100)}`)
    }
  }
  const stored = new Set((await place.query('select email from users')).map((row) => String(row.email)))
  for (const email of acknowledged.seeded) if (!stored.has(email)) lost.push(`a seeded user is lost: ${email}`)
  return lost
}
