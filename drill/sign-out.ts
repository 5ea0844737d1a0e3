import { COMMAND_LINE } from '../packages/server/src/audit/actor.ts'
import { readConfig } from '../packages/server/src/config.ts'
import { type Context, createContext, createLog } from '../packages/server/src/context.ts'
import { endCredentials } from '../packages/server/src/credentials/ending.ts'
import { startImpersonation } from '../packages/server/src/impersonation/start.ts'
import type { Drill, DrillEnv } from './support/drill.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { APPLICATION, houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { type Answer, ask, lookUp, signIn, signOut, tokenOf } from './support/http.ts'
import { newPlace } from './support/place.ts'
import { seed } from './support/process.ts'
import { count } from './support/table.ts'

const EMAIL = 'user0@drill.test'
const MINUTE = 60_000
/** The servers' clocks are not quite the same. */
const CLOCKS = [0, -MINUTE / 2, MINUTE / 2, MINUTE]
/** And then somebody sets them. */
const SET = [-10 * MINUTE, 10 * MINUTE]

export const drill: Drill = {
  promise: 'T7',
  title: 'a sign-out is final on every server, and every token is a new one',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const place = await newPlace(env)
    await seed(env.stage, place.settings, houseOf(usersNamed('user', 1)))
    await using fleet = await startFleet(env, place.settings, { clocks: CLOCKS })
    await using ctx = await createContext(readConfig(place.settings), { log: createLog({ logLevel: 'silent' }) })
    const given = new Set<string>()
    const signedOut = await signOutEverywhere(env, fleet, ctx, given)
    const ended = await endFromBehind(env, fleet, ctx, given)
    const dead = [...signedOut.dead, ...ended.dead]
    const after = await turnClocks(fleet, dead, ended.live)
    const where = fleet.size === 1 ? 'one server' : `${fleet.size} servers whose clocks are up to 90 s apart`
    return [
      {
        what: `signed out at one server, asked at all; ${where}`,
        measured: `${count(signedOut.dead.length)} sign-outs, impersonations among them, ${signedOut.accepted} accepted after; ${signedOut.lost} other sessions lost`,
        wanted: '0 accepted, 0 lost',
        passed: signedOut.accepted === 0 && signedOut.lost === 0 && signedOut.dead.length > 0,
      },
      {
        what: 'all sessions ended from a clock that is behind, then a sign-in',
        measured: `${count(ended.dead.length)} sessions, ${ended.accepted} accepted after; ${ended.lost} of the new ones refused`,
        wanted: '0 accepted, 0 refused',
        passed: ended.accepted === 0 && ended.lost === 0 && ended.dead.length > 0,
      },
      {
        what: 'the same after every clock was set ten minutes back, and ahead',
        measured: `${count(after.asked)} answers, ${after.accepted} accepted after; ${after.lost} live ones refused`,
        wanted: '0 accepted, 0 refused',
        passed: after.accepted === 0 && after.lost === 0 && after.asked > 0,
      },
      {
        what: 'token values of sign-ins and impersonations',
        measured: `${count(signedOut.given + ended.given)} given, ${count(given.size)} of them different`,
        wanted: 'all',
        passed: given.size === signedOut.given + ended.given,
      },
    ]
  },
}

type Ends = {
  dead: string[]
  live: string[]
  /** Tokens that were given out. */
  given: number
  accepted: number
  lost: number
}

/** Every pair of servers: the one that signs in and the one that signs out. Another session of the same user goes on. */
async function signOutEverywhere(env: DrillEnv, fleet: Fleet, ctx: Context, given: Set<string>): Promise<Ends> {
  const ends: Ends = { dead: [], live: [], given: 0, accepted: 0, lost: 0 }
  const rounds = env.quick ? 16 : 200
  for (let round = 0; round < rounds; round++) {
    const [first, second] = [fleet.node(round).url, fleet.node(Math.floor(round / fleet.size)).url]
    const token = isOwn(round) ? await enter(first) : await impersonate(ctx, first)
    const other = await enter(second)
    for (const each of [token, other]) given.add(each)
    ends.given += 2
    await everywhere(fleet, token, 200)
    expect(await signOut(second, token), 200)
    ends.accepted += await countOther(fleet, token, 401)
    expect(await signOut(first, token), 401)
    ends.lost += await countOther(fleet, other, 200)
    ends.dead.push(token)
  }
  return ends
}

/** Tokens of servers whose clocks are ahead, ended by one whose clock is not. */
async function endFromBehind(env: DrillEnv, fleet: Fleet, ctx: Context, given: Set<string>): Promise<Ends> {
  const ends: Ends = { dead: [], live: [], given: 0, accepted: 0, lost: 0 }
  const userId = await idOf(ctx)
  for (let round = 0; round < (env.quick ? 2 : 25); round++) {
    const tokens = await Promise.all(fleet.nodes().map(({ url }) => enter(url)))
    await ctx.db.transaction((tx) => endCredentials(tx, { userId }, ctx.now() - MINUTE))
    for (const token of tokens) ends.accepted += await countOther(fleet, token, 401)
    const again = await enter(fleet.node(round).url)
    ends.lost += await countOther(fleet, again, 200)
    for (const each of [...tokens, again]) given.add(each)
    ends.given += tokens.length + 1
    ends.dead.push(...tokens)
    ends.live = [again]
  }
  return ends
}

async function turnClocks(fleet: Fleet, dead: readonly string[], live: readonly string[]) {
  let accepted = 0
  let lost = 0
  let asked = 0
  for (const ahead of SET) {
    await fleet.setAhead(ahead)
    for (const token of dead) accepted += await countOther(fleet, token, 401)
    for (const token of live) lost += await countOther(fleet, token, 200)
    asked += (dead.length + live.length) * fleet.size
  }
  return { accepted, lost, asked }
}

/** An impersonation every other time, so that each server has both. */
function isOwn(round: number): boolean {
  return (round + Math.floor(round / 4)) % 2 === 0
}

async function enter(url: string): Promise<string> {
  return tokenOf(await signIn(url, EMAIL, PASSWORD))
}

async function impersonate(ctx: Context, url: string): Promise<string> {
  const { id: companyId } = await ctx.db.read.selectFrom('companies').select('id').executeTakeFirstOrThrow()
  const wish = { userId: await idOf(ctx), companyId, applicationId: APPLICATION, reason: 'T7', minutes: 60 }
  const oneTime = (await startImpersonation(ctx, COMMAND_LINE, wish)).token
  const path = '/api/v1/auth/impersonation-validation/'
  const answer = expect(await ask(url, { path, method: 'POST', body: { token: oneTime } }), 200)
  return (JSON.parse(answer.body) as { auth_token: string }).auth_token // As docs/PROTOCOL.md has it.
}

async function idOf(ctx: Context): Promise<string> {
  return (await ctx.db.read.selectFrom('users').select('id').where('email', '=', EMAIL).executeTakeFirstOrThrow()).id
}

async function countOther(fleet: Fleet, token: string, wanted: number): Promise<number> {
  const answers = await Promise.all(fleet.nodes().map(({ url }) => lookUp(url, token)))
  return answers.filter(({ status }) => status !== wanted).length
}

async function everywhere(fleet: Fleet, token: string, wanted: number): Promise<void> {
  if ((await countOther(fleet, token, wanted)) > 0) throw new Error(`not ${wanted} on every server`)
}

function expect(answer: Answer, wanted: number): Answer {
  if (answer.status !== wanted) throw new Error(`${answer.status} instead of ${wanted}: ${answer.body}`)
  return answer
}
