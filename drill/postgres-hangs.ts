import { setTimeout as sleep } from 'node:timers/promises'
import { startCallers } from './support/callers.ts'
import type { Drill, Measured } from './support/drill.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { houseOf, usersNamed } from './support/house.ts'
import { ask } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { seed } from './support/process.ts'
import { count, seconds } from './support/table.ts'

const USERS = 20
const BACK_WITHIN_MS = 5_000
const LOOK_EVERY_MS = 250
/** Until `/readyz` must have noticed. */
const NOTICED_MS = 3_000

export const drill: Drill = {
  promise: 'V4',
  title: 'PostgreSQL hangs: it is there, and answers nothing',
  isTimed: true,
  databases: ['postgres'],
  async run(env) {
    const hangs = env.quick ? 15_000 : 60_000
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', USERS)))
    await using fleet = await startFleet(env, place.settings)
    const callers = await startCallers(fleet, USERS)
    await sleep(1_000)
    const postgres = await env.stage.postgres()
    await postgres.freeze()
    const looks = new Looks(fleet)
    await sleep(hangs)
    await looks.stop()
    postgres.thaw()
    const recovery = await callers.recovery()
    const running = fleet.nodes().filter((node) => node.isRunning()).length
    return [
      ...looks.lines(),
      ...(await callers.stop()),
      {
        what: `the database hung for ${hangs / 1_000} s`,
        measured: `${running} of ${fleet.size} servers still run, look-ups and sign-ins back ${seconds(recovery)} after it`,
        wanted: 'no exit, back <=5 s',
        passed: running === fleet.size && recovery <= BACK_WITHIN_MS,
      },
    ]
  },
}

/** Asks every server itself how it is, as whoever supervises it does. */
class Looks {
  readonly #since = performance.now()
  readonly #looking: Promise<void>[]
  readonly #live: number[] = []
  readonly #ready: { at: number; status: number; ms: number }[] = []
  #isStopped = false

  constructor(fleet: Fleet) {
    this.#looking = fleet.nodes().map(({ url }) => this.#look(url))
  }

  async #look(url: string): Promise<void> {
    while (!this.#isStopped) {
      const at = performance.now() - this.#since
      const [live, ready] = await Promise.all(
        ['/livez', '/readyz'].map((path) => ask(url, { path }).catch(() => undefined)),
      )
      this.#live.push(live?.status ?? 0)
      this.#ready.push({ at, status: ready?.status ?? 0, ms: ready?.ms ?? Number.POSITIVE_INFINITY })
      await sleep(LOOK_EVERY_MS)
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#looking)
  }

  lines(): Measured[] {
    const dead = this.#live.filter((status) => status !== 200).length
    const noticed = this.#ready.filter(({ at }) => at > NOTICED_MS)
    const wrong = noticed.filter(({ status }) => status !== 503).length
    const slowest = Math.max(...this.#ready.map(({ ms }) => ms))
    return [
      {
        what: '`/livez` meanwhile',
        measured: `${count(this.#live.length)} asked, ${dead} not 200`,
        wanted: '200 always',
        passed: dead === 0 && this.#live.length > 0,
      },
      {
        what: '`/readyz` meanwhile',
        measured: `${count(noticed.length)} asked, ${wrong} not 503; the slowest after ${seconds(slowest)}`,
        wanted: '503 always, <=3 s',
        passed: wrong === 0 && noticed.length > 0 && slowest <= 3_000,
      },
    ]
  }
}
