import { pbkdf2Sync } from 'node:crypto'
import { startOldServer } from '../packages/server/tests/support/old-server.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, member } from './support/house.ts'
import { signIn } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { seed, startServer } from './support/process.ts'
import { Random } from './support/random.ts'

const PASSWORD = 'nobody types this one'
/** Wrong ones on one account: the next would be told to wait. */
const TRIES_OF_ACCOUNT = 4
/** At once, each waiting for its answer: a refusal is mostly waiting. */
const LANES = 4

type User = Parameters<typeof member>[0]

/** What somebody might tell apart by the time of "wrong". */
function statesOf(env: DrillEnv): Record<string, (email: string) => User | undefined> {
  const iterations = env.quick ? 200_000 : 1_000_000
  const key = pbkdf2Sync(PASSWORD, 'seasalt', iterations, 32, 'sha256').toString('base64')
  return {
    known: (email) => ({ email, password: PASSWORD }),
    unknown: () => undefined,
    'switched off': (email) => ({ email, password: PASSWORD, active: false }),
    'without a password': (email) => ({ email }),
    'imported from Django': (email) => ({ email, password_hash: `pbkdf2_sha256$${iterations}$seasalt$${key}` }),
    'imported bcrypt': (email) => ({
      email,
      password_hash: '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    }),
    'imported argon2': (email) => ({
      email,
      password_hash:
        'argon2$argon2id$v=19$m=102400,t=2,p=8$Obs+CdAcVjndcLBJxExAyg$g17ltkYxWIQdD0myYYlv2EOWWUWtatLEe6NkHUPQNj8',
    }),
  }
}

export const drill: Drill = {
  promise: 'A3',
  title: 'nobody learns from the time of a refusal who exists',
  isTimed: true,
  databases: ['sqlite', 'postgres'],
  async run(env) {
    await using old = await startOldServer()
    old.behave = (_request, response) => {
      const answer = () => response.writeHead(401, { 'content-type': 'application/json' }).end('{"message":"no"}')
      setTimeout(answer, new Random(old.asked.length).whole(20, 500))
      return true
    }
    const asking = Object.fromEntries(ASKING.map((state) => [state, statesOf(env)[state] ?? (() => undefined)]))
    return [
      await measure(env, statesOf(env), env.quick ? 24 : 200, {}),
      // Of these some are asked for elsewhere, and some are not.
      await measure(env, asking, env.quick ? 8 : 100, old.env),
    ]
  },
}

/** While users move over from another server (LICENSE_UPSTREAM), which takes its time for a "no". */
const ASKING = ['known', 'unknown', 'switched off', 'without a password']

async function measure(
  env: DrillEnv,
  states: ReturnType<typeof statesOf>,
  tries: number,
  settings: Record<string, string>,
): Promise<Measured> {
  const place = await newPlace(env)
  const names = new Map<string, string[]>()
  const users: User[] = []
  for (const [state, make] of Object.entries(states)) {
    const slug = state.replaceAll(' ', '-')
    const emails = Array.from({ length: tries / TRIES_OF_ACCOUNT }, (_, at) => `${slug}${at}@drill.test`)
    names.set(state, emails)
    users.push(...emails.map(make).filter((user) => user !== undefined))
  }
  await seed(env.stage, place.settings, houseOf(users.map(member)))
  const server = await startServer(env.stage, { ...place.settings, ...settings }, await freePort())
  const times = await refusalTimes(server.url, names, tries)
  await server.stop()
  const measured = assess(env, times, tries)
  const isAsking = settings.LICENSE_UPSTREAM !== undefined
  return isAsking ? { ...measured, what: `${measured.what}, while an old server is asked` } : measured
}

async function refusalTimes(
  url: string,
  names: ReadonlyMap<string, string[]>,
  tries: number,
): Promise<Map<string, number[]>> {
  const times = new Map([...names.keys()].map((state) => [state, [] as number[]]))
  const random = new Random(7)
  // Round by round, each in its own order, so that whatever the machine does meanwhile it does to all states.
  const plan: [state: string, email: string][] = []
  for (let round = 0; round < tries; round++) {
    const states = [...names].map(([state, emails]) => [state, emails[round % emails.length] ?? ''] as const)
    while (states.length > 0) {
      const [next] = states.splice(random.whole(0, states.length - 1), 1)
      if (next) plan.push([...next])
    }
  }
  // The first answers of a process are slower.
  for (let at = 0; at < 5; at++) await signIn(url, `warm${at}@drill.test`, 'x')
  const entries = plan.values()
  const lane = async () => {
    for (const [state, email] of entries) {
      const { status, ms } = await signIn(url, email, 'a wrong password')
      if (status !== 401) throw new Error(`${email} was answered with ${status}`)
      times.get(state)?.push(ms)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return times
}

function assess(env: DrillEnv, times: ReadonlyMap<string, number[]>, tries: number): Measured {
  const states = [...times]
  let low = 1
  let high = 0
  for (const [at, [state, some]] of states.entries()) {
    env.say(`${state}: ${median(some).toFixed(1)} ms`)
    for (const [, others] of states.slice(at + 1)) {
      const auc = aucOf(some, others)
      low = Math.min(low, auc)
      high = Math.max(high, auc)
    }
  }
  const [least, most] = bandOf(tries)
  return {
    what: `${tries} wrong passwords for each of ${states.length} kinds of account, interleaved`,
    measured: `AUC ${low.toFixed(2)} to ${high.toFixed(2)} over all pairs; answered after ${median(states.flatMap(([, each]) => each)).toFixed(0)} ms`,
    wanted: `${least.toFixed(2)} to ${most.toFixed(2)}`,
    passed: low >= least && high <= most,
  }
}

/** 0.40 to 0.60; wider where fewer tries come out of that by chance: 3.4 standard deviations of two kinds that are alike. */
function bandOf(tries: number): [least: number, most: number] {
  const width = Math.max(0.1, 3.4 * Math.sqrt((2 * tries + 1) / (12 * tries * tries)))
  return [0.5 - width, 0.5 + width]
}

/** How likely a time of the first kind is longer than one of the second: 0.5 tells nothing. */
function aucOf(some: readonly number[], others: readonly number[]): number {
  let wins = 0
  for (const a of some) for (const b of others) wins += a > b ? 1 : a === b ? 0.5 : 0
  return wins / (some.length * others.length)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
