import { setTimeout as sleep } from 'node:timers/promises'
import { loadAnswer } from '../packages/server/src/access/answer.ts'
import { COMMAND_LINE } from '../packages/server/src/audit/actor.ts'
import { audit } from '../packages/server/src/audit/write.ts'
import { readConfig } from '../packages/server/src/config.ts'
import { type Context, createContext, createLog } from '../packages/server/src/context.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { askAdmin, operatorKey, Receiver, TO_THIS_MACHINE, untilNoted } from './support/hooks.ts'
import { APPLICATION, houseOf, member } from './support/house.ts'
import { newPlace } from './support/place.ts'
import { type ServerProcess, seed, startServer } from './support/process.ts'
import { Random } from './support/random.ts'
import { count, seconds } from './support/table.ts'

const USERS = 150
/** Nothing that is stored ever concerns them. */
const GHOSTS = 20
const AT_ONCE = 6
const CHEAP_HASH = 'pbkdf2_sha256$1$drillsalt$H8nh8ZPaIP3YqjTVI5BIE1aqXqcA0WZpxeg1Maj0zQQ='
const ARRIVES_WITHIN_MS = 120_000

type Scene = { env: DrillEnv; ctx: Context; key: string; company: string; users: string[]; ghosts: string[] }

export const drill: Drill = {
  promise: 'W1',
  title: 'no event is lost, none invented, while servers are killed and receivers fail',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const [changes, rolledBack] = env.quick ? [300, 40] : [10_000, 1_000]
    const place = await newPlace(env)
    const settings = { ...place.settings, ...TO_THIS_MACHINE }
    const people = (prefix: string, many: number) =>
      Array.from({ length: many }, (_, nth) =>
        member({ email: `${prefix}${nth}@drill.test`, password_hash: CHEAP_HASH }),
      )
    await seed(env.stage, settings, houseOf([...people('user', USERS), ...people('ghost', GHOSTS)]))
    const port = await freePort()
    let server = await startServer(env.stage, settings, port)
    await using ctx = await createContext(readConfig(settings), { log: createLog({ logLevel: 'silent' }) })
    const scene = await sceneOf(env, ctx)
    await untilNoted(ctx, { wants: false })
    const receivers = await Promise.all([0.3, 0.3, 0].map((failing) => begin(server, scene, failing)))
    await untilNoted(ctx, { wants: true })

    const random = new Random(4_712)
    const done = { changes: 0, kills: 0, rolledBack: 0 }
    const changing = Array.from({ length: AT_ONCE }, async (_, lane) => {
      // Each of its own people, so that what a lost answer did is seen by the next.
      const own = scene.users.filter((_user, nth) => nth % AT_ONCE === lane)
      while (done.changes < changes)
        if (await change(server, scene, own[random.whole(0, own.length - 1)])) done.changes++
    })
    const undoing = (async () => {
      for (; done.rolledBack < rolledBack; done.rolledBack++) {
        await rollBack(scene, scene.ghosts[done.rolledBack % GHOSTS] ?? '')
        await sleep(env.quick ? 5 : 20)
      }
    })()
    let isChanging = true
    const killing = (async () => {
      while (isChanging) {
        await sleep(random.whole(env.quick ? 700 : 1_500, env.quick ? 1_500 : 5_000))
        if (!isChanging) return
        await server.kill()
        done.kills++
        server = await startServer(env.stage, settings, port)
      }
    })()
    await Promise.all([...changing, undoing])
    isChanging = false
    await killing

    const startedAt = performance.now()
    const isAll = await arrive(server, scene, receivers)
    const took = performance.now() - startedAt
    const wrong = (await Promise.all(receivers.map(({ receiver }) => differences(scene, receiver)))).flat()
    const faults = receivers.flatMap(({ receiver }) => receiver.faults)
    const invented = receivers.flatMap(({ receiver }) =>
      [...receiver.known.keys()].filter((of) => scene.ghosts.includes(of.split(' ')[0] ?? '')),
    )
    for (const line of [...wrong, ...faults].slice(0, 20)) env.say(line)
    await server.kill()
    for (const { receiver } of receivers) await receiver[Symbol.asyncDispose]()
    return report({ ...done, isAll, took, wrong, faults, invented, receivers: receivers.map((each) => each.receiver) })
  },
}

async function sceneOf(env: DrillEnv, ctx: Context): Promise<Scene> {
  const { read } = ctx.db
  const company = await read.selectFrom('companies').select('id').executeTakeFirstOrThrow()
  const all = await read.selectFrom('users').select(['id', 'email']).orderBy('email').execute()
  const named = (prefix: string) => all.filter(({ email }) => email.startsWith(prefix)).map(({ id }) => id)
  const key = await operatorKey(ctx)
  return { env, ctx, key, company: company.id, users: named('user'), ghosts: named('ghost') }
}

