import { hashPassword } from '../packages/server/src/credentials/password-hash.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { APPLICATION, COMPANY, houseOf, member, PASSWORD } from './support/house.ts'
import { type Answer, lookUp, signIn, tokenOf } from './support/http.ts'
import { startNode } from './support/node.ts'
import { newPlace, type Place } from './support/place.ts'
import { type ServerProcess, seed, startServer } from './support/process.ts'
import { count } from './support/table.ts'

const VICTIM = 'victim@drill.test'
const INVENTED = 'invented@drill.test'
const FREE = 5
const NODES = 4
const SECOND = 1_000

const BACK_END = 'web'
const SECRET = 'the-drill-has-a-back-end'
const HOME = '192.0.2.7'

/** A back-end that proved itself and says where its user is. */
function from(address?: string): Record<string, string> {
  const named: Record<string, string> = address === undefined ? {} : { 'x-license-user-address': address }
  return { 'x-license-module': BACK_END, 'x-license-secret': SECRET, ...named }
}

export const drill: Drill = {
  promise: 'A4–A6',
  title: 'guessing is hopeless, and the limits hurt nobody else',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    return [
      await oneASecond(env),
      await manyAtOnce(env),
      await inventedNames(env),
      ...(await oneBackEnd(env)),
      ...(await attackOnOne(env)),
    ]
  },
}

/** The victim and as many others, who all have PASSWORD. */
async function newHouse(env: DrillEnv, others = 0): Promise<Place> {
  const place = await newPlace(env)
  const hash = await hashPassword(PASSWORD)
  const emails = [VICTIM, ...Array.from({ length: others }, (_, at) => `other${at}@drill.test`)]
  const users = emails.map((email) => member({ email, password_hash: hash }))
  for (const user of users) user.companies?.[0]?.grants?.push({ application: BACK_END, permissions: [] })
  const house = houseOf(users)
  house.applications?.push({ id: BACK_END, name: 'Back-end', secret: SECRET, permissions: [] })
  house.licenses?.push({ company: COMPANY, application: BACK_END, from: '2020-01-01', permissions: 'all' })
  await seed(env.stage, place.settings, house)
  return place
}

/** One try a second on each of two names for a day of the server's clock. What was hashed is what was answered with 401. */
async function oneASecond(env: DrillEnv): Promise<Measured> {
  const hours = env.quick ? 0.1 : 24
  const place = await newHouse(env)
  await using node = await startNode(place.settings)
  const hashed: Record<string, number[]> = { [VICTIM]: [], [INVENTED]: [] }
  for (let second = 0; second < hours * 3_600; second++) {
    if (second % 3_600 === 0) env.say(`hour ${second / 3_600}`)
    await Promise.all(
      Object.entries(hashed).map(async ([name, seconds]) => {
        const { status } = await signIn(node.url, name, `guess ${second}`)
        if (status === 401) seconds.push(second)
        else if (status !== 429) throw new Error(`a guess was answered with ${status}`)
      }),
    )
    node.clock.advance(SECOND)
  }
  const most = Math.max(...Object.values(hashed).map(mostInAMinute))
  const counts = Object.values(hashed).map((seconds) => seconds.length)
  const allowed = Math.ceil((1_500 * hours) / 24) + 10
  return {
    what: `one try a second for ${hours} h, on an account and on a name that is none`,
    measured: `${counts.map(count).join(' and ')} hashes, at most ${most} in a minute`,
    wanted: `<=${count(allowed)}, <=10, alike`,
    passed: counts.every((each) => each <= allowed && each > hours * 55) && most <= 10 && counts[0] === counts[1],
  }
}

function mostInAMinute(seconds: readonly number[]): number {
  return Math.max(0, ...seconds.map((from) => seconds.filter((at) => at >= from && at < from + 60).length))
}

async function manyAtOnce(env: DrillEnv): Promise<Measured> {
  const place = await newHouse(env)
  const nodes = await startNodes(env, place)
  const hashed: number[] = []
  let others = 0
  for (const name of [VICTIM, INVENTED]) {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => signIn(urlOf(nodes, at), name, `guess ${at}`)),
    )
    hashed.push(answers.filter(({ status }) => status === 401).length)
    others += answers.filter(({ status }) => ![401, 429, 503].includes(status)).length
  }
  await Promise.all(nodes.map((node) => node.stop()))
  return {
    what: `100 at once over ${nodes.length} server${nodes.length === 1 ? '' : 's'}, on an account and on a name that is none`,
    measured: `${hashed.join(' and ')} hashes, ${others} other answers`,
    wanted: `<=${FREE + NODES}, 0`,
    passed: hashed.every((each) => each >= FREE && each <= FREE + NODES) && others === 0,
  }
}

