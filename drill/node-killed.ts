import { setTimeout as sleep } from 'node:timers/promises'
import type { Drill } from './support/drill.ts'
import { startFleet } from './support/fleet.ts'
import { houseOf, usersNamed } from './support/house.ts'
import { failed, startLoad } from './support/load.ts'
import { newPlace } from './support/place.ts'
import { seed } from './support/process.ts'
import { count, seconds } from './support/table.ts'

const USERS = 40
const RATES = { lookUps: 490, signIns: 10 }
const FAILURES = 20
const GOOD_WITHIN_MS = 2_000
/** Until what was under way when a server was killed has ended, one way or the other. */
const WATCHED_MS = 3_500

export const drill: Drill = {
  promise: 'V2',
  title: 'one server of four is killed, and the others carry on',
  isTimed: true,
  databases: ['postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    await using fleet = await startFleet(env, place.settings)
    const users = Array.from({ length: USERS }, (_, at) => `user${at}@drill.test`)
    const load = await startLoad(fleet.url, users, RATES)
    const startedAt = performance.now()
    await sleep(1_000)
    const kills = env.quick ? 2 : 20
    const killedAt: number[] = []
    for (let kill = 0; kill < kills; kill++) {
      killedAt.push(performance.now())
      await fleet.kill(kill)
      await sleep(WATCHED_MS)
      await fleet.start(kill)
    }
    const rate = (load.outcomes.length * 1_000) / (performance.now() - startedAt)
    await load.stop()
    const refused = failed(load.outcomes)
    for (const { kind, status, told } of refused.slice(0, 20)) env.say(`${kind}: ${status ?? 'no answer'} ${told}`)
    const each = killedAt.map((from, at) => {
      const until = killedAt[at + 1] ?? Number.POSITIVE_INFINITY
      const after = refused.filter(({ sentAt, ms }) => sentAt + ms >= from && sentAt + ms < until)
      return { failures: after.length, goodAfter: Math.max(0, ...after.map(({ sentAt, ms }) => sentAt + ms - from)) }
    })
    const most = Math.max(...each.map(({ failures }) => failures))
    const latest = Math.max(...each.map(({ goodAfter }) => goodAfter))
    const before = refused.filter(({ sentAt, ms }) => sentAt + ms < (killedAt[0] ?? 0)).length
    return [
      {
        what: `one server of ${fleet.size} killed (-9) at ${Math.round(rate)} requests a second, ${kills} x`,
        measured: `${count(load.outcomes.length)} requests, ${refused.length} failed, ${most} after one kill at most, the last ${seconds(latest)} after it`,
        wanted: `<=${FAILURES} a kill, <=2 s`,
        passed: most <= FAILURES && latest <= GOOD_WITHIN_MS && before === 0,
      },
    ]
  },
}
