import { readConfig } from '../packages/server/src/config.ts'
import { type Context, createContext, createLog } from '../packages/server/src/context.ts'
import type { HouseFile } from '../packages/server/src/imports/house-schema.ts'
import { checkHouse } from '../packages/server/src/imports/read-house.ts'
import { seedHouse } from '../packages/server/src/imports/seed.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv } from './support/drill.ts'
import { APPLICATION, COMPANY, houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { type Answer, lookUp, signIn, signOut, tokenOf } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { type ServerProcess, seed, startServer } from './support/process.ts'
import { count } from './support/table.ts'

const EMAIL = 'user0@drill.test'
const CONNECTIONS = 3
/** Stale answers that are told one by one. */
const SAID = 20

/** `ends`: the sessions are over for good, and begin anew with a sign-in. */
type Change = { what: string; take: HouseFile; giveBack: HouseFile; ends: boolean }

/** Ways to take a right away, and back. */
const CHANGES: readonly Change[] = [
  bothWays('the license is suspended', (off) => ({
    licenses: [{ company: COMPANY, application: APPLICATION, suspended: off }],
  })),
  bothWays('the user is switched off', (off) => ({ users: [{ email: EMAIL, active: !off }] }), { ends: true }),
  bothWays('the company is switched off', (off) => ({ companies: [{ name: COMPANY, active: !off }] })),
  bothWays('the membership is switched off', (off) => ({
    users: [{ email: EMAIL, companies: [{ company: COMPANY, active: !off }] }],
  })),
  bothWays('the application is switched off', (off) => ({ applications: [{ id: APPLICATION, active: !off }] }), {
    ends: true,
  }),
  bothWays('the seat ends', (off) => ({
    users: [
      {
        email: EMAIL,
        companies: [
          {
            company: COMPANY,
            grants: [{ application: APPLICATION, seat: { ends_at: off ? '2021-01-01T00:00:00Z' : null } }],
          },
        ],
      },
    ],
  })),
  bothWays('the license no longer includes the permission', (off) => ({
    licenses: [{ company: COMPANY, application: APPLICATION, permissions: off ? ['list_invoices'] : 'all' }],
  })),
  bothWays('the permission asks for less', (off) => ({
    applications: [{ id: APPLICATION, permissions: [{ slug: 'create_invoice', needs: off ? null : 'list_invoices' }] }],
  })),
]

export const drill: Drill = {
  promise: 'Z5',
  title: 'what was taken away is gone in the very next answer',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', 1)))
    const nodes = await startNodes(env, place.settings)
    // The drill is one more process that writes: by the code of `seed`, without the time that a program takes to start.
    await using ctx = await createContext(readConfig(place.settings), { log: createLog({ logLevel: 'silent' }) })
    let token = tokenOf(await signIn(at(nodes, 0).url, EMAIL, PASSWORD))
    const rounds = env.quick ? 200 : 1_000
    const stale = { rights: 0, signOuts: 0 }
    let answers = 0
    for (let round = 0; round < rounds; round++) {
      const change = CHANGES[round % CHANGES.length]
      if (!change) throw new Error('no change')
      answers += await turn(ctx, nodes, token, change.take, (answer) => {
        if (!hasAll(answer)) return
        if (++stale.rights <= SAID) env.say(`stale after "${change.what}"`)
      })
      answers += await turn(ctx, nodes, token, change.giveBack, (answer) => {
        if (change.ends ? answer.status === 401 : hasAll(answer)) return
        if (++stale.rights <= SAID) env.say(`not as before after "${change.what}": ${answer.status} ${answer.body}`)
      })
      if (change.ends) token = tokenOf(await signIn(at(nodes, round).url, EMAIL, PASSWORD))
    }
    const signOuts = env.quick ? 20 : 200
    for (let round = 0; round < signOuts; round++) {
      const own = tokenOf(await signIn(at(nodes, round).url, EMAIL, PASSWORD))
      if ((await lookUp(at(nodes, round + 1).url, own)).status !== 200) throw new Error('a new token is not accepted')
      if ((await signOut(at(nodes, round).url, own)).status !== 200) throw new Error('a sign-out failed')
      const after = await Promise.all(nodes.map((node) => lookUp(node.url, own)))
      stale.signOuts += after.filter((answer) => answer.status !== 401).length
    }
    for (const node of nodes) await node.kill()
    const where = nodes.length === 1 ? 'one server, written to from beside it' : `${nodes.length} servers`
    return [
      {
        what: `${CHANGES.length} ways to take a right away, and back; ${where}`,
        measured: `${count(rounds)} rounds, ${count(answers)} answers, ${stale.rights} stale`,
        wanted: '0 stale',
        passed: stale.rights === 0 && answers > 0,
      },
      {
        what: `a sign-out is final; ${where}`,
        measured: `${signOuts} sign-outs, ${stale.signOuts} accepted after`,
        wanted: '0 accepted after',
        passed: stale.signOuts === 0,
      },
    ]
  },
}

function bothWays(what: string, house: (off: boolean) => HouseFile, { ends } = { ends: false }): Change {
  return { what, take: house(true), giveBack: house(false), ends }
}

async function startNodes(env: DrillEnv, settings: Record<string, string>): Promise<ServerProcess[]> {
  const nodes: ServerProcess[] = []
  const wanted = env.database === 'sqlite' ? 1 : env.quick ? 2 : 4
  while (nodes.length < wanted) nodes.push(await startServer(env.stage, settings, await freePort()))
  return nodes
}

/** Changes the house and, as soon as that returned, asks every node on several connections at once. */
async function turn(
  ctx: Context,
  nodes: readonly ServerProcess[],
  token: string,
  house: HouseFile,
  judge: (answer: Answer) => void,
): Promise<number> {
  await seedHouse(ctx, checkHouse(house))
  const asked = nodes.flatMap((node) => Array.from({ length: CONNECTIONS }, () => lookUp(node.url, token)))
  const answers = await Promise.all(asked)
  for (const answer of answers) judge(answer)
  return answers.length
}

function hasAll({ status, body }: Answer): boolean {
  return status === 200 && ['create_invoice', 'list_invoices', 'use_app'].every((slug) => body.includes(`"${slug}"`))
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length]
  if (found === undefined) throw new Error('an empty list')
  return found
}
