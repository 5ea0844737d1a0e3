import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { lookUp, signIn, tokenOf } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { type Ended, runCommand, type Settings, seed, soonest, startProgram, startServer } from './support/process.ts'
import { seconds } from './support/table.ts'

const REFUSED_WITHIN_MS = 2_000
const STARTED_WITHIN_MS = 5_000

export const drill: Drill = {
  promise: 'D8',
  title: 'one SQLite file has one server',
  isTimed: true,
  databases: ['sqlite'],
  async run(env) {
    const rounds = env.quick ? 3 : 10
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', 1)))
    const port = await freePort()
    let server = await startServer(env.stage, place.settings, port)
    const second = new Refusals()
    const byLink = new Refusals()
    const migrate = new Refusals()
    const restarts: number[] = []
    let seeded = 0
    let answered = 0
    const link = join(env.stage.folder(), 'elsewhere.db')
    symlinkSync(join(place.folder, 'license.db'), link)
    for (let round = 0; round < rounds; round++) {
      second.note(env, await soonest(REFUSED_WITHIN_MS, () => serveAgain(env, place.settings)))
      const linked = { ...place.settings, LICENSE_DATABASE_URL: `sqlite:${link}` }
      byLink.note(env, await soonest(REFUSED_WITHIN_MS, () => serveAgain(env, linked)))
      migrate.note(env, await soonest(REFUSED_WITHIN_MS, () => runCommand(env.stage, ['migrate'], place.settings)))
      await seed(env.stage, place.settings, { users: usersNamed(`beside${round}-`, 1) })
      seeded++
      const token = tokenOf(await signIn(server.url, `beside${round}-0@drill.test`, PASSWORD))
      if ((await lookUp(server.url, token)).status === 200) answered++
      await server.kill()
      server = await startServer(env.stage, place.settings, port)
      restarts.push(server.readyMs)
    }
    await server.kill()
    return [
      second.line('a second server on the file'),
      byLink.line('a second server by a symbolic link to the file'),
      migrate.line('`migrate` while the server runs'),
      {
        what: '`seed` beside the server, and the new user signs in at once',
        measured: `${seeded} seeded, ${answered} signed in`,
        wanted: `${rounds} and ${rounds}`,
        passed: seeded === rounds && answered === rounds,
      },
      {
        what: 'a new server after kill -9 of the first',
        measured: `${restarts.length} of ${rounds} started, slowest ready after ${seconds(Math.max(...restarts))}`,
        wanted: `${rounds}, ready <=5 s`,
        passed: Math.max(...restarts) <= STARTED_WITHIN_MS,
      },
      await atTheSameTime(env, place.settings, rounds),
    ]
  },
}

async function serveAgain(env: DrillEnv, settings: Settings): Promise<Ended> {
  const program = startProgram(env.stage, ['serve'], { ...settings, LICENSE_PORT: '0' })
  const timer = setTimeout(() => program.kill(), 5 * REFUSED_WITHIN_MS)
  const ended = await program.ended
  clearTimeout(timer)
  return ended
}

/** How a program that may not run ended, again and again. */
class Refusals {
  #times = 0
  #clear = 0
  #slowest = 0

  note(env: DrillEnv, { code, stdout, stderr, ms }: Ended): void {
    this.#times++
    this.#slowest = Math.max(this.#slowest, ms)
    const isOneLine = /^[^\n]*\bAnother License server runs on [^\n]*\n$/.test(stderr)
    if (code !== null && code !== 0 && isOneLine && stdout === '') this.#clear++
    else env.say(`exit code ${code}: ${stderr}${stdout}`)
  }

  line(what: string): Measured {
    return {
      what,
      measured: `${this.#clear} of ${this.#times} refused in one line, slowest ${seconds(this.#slowest)}`,
      wanted: 'all, exit not 0, <=2 s',
      passed: this.#clear === this.#times && this.#slowest <= REFUSED_WITHIN_MS,
    }
  }
}

async function atTheSameTime(env: DrillEnv, settings: Settings, rounds: number): Promise<Measured> {
  let right = 0
  for (let round = 0; round < rounds; round++) {
    const four = Array.from({ length: 4 }, () => startProgram(env.stage, ['serve'], { ...settings, LICENSE_PORT: '0' }))
    // Three end by themselves; the one that is left is then ended.
    await Promise.race([
      new Promise((resolve) => setTimeout(resolve, 20_000)),
      threeEnded(four.map((each) => each.ended)),
    ])
    const running = four.filter((each) => each.isRunning())
    if (running.length === 1) right++
    else env.say(`${running.length} of 4 run`)
    await Promise.all(four.map((each) => each.kill()))
  }
  return {
    what: 'four servers started at the same time',
    measured: `exactly one stayed in ${right} of ${rounds} rounds`,
    wanted: 'in all',
    passed: right === rounds,
  }
}

function threeEnded(ends: readonly Promise<Ended>[]): Promise<void> {
  return new Promise((resolve) => {
    let ended = 0
    for (const end of ends) end.then(() => ++ended === 3 && resolve())
  })
}
