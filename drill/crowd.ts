import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { type Answer, lookUp, signIn, tokenOf } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { seed, startServer } from './support/process.ts'
import { openSockets, type Sockets } from './support/sockets.ts'

const USERS = 300
const TIMES_CAPACITY = 10
const LOOK_UPS_A_SECOND = 50
const WARM_UP_A_SECOND = 400
const WARM_UP_SECONDS = 4
/** Of the capacity. The short form also runs where other things do, and five seconds are few. */
const LEAST_SERVED = { whole: 0.8, quick: 0.6 }

export const drill: Drill = {
  promise: 'A7',
  title: 'hashing is bounded: a crowd is served, or told to come back at once',
  isTimed: true,
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    const { LICENSE_HASH_WAIT_SECONDS: _, ...asShipped } = place.settings
    const server = await startServer(env.stage, asShipped, await freePort())
    const token = tokenOf(await signIn(server.url, 'user0@drill.test', PASSWORD))
    const seconds = env.quick ? 5 : 20
    const sockets = openSockets(server.url)
    // A server of some minutes: what is refused often is compiled by then, as what is let in.
    await capacity(sockets, 2)
    await openLoop(WARM_UP_A_SECOND, WARM_UP_SECONDS, (at) => sockets.signIn(emailOf(at), PASSWORD))
    const able = await capacity(sockets, seconds)
    env.say(`${able.toFixed(0)} sign-ins a second, one after the other`)
    const looks: Answer[] = []
    const [crowd] = await Promise.all([
      openLoop(able * TIMES_CAPACITY, seconds, (at) => sockets.signIn(emailOf(at), PASSWORD)),
      openLoop(LOOK_UPS_A_SECOND, seconds, async () => {
        const look = await lookUp(server.url, token)
        looks.push(look)
        return look
      }),
    ])
    sockets.close()
    await server.stop()
    return assess(env, able, crowd, looks)
  },
}

/** Sign-ins a second of a few callers who each wait for their answer. */
async function capacity(sockets: Sockets, seconds: number): Promise<number> {
  const start = performance.now()
  let done = 0
  let next = 0
  const caller = async () => {
    while (performance.now() - start < seconds * 1000) {
      const { status } = await sockets.signIn(emailOf(next++), PASSWORD)
      if (status === 200) done++
    }
  }
  await Promise.all(Array.from({ length: 6 }, caller))
  return (done / (performance.now() - start)) * 1000
}

type Crowd = { answers: Answer[]; lost: number; seconds: number }

/** So many a second, whether the ones before were answered or not. */
async function openLoop(rate: number, seconds: number, ask: (at: number) => Promise<Answer>): Promise<Crowd> {
  const start = performance.now()
  const under: Promise<void>[] = []
  const crowd: Crowd = { answers: [], lost: 0, seconds }
  for (let asked = 0; ; ) {
    const elapsed = (performance.now() - start) / 1000
    if (elapsed >= seconds) break
    for (; asked < elapsed * rate; asked++) {
      under.push(
        ask(asked).then(
          (answer) => void crowd.answers.push(answer),
          () => void crowd.lost++,
        ),
      )
    }
    await sleep(2)
  }
  await Promise.all(under)
  crowd.seconds = (performance.now() - start) / 1000
  return crowd
}

function assess(env: DrillEnv, able: number, crowd: Crowd, looks: readonly Answer[]): Measured[] {
  const { answers, lost, seconds } = crowd
  const served = answers.filter(({ status }) => status === 200)
  const turned = answers.filter(({ status }) => status === 503)
  const odd = answers.length - served.length - turned.length + lost
  const goodput = served.length / seconds / able
  const unsaid = turned.filter(({ headers }) => headers['retry-after'] === undefined).length
  const slowest = Math.max(0, ...turned.map(({ ms }) => ms))
  const slow = percentile(looks, 0.99)
  const least = env.quick ? LEAST_SERVED.quick : LEAST_SERVED.whole
  env.say(
    `${served.length} served, ${turned.length} told to come back; served p99 ${percentile(served, 0.99).toFixed(0)} ms`,
  )
  return [
    {
      what: `${TIMES_CAPACITY} times as many sign-ins as can be hashed`,
      measured: `${(goodput * 100).toFixed(0)} % of the capacity of ${able.toFixed(0)}/s served; ${odd} other answers`,
      wanted: `>=${least * 100} %, 0`,
      passed: goodput >= least && odd === 0,
    },
    {
      what: 'those who are too many',
      measured: `${turned.length} x 503, ${unsaid} without Retry-After, the slowest after ${(slowest / 1000).toFixed(2)} s`,
      wanted: '503 with Retry-After within 2 s',
      passed: turned.length > 0 && unsaid === 0 && slowest <= 2_000,
    },
    {
      what: 'look-ups meanwhile',
      measured: `p99 ${slow.toFixed(0)} ms of ${looks.length}, ${looks.filter(({ status }) => status !== 200).length} refused`,
      wanted: 'p99 <=250 ms, 0',
      passed: slow <= 250 && looks.length > 0 && looks.every(({ status }) => status === 200),
    },
  ]
}

function percentile(answers: readonly Answer[], share: number): number {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? 0
}

function emailOf(at: number): string {
  return `user${at % USERS}@drill.test`
}