/** More names than can be hashed: what is not hashed leaves no row, and nobody's wait is touched. */
async function inventedNames(env: DrillEnv): Promise<Measured> {
  const names = env.quick ? 1_000 : 1_000_000
  const place = await newHouse(env)
  const server = await startServer(env.stage, place.settings, await freePort())
  for (let at = 0; at < FREE; at++) await signIn(server.url, VICTIM, 'wrong')
  const victim = "select * from throttles where key like 'user %'"
  const before = JSON.stringify(await place.query(victim))
  let asked = 0
  let hashed = 0
  let most = 0
  let odd = 0
  const worker = async () => {
    while (asked < names) {
      const at = asked++
      if (at % Math.ceil(names / 10) === 0) most = Math.max(most, await rows(place))
      if (at % 100_000 === 99_999) env.say(`${count(at + 1)} names`)
      const { status } = await signIn(server.url, `name${at}@flood.test`, 'Spring2026!')
      if (status === 401) hashed++
      else if (status !== 503 && status !== 429) odd++
    }
  }
  await Promise.all(Array.from({ length: 400 }, worker))
  most = Math.max(most, await rows(place))
  const after = JSON.stringify(await place.query(victim))
  await server.stop()
  return {
    what: `${count(names)} invented names`,
    measured: `${count(hashed)} hashed, at most ${count(most)} rows; the wait of another account ${before === after ? 'as it was' : 'changed'}; ${odd} other answers`,
    wanted: 'no more rows than hashes; as it was; 0',
    passed: most <= hashed + 1 && before === after && before.length > 2 && odd === 0 && hashed > 0,
  }
}

async function rows(place: Place): Promise<number> {
  const [row] = await place.query('select count(*) as count from throttles')
  return Number(row?.count)
}

/** A morning: everybody signs in through one back-end, one in twenty mistypes first. */
async function oneBackEnd(env: DrillEnv): Promise<Measured[]> {
  const users = env.quick ? 100 : 1_000
  const measured: Measured[] = []
  for (const address of [undefined, HOME]) {
    const place = await newHouse(env, users)
    const server = await startServer(env.stage, place.settings, await freePort())
    let next = 0
    let typos = 0
    const refused: Answer[] = []
    const worker = async () => {
      while (next < users) {
        const at = next++
        if (at % 20 === 0) {
          typos++
          await signIn(server.url, `other${at}@drill.test`, 'a dril is no emergency', from(address))
        }
        const answer = await signIn(server.url, `other${at}@drill.test`, PASSWORD, from(address))
        if (answer.status !== 200) refused.push(answer)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    await server.stop()
    for (const { status, body } of refused.slice(0, 5)) env.say(`${status} ${body}`)
    measured.push({
      what: `${count(users)} users of one back-end${address ? ', all at one end user’s address' : ''}, ${typos} mistype first`,
      measured: `${refused.length} right passwords refused`,
      wanted: '0',
      passed: refused.length === 0 && typos > 0,
    })
  }
  return measured
}

async function attackOnOne(env: DrillEnv): Promise<Measured[]> {
  const place = await newHouse(env)
  const server = await startServer(env.stage, place.settings, await freePort())
  const token = tokenOf(await signIn(server.url, VICTIM, PASSWORD, from(HOME)))
  const before = tokenOf(await signIn(server.url, VICTIM, PASSWORD, { 'x-license-module': APPLICATION }))
  const wrong = env.quick ? 200 : 1_000
  let sent = 0
  let badLookUps = 0
  const rightOnes: Answer[] = []
  const attacker = async () => {
    while (sent < wrong) await signIn(server.url, VICTIM, `guess ${sent++}`, from('198.51.100.1'))
  }
  const owner = async () => {
    while (sent < wrong) {
      rightOnes.push(await signIn(server.url, VICTIM, PASSWORD, from(HOME)))
      for (const look of [await lookUp(server.url, token, from()), await lookUp(server.url, before)])
        if (look.status !== 200) badLookUps++
    }
  }
  await Promise.all([attacker(), attacker(), attacker(), attacker(), owner()])
  const refused = rightOnes.filter(({ status }) => status !== 200).length
  const slowest = Math.max(...rightOnes.map(({ ms }) => ms))
  const waited = await untilLetIn(server)
  await server.stop()
  return [
    {
      what: `the right password from where the owner signed in before, while ${count(wrong)} wrong ones come`,
      measured: `${refused} of ${rightOnes.length} refused, the slowest after ${Math.round(slowest)} ms; ${badLookUps} look-ups with the owner's tokens refused`,
      wanted: '0, 0',
      passed: refused === 0 && badLookUps === 0 && rightOnes.length > 3,
    },
    {
      what: 'the right password from anywhere, after the attack',
      measured: `let in after ${(waited / SECOND).toFixed(1)} s`,
      wanted: '<=60 s',
      passed: waited <= 60 * SECOND,
    },
  ]
}

async function untilLetIn(server: ServerProcess): Promise<number> {
  const start = performance.now()
  for (;;) {
    const { status } = await signIn(server.url, VICTIM, PASSWORD)
    const waited = performance.now() - start
    if (status === 200 || waited > 120 * SECOND) return waited
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Four on one PostgreSQL; SQLite has one. */
async function startNodes(env: DrillEnv, place: Place): Promise<ServerProcess[]> {
  const nodes: ServerProcess[] = []
  while (nodes.length < (env.database === 'postgres' ? NODES : 1))
    nodes.push(await startServer(env.stage, place.settings, await freePort()))
  return nodes
}

function urlOf(nodes: readonly ServerProcess[], at: number): string {
  return nodes[at % nodes.length]?.url ?? ''
}
