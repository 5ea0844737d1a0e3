import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openWire, type Wire } from '../packages/server/tests/support/wire.ts'
import { type Callers, startCallers } from './support/callers.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { houseOf, usersNamed } from './support/house.ts'
import { newPlace, type Place } from './support/place.ts'
import { seed } from './support/process.ts'
import { count, seconds } from './support/table.ts'

const USERS = 20
const BACK_WITHIN_MS = 5_000
const DOWN_MS = 1_500

export const drill: Drill = {
  promise: 'V3',
  title: 'PostgreSQL away for a while',
  databases: ['postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    await using wire = await openWire(place.settings.LICENSE_DATABASE_URL ?? '')
    await using fleet = await startFleet(env, { ...place.settings, LICENSE_DATABASE_URL: wire.url })
    const callers = await startCallers(fleet, USERS)
    const lines: Measured[] = []
    await sleep(1_000)
    for (const mode of ['fast', 'immediate'] as const) lines.push(await restart(env, fleet, callers, mode))
    lines.push(await endConnections(env, place, fleet, callers))
    lines.push(await cutWire(env, wire, fleet, callers))
    lines.push(...(await callers.stop()))
    return lines
  },
}

async function restart(env: DrillEnv, fleet: Fleet, callers: Callers, mode: 'fast' | 'immediate'): Promise<Measured> {
  const postgres = await env.stage.postgres()
  const times = env.quick ? 1 : 5
  const recoveries: number[] = []
  for (let time = 0; time < times; time++) {
    await postgres.stop(mode)
    await sleep(DOWN_MS)
    await postgres.start()
    recoveries.push(await callers.recovery())
    await sleep(1_000)
  }
  return recovered(`PostgreSQL stopped (${mode}) and started, ${times} x`, recoveries, fleet)
}

/** Has the database end every connection of the servers' once a second, wherever it is in its work. */
async function endConnections(env: DrillEnv, place: Place, fleet: Fleet, callers: Callers): Promise<Measured> {
  const client = new pg.Client({ connectionString: place.settings.LICENSE_DATABASE_URL })
  await client.connect()
  try {
    let ended = 0
    const { recoveries, times } = await everySecond(env, callers, async () => {
      const { rows } = await client.query<{ ended: number }>(
        `select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`,
      )
      ended += rows[0]?.ended ?? 0
    })
    return recovered(`all connections ended every second, ${times} x (${count(ended)} connections)`, recoveries, fleet)
  } finally {
    await client.end()
  }
}

/** The network breaks under them, without a word of the database's. */
async function cutWire(env: DrillEnv, wire: Wire, fleet: Fleet, callers: Callers): Promise<Measured> {
  const { recoveries, times } = await everySecond(env, callers, async () => {
    await wire.cut()
    await wire.mend()
  })
  return recovered(`the wire to the database cut every second, ${times} x`, recoveries, fleet)
}

async function everySecond(env: DrillEnv, callers: Callers, act: () => Promise<void>) {
  const times = env.quick ? 4 : 20
  const recoveries: number[] = []
  while (recoveries.length < times) {
    await act()
    recoveries.push(await callers.recovery())
    await sleep(Math.max(0, 1_000 - (recoveries.at(-1) ?? 0)))
  }
  return { recoveries, times }
}

function recovered(what: string, recoveries: readonly number[], fleet: Fleet): Measured {
  const slowest = Math.max(...recoveries)
  const running = fleet.nodes().filter((node) => node.isRunning()).length
  return {
    what,
    measured: `${running} of ${fleet.size} servers still run, look-ups and sign-ins back after ${seconds(slowest)} at most`,
    wanted: 'no exit, back <=5 s',
    passed: running === fleet.size && slowest <= BACK_WITHIN_MS,
  }
}