async function begin(server: ServerProcess, { key }: Scene, failing: number) {
  const receiver = await new Receiver().start()
  receiver.failing = failing
  const path = `/applications/${APPLICATION}/endpoints`
  const { body } = await askAdmin(server.url, key, `POST ${path}`, { url: receiver.url })
  receiver.secret = String(body.secret)
  return { receiver, path: `${path}/${body.id}` }
}

/** Takes a seat, or gives it back with what it had. True where it was answered. */
async function change(server: ServerProcess, { key, company }: Scene, user = ''): Promise<boolean> {
  const path = `/companies/${company}/seats/${APPLICATION}/${user}`
  try {
    const { status } = await askAdmin(server.url, key, `DELETE ${path}`)
    if (status === 204) return true
    return (await askAdmin(server.url, key, `PUT ${path}`, { restore_grants: true })).status === 200
  } catch {
    await sleep(50)
    return false
  }
}

/** A change with all that belongs to it, which is not stored. */
async function rollBack({ ctx, company }: Scene, user: string): Promise<void> {
  const undone = new Error('rolled back')
  await ctx.db
    .transaction(async (tx) => {
      await tx.deleteFrom('grants').where('user_id', '=', user).execute()
      await tx.deleteFrom('seats').where('user_id', '=', user).execute()
      const of = { companyId: company, applicationId: APPLICATION }
      await audit(ctx, tx, COMMAND_LINE, { act: 'seat.taken', target: { kind: 'user', id: user }, ...of })
      throw undone
    })
    .catch((error: unknown) => {
      if (error !== undone) throw error
    })
}

/** The receivers are mended; whoever runs the house switches each off and on, so that nothing waits for its hour. */
async function arrive(
  server: ServerProcess,
  scene: Scene,
  receivers: readonly { receiver: Receiver; path: string }[],
): Promise<boolean> {
  for (const { receiver } of receivers) receiver.failing = 0
  const until = performance.now() + ARRIVES_WITHIN_MS
  for (let turn = 0; performance.now() < until; turn++) {
    if (turn % 10 === 0)
      for (const { path } of receivers)
        for (const active of [false, true]) await askAdmin(server.url, scene.key, `PATCH ${path}`, { active })
    await sleep(1_000)
    const { read } = scene.ctx.db
    const due = await read.selectFrom('due').select('id').limit(1).execute()
    const unnumbered = await read.selectFrom('events').select('id').where('seq', 'is', null).limit(1).execute()
    const waiting = await read.selectFrom('deliveries').select('id').where('state', '=', 'waiting').limit(1).execute()
    if (due.length + unnumbered.length + waiting.length === 0 && turn > 1) return true
  }
  return false
}

/** What a receiver was told last of everybody, against what the server answers. */
async function differences({ ctx, company, users }: Scene, { known }: Receiver): Promise<string[]> {
  const wrong: string[] = []
  for (const user of users) {
    const told = known.get(`${user} ${company}`)
    const found = await loadAnswer(ctx, user, APPLICATION)
    const holds = found?.answer.companies.find(({ id }) => id === company)?.permissions.join(' ') ?? ''
    // Of whom nothing was changed, nothing was told.
    const is = told?.permissions ?? 'create_invoice list_invoices use_app'
    if (is !== holds) wrong.push(`${user}: told "${is}", holds "${holds}"`)
  }
  return wrong
}

type Outcome = {
  changes: number
  kills: number
  rolledBack: number
  isAll: boolean
  took: number
  wrong: readonly string[]
  faults: readonly string[]
  invented: readonly string[]
  receivers: readonly Receiver[]
}

function report(outcome: Outcome): Measured[] {
  const { changes, kills, rolledBack, isAll, took, wrong, faults, invented, receivers } = outcome
  const came = receivers.map((each) => count(each.came)).join(', ')
  const repeated = receivers.reduce((sum, each) => sum + each.repeated, 0)
  return [
    {
      what: `${count(changes)} changes, ${kills} kills of the server, three receivers of which two fail 30 %`,
      measured: `${wrong.length} of what they know is not as the server's, ${seconds(took)} after the last change; ${came} came`,
      wanted: '0',
      passed: wrong.length === 0 && isAll && kills > 2,
    },
    {
      what: `${count(rolledBack)} changes that were rolled back`,
      measured: `${invented.length} told`,
      wanted: '0 told',
      passed: invented.length === 0,
    },
    {
      what: 'what was sent again',
      measured: `${count(repeated)} under their first id; ${faults.length} with a wrong signature or about something else`,
      wanted: '0 wrong',
      passed: faults.length === 0 && repeated > 0,
    },
  ]
}
