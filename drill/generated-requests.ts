import { hashPassword } from '../packages/server/src/credentials/password-hash.ts'
import { ACME, MANAGED_HOUSE } from '../packages/server/tests/support/admin.ts'
import { readOperations } from '../packages/server/tests/support/generated/description.ts'
import { openDigest } from '../packages/server/tests/support/generated/digest.ts'
import { newPlayed, type Played, play, reached } from '../packages/server/tests/support/generated/play.ts'
import { setUpStage } from '../packages/server/tests/support/generated/stage.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv } from './support/drill.ts'
import { PASSWORD } from './support/house.ts'
import { newPlace } from './support/place.ts'
import { runCommand, seed, startServer } from './support/process.ts'
import { count } from './support/table.ts'

/** Each on a house of its own: what is made by chance would outgrow it, and what is taken away would be missed. */
const HOUSES = 20
const REQUESTS = 5_000
const HOUSES_QUICK = 2
const REQUESTS_QUICK = 1_500

export const drill: Drill = {
  promise: 'I1',
  title: 'whatever is sent is answered as the API is described, and stores nothing when it is wrong',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const played = newPlayed()
    const ends: string[] = []
    const [houses, each] = env.quick ? [HOUSES_QUICK, REQUESTS_QUICK] : [HOUSES, REQUESTS]
    for (let nth = 0; nth < houses; nth++) ends.push(...(await playHouse(env, played, { nth, each })))
    for (const [line, times] of played.faults) env.say(`${times} times: ${line}`)
    const { of, missed } = reached(readOperations(), played)
    env.say(`not met: ${missed.join(', ')}`)
    const answers = [...played.answers]
      .sort(([a], [b]) => a - b)
      .map(([status, times]) => `${count(times)} x ${status}`)
    const failed = [...played.answers].filter(([status]) => status >= 500).reduce((sum, [, times]) => sum + times, 0)
    return [
      {
        what: `${count(played.requests)} generated requests`,
        measured: `${answers.join(', ')}; ${of - missed.length} of ${of} documented answers met; ${ends.length} exits${ends.map((end) => `: ${end}`).join('')}`,
        wanted: '0 x 5xx, 0 exits',
        passed: failed === 0 && ends.length === 0 && played.requests >= houses * each,
      },
      {
        what: 'what is wrong answers 4xx and stores nothing; all is as described',
        measured: `${count(played.wrong)} wrong by their form, ${count(played.stored)} stored something and were answered 2xx; ${played.faults.size} kinds of faults`,
        wanted: '0 faults',
        passed: played.faults.size === 0 && played.wrong > 0 && played.stored > 0,
      },
    ]
  },
}

async function playHouse(
  env: DrillEnv,
  played: Played,
  { nth, each }: { nth: number; each: number },
): Promise<string[]> {
  const place = await newPlace(env)
  const password_hash = await hashPassword(PASSWORD)
  await seed(env.stage, place.settings, {
    ...MANAGED_HOUSE,
    users: MANAGED_HOUSE.users.map((user) => ({ ...user, password_hash })),
  })
  const told = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCommand(env.stage, [...args, '--json'], place.settings)
    if (code !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`)
    return JSON.parse(stdout) as Record<string, string>
  }
  const { key = '' } = await told('key', 'create', '--name', 'drill', '--operator')
  const { token = '' } = await told(
    'impersonate',
    'dora@acme.test',
    '--company',
    ACME,
    '--application',
    'crm',
    '--reason',
    'A call',
  )
  const server = await startServer(env.stage, place.settings, await freePort())
  const { LICENSE_DATABASE_URL: url } = place.settings
  await using digest = await openDigest(
    url === undefined ? { kind: 'sqlite', file: `${place.folder}/license.db` } : { kind: 'postgres', url },
  )
  const stage = await setUpStage(server.url, key, { digest, connections: 4, password: PASSWORD, oneTime: [token] })
  await play(stage, { count: each, seed: 1 + nth * each }, played)
  const faults = await place.faults()
  if (!server.isRunning()) return [`in house ${nth}: ${server.log().slice(-2_000)}`]
  const { code } = await server.stop()
  env.say(`house ${nth + 1}: ${count(played.requests)} requests so far, ${played.faults.size} kinds of faults`)
  return [...(code === 0 ? [] : [`house ${nth} ended with ${code}`]), ...faults]
}
