import { readConfig } from '../packages/server/src/config.ts'
import { type Context, createContext, createLog } from '../packages/server/src/context.ts'
import type { HouseFile } from '../packages/server/src/imports/house-schema.ts'
import { checkHouse } from '../packages/server/src/imports/read-house.ts'
import { seedHouse } from '../packages/server/src/imports/seed.ts'
import type { Drill, Measured } from './support/drill.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { PASSWORD } from './support/house.ts'
import { type Answer, lookUp, signIn, tokenOf } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { seed } from './support/process.ts'
import { ALL, EMAIL, HOUSE, type Left, REVOCATIONS, type Scene } from './support/revocations.ts'
import { count } from './support/table.ts'

/** Stale answers that are told one by one. */
const SAID = 20

export const drill: Drill = {
  promise: 'Z5',
  title: 'what was taken away is gone in the very next answer',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, HOUSE)
    await using fleet = await startFleet(env, place.settings)
    // The drill is one more process that writes: by the code of the commands, without the time that a program takes to start.
    await using ctx = await createContext(readConfig(place.settings), { log: createLog({ logLevel: 'silent' }) })
    const enter = async () => tokenOf(await signIn(fleet.url, EMAIL, PASSWORD))
    const scene: Scene = { ctx, url: fleet.url, seed: (house) => seedBeside(ctx, house), token: await enter() }
    const rounds = env.quick ? 3 * REVOCATIONS.length : 1_000
    const stale: string[] = []
    let answers = 0
    const judge = async (after: string, wanted: Left) => {
      for (const answer of await askAll(fleet, scene.token)) {
        answers++
        if (!isAs(answer, wanted)) stale.push(`after "${after}": ${answer.status} ${answer.body.slice(0, 200)}`)
      }
    }
    for (let round = 0; round < rounds; round++) {
      const revocation = REVOCATIONS[round % REVOCATIONS.length]
      if (!revocation) throw new Error('no revocation')
      const { what, take, giveBack, left } = revocation
      await take(scene)
      await judge(what, left)
      await giveBack?.(scene)
      // What has ended stays so, and begins anew with a sign-in.
      if (left === 'refused') {
        await judge(`${what}, and back`, 'refused')
        scene.token = await enter()
      }
      await judge(`${what}, and back`, ALL)
    }
    for (const line of stale.slice(0, SAID)) env.say(line)
    return [asLine(fleet.size, rounds, answers, stale.length)]
  },
}

function asLine(servers: number, rounds: number, answers: number, stale: number): Measured {
  const where = servers === 1 ? 'one server, written to from beside it' : `${servers} servers behind a balancer`
  return {
    what: `${REVOCATIONS.length} ways to take a right away, and back; ${where}`,
    measured: `${count(rounds)} rounds, ${count(answers)} answers, ${stale} stale`,
    wanted: '0 stale',
    passed: stale === 0 && answers > rounds * servers,
  }
}

async function seedBeside(ctx: Context, house: HouseFile): Promise<void> {
  await seedHouse(ctx, checkHouse(house), { takesUpDeleted: true })
}

/** As soon as the act has returned: every server itself, and through the balancer on several connections at once. */
function askAll(fleet: Fleet, token: string): Promise<Answer[]> {
  const urls = [...fleet.nodes().map(({ url }) => url), ...Array.from({ length: 2 * fleet.size }, () => fleet.url)]
  return Promise.all(urls.map((url) => lookUp(url, token)))
}

/** Whether an answer gives exactly these permissions, in one company, or none at all. */
function isAs({ status, body }: Answer, wanted: Left): boolean {
  if (wanted === 'refused') return status === 401
  if (status !== 200) return false
  const { permissions } = JSON.parse(body) as { permissions: { permissions: string[] }[] } // As docs/PROTOCOL.md has it.
  const slugs = permissions.map((company) => company.permissions.join())
  return slugs.join(';') === wanted.join()
}
