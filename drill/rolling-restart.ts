import { setTimeout as sleep } from 'node:timers/promises'
import type { Drill } from './support/drill.ts'
import { startFleet } from './support/fleet.ts'
import { houseOf, usersNamed } from './support/house.ts'
import { failed, startLoad } from './support/load.ts'
import { newPlace } from './support/place.ts'
import { seed } from './support/process.ts'
import { count, seconds } from './support/table.ts'

const USERS = 40
const RATES = { lookUps: 496, signIns: 4 }

export const drill: Drill = {
  promise: 'V1',
  title: 'servers restart one after the other, and nobody notices',
  databases: ['postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    await using fleet = await startFleet(env, { ...place.settings, LICENSE_DRAIN_SECONDS: env.quick ? '1' : '3' })
    const users = Array.from({ length: USERS }, (_, at) => `user${at}@drill.test`)
    const load = await startLoad(fleet.url, users, RATES)
    const startedAt = performance.now()
    await sleep(1_000)
    const rounds = env.quick ? 1 : 3
    let unclean = 0
    for (let at = 0; at < rounds * fleet.size; at++) {
      const { code } = await fleet.restart(at)
      if (code !== 0) unclean++
      await sleep(500)
    }
    const took = performance.now() - startedAt
    await load.stop()
    const refused = failed(load.outcomes)
    for (const { kind, status, told } of refused.slice(0, 20)) env.say(`${kind}: ${status ?? 'no answer'} ${told}`)
    // The short form also runs where other work takes the machine's time.
    const leastRate = env.quick ? 100 : 490
    const rate = load.outcomes.length / (took / 1_000)
    const slowest = Math.max(...load.outcomes.map(({ ms }) => ms))
    const signIns = load.outcomes.filter(({ kind }) => kind === 'sign-in').length
    return [
      {
        what: `${fleet.size} servers restarted one after the other, ${rounds} x, at ${Math.round(rate)} requests a second`,
        measured: `${count(load.outcomes.length)} requests (${count(signIns)} sign-ins), ${refused.length} failed, the slowest after ${seconds(slowest)}`,
        wanted: `0 failed, >=${leastRate} a second`,
        passed: refused.length === 0 && rate >= leastRate,
      },
      {
        what: 'a server that is told to stop ends in order',
        measured: `${rounds * fleet.size - unclean} of ${rounds * fleet.size} with exit code 0`,
        wanted: 'all',
        passed: unclean === 0,
      },
    ]
  },
}
