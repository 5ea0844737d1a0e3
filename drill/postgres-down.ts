import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { type Answer, lookUp, signIn, signOut, tokenOf } from './support/http.ts'
import { newPlace, type Place } from './support/place.ts'
import { type ServerProcess, seed, startServer } from './support/process.ts'
import { count, seconds } from './support/table.ts'

const USERS = 20
const LOOKING_UP = 8
const SIGNING_IN = 3
const BACK_WITHIN_MS = 5_000
const DOWN_MS = 1_500

/** Our own client reads a problem (RFC 9457), the old ones `{"message"}`. */
const OURS = { 'x-license-client': 'drill/1.0' }

export const drill: Drill = {
  promise: 'V3',
  title: 'PostgreSQL away for a while',
  databases: ['postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    const server = await startServer(env.stage, place.settings, await freePort())
    const load = await startLoad(server)
    const lines: Measured[] = []
    await sleep(1_000)
    for (const mode of ['fast', 'immediate'] as const) lines.push(await restart(env, server, load, mode))
    lines.push(await cut(env, place, server, load))
    lines.push(...(await load.stop()))
    await server.kill()
    return lines
  },
}

type Load = Awaited<ReturnType<typeof startLoad>>

async function restart(
  env: DrillEnv,
  server: ServerProcess,
  load: Load,
  mode: 'fast' | 'immediate',
): Promise<Measured> {
  const postgres = await env.stage.postgres()
  const times = env.quick ? 1 : 5
  const recoveries: number[] = []
  for (let time = 0; time < times; time++) {
    await postgres.stop(mode)
    await sleep(DOWN_MS)
    await postgres.start()
    recoveries.push(await load.recovery())
    await sleep(1_000)
  }
  return recovered(`PostgreSQL stopped (${mode}) and started, ${times} x`, recoveries, server)
}

/** Ends every connection of the server's once a second, wherever it is in its work. */
async function cut(env: DrillEnv, place: Place, server: ServerProcess, load: Load): Promise<Measured> {
  const times = env.quick ? 6 : 20
  const recoveries: number[] = []
  const client = new pg.Client({ connectionString: place.settings.LICENSE_DATABASE_URL })
  await client.connect()
  try {
    let ended = 0
    for (let time = 0; time < times; time++) {
      const { rows } = await client.query<{ ended: number }>(
        `select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`,
      )
      ended += rows[0]?.ended ?? 0
      recoveries.push(await load.recovery())
      await sleep(1_000 - Math.min(1_000, recoveries.at(-1) ?? 0))
    }
    return recovered(`all connections cut every second, ${times} x (${count(ended)} connections)`, recoveries, server)
  } finally {
    await client.end()
  }
}

function recovered(what: string, recoveries: readonly number[], server: ServerProcess): Measured {
  const slowest = Math.max(...recoveries)
  return {
    what,
    measured: `${server.isRunning() ? 'no exit' : 'the server ended'}, look-ups and sign-ins back after ${seconds(slowest)} at most`,
    wanted: 'no exit, back <=5 s',
    passed: server.isRunning() && slowest <= BACK_WITHIN_MS,
  }
}

type Kind = 'look-up' | 'sign-in' | 'sign-out'

/** Look-ups, sign-ins and sign-outs without a pause, by both kinds of clients, each answer counted and read. */
async function startLoad(server: ServerProcess) {
  const statuses = new Map<string, number>()
  const wrong: string[] = []
  const lastSuccess = { 'look-up': 0, 'sign-in': 0, 'sign-out': 0 }
  let slowest = 0
  let isStopped = false

  const asked = async (kind: Kind, isOurs: boolean, question: (headers: object) => Promise<Answer>) => {
    const startedAt = performance.now()
    const answer = await question(isOurs ? OURS : {}).catch((error: unknown) => {
      statuses.set('no answer', (statuses.get('no answer') ?? 0) + 1)
      wrong.push(`${kind}: ${error instanceof Error ? error.message : error}`)
      return undefined
    })
    slowest = Math.max(slowest, performance.now() - startedAt)
    if (!answer) return sleep(50, undefined)
    statuses.set(String(answer.status), (statuses.get(String(answer.status)) ?? 0) + 1)
    const fault = faultOf(answer, isOurs)
    if (fault) wrong.push(`${kind}: ${answer.status} ${fault}: ${answer.body.slice(0, 200)}`)
    if (answer.status === 200) lastSuccess[kind] = startedAt
    // A client that is told to wait and asks at once would measure nothing but refusals.
    else await sleep(20)
    return answer
  }

  const tokens = await Promise.all(
    Array.from({ length: LOOKING_UP }, async (_, index) =>
      tokenOf(await signIn(server.url, `user${index}@drill.test`, PASSWORD)),
    ),
  )
  const lookers = tokens.map(async (token, index) => {
    while (!isStopped) await asked('look-up', index % 2 === 0, (headers) => lookUp(server.url, token, headers))
  })
  const signers = Array.from({ length: SIGNING_IN }, async (_, index) => {
    for (let turn = 0; !isStopped; turn++) {
      const email = `user${(index + turn * SIGNING_IN) % USERS}@drill.test`
      const answer = await asked('sign-in', turn % 2 === 0, (headers) => signIn(server.url, email, PASSWORD, headers))
      if (answer?.status !== 200) continue
      const token = tokenOf(answer)
      await asked('sign-out', turn % 2 === 0, (headers) => signOut(server.url, token, headers))
    }
  })

  return {
    /** Milliseconds from now until a look-up and a sign-in that were asked after now were answered with 200. */
    async recovery(): Promise<number> {
      const from = performance.now()
      while (lastSuccess['look-up'] < from || lastSuccess['sign-in'] < from) {
        if (performance.now() - from > 4 * BACK_WITHIN_MS || !server.isRunning()) return Number.POSITIVE_INFINITY
        await sleep(10)
      }
      return performance.now() - from
    },
    async stop(): Promise<Measured[]> {
      isStopped = true
      await Promise.all([...lookers, ...signers])
      for (const line of wrong.slice(0, 20)) console.error(`    ${line}`)
      const told = [...statuses]
        .sort()
        .map(([status, times]) => `${count(times)} x ${status}`)
        .join(', ')
      return [
        {
          what: 'all answers meanwhile',
          measured: `${told}; ${wrong.length} of another form`,
          wanted: 'only 200, and 503 with Retry-After and a message',
          passed:
            wrong.length === 0 &&
            statuses.has('503') &&
            [...statuses.keys()].every((each) => each === '200' || each === '503'),
        },
        { what: 'the slowest answer', measured: seconds(slowest), wanted: '<=10 s', passed: slowest <= 10_000 },
      ]
    },
  }
}

/** What is wrong with an answer; undefined for one as it should be. */
function faultOf({ status, headers, body }: Answer, isOurs: boolean): string | undefined {
  if (status === 200) return undefined
  if (status !== 503) return 'is neither 200 nor 503'
  if (!/^[1-9]\d*$/.test(headers['retry-after'] ?? '')) return 'says no Retry-After'
  const told = JSON.parse(body) as Record<string, unknown> // JSON of ours; what does not parse breaks the drill.
  if (!isOurs)
    return Object.keys(told).join() === 'message' && typeof told.message === 'string' ? undefined : 'is no {"message"}'
  const isProblem = told.status === 503 && typeof told.code === 'string' && typeof told.detail === 'string'
  return isProblem && /^application\/problem\+json/.test(headers['content-type'] ?? '') ? undefined : 'is no problem'
}
