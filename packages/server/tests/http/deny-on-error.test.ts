import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { deleteAllThrottles } from '../../src/credentials/throttle-store.ts'
import { startImpersonation } from '../../src/impersonation/start.ts'
import { type Call, call, type Reply, signIn } from '../support/calls.ts'
import { openCutter } from '../support/cutter.ts'
import { type FaultyServer, startFaulty } from '../support/faults.ts'
import { ACME, ANNA, FLAT_HOUSE, issue, PASSWORD } from '../support/house.ts'
import { type DatabaseKind, databases, newDatabase } from '../support/server.ts'
import { allTables, type Rows } from '../support/tables.ts'

type Server = Pick<FaultyServer, 'url' | 'ctx'>
type Tables = Record<string, Rows>

type Request = {
  name: string
  /** Makes what one try of it needs: a token, say. */
  prepare?(server: Server): Promise<string>
  ask(server: Server, prepared: string): Promise<Reply>
  /** Without a fault. */
  status: number
  /** Statements and hashings that it is known to have: fewer would mean that nothing was made to fail. */
  steps: number
  /** What a fault may leave behind, since it was stored for itself and gives nobody anything. */
  mayLeave?: string
  /** What may be answered although something failed. */
  mayAnswer?(reply: Reply): boolean
}

const SECRET = { 'x-license-secret': 'the-vault-opens-at-nine', 'x-license-user-address': '192.0.2.7' }

const annaInCrm = (server: Server) => issue(server, ANNA, 'crm')
const annaInTill = (server: Server) => issue(server, ANNA, 'till')
const byToken =
  (line: string, wish: Call = {}) =>
  (server: Server, token: string) =>
    call(server, line, { token, ...wish })
const validate = (wish: Call) => (server: Server, token: string) =>
  call(server, 'POST impersonation-validation/', { body: { token }, ...wish })

/** A wrong password came before: the next try is counted first, and forgiven when it was right. */
async function afterWrong(server: Server): Promise<string> {
  await server.ctx.db.transaction(deleteAllThrottles)
  assert.equal((await signIn(server, ANNA, 'wrong')).status, 401)
  return ''
}

async function oneTime({ ctx }: Server, applicationId = 'crm'): Promise<string> {
  const wish = { companyId: ACME, applicationId, reason: 'Z7', minutes: 30 }
  return (await startImpersonation(ctx, COMMAND_LINE, { ...wish, userId: await idOf(ctx, ANNA) })).token
}

/** Begun before the application was one of a flat dialect. */
async function oneTimeOfTill(server: Server): Promise<string> {
  const become = (dialect: 'v1' | 'flat-0.2') =>
    server.ctx.db.transaction((tx) =>
      tx.updateTable('applications').set({ dialect }).where('id', '=', 'till').execute(),
    )
  await become('v1')
  const token = await oneTime(server, 'till')
  await become('flat-0.2')
  return token
}

async function idOf(ctx: Server['ctx'], email: string): Promise<string> {
  return (await ctx.db.read.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()).id
}

const REQUESTS: Request[] = [
  // The first one also hashes the imported password anew.
  { name: 'a first sign-in', ask: (server) => signIn(server, ANNA, PASSWORD), status: 200, steps: 10 },
  { name: 'a sign-in', ask: (server) => signIn(server, ANNA, PASSWORD), status: 200, steps: 5 },
  { name: 'a sign-in of our client', ask: (s) => signIn(s, ANNA, PASSWORD, { rich: true }), status: 200, steps: 5 },
  ...(['till', 'press'] as const).map((module) => ({
    name: `a sign-in to ${module}`,
    ask: (server: Server) => signIn(server, ANNA, PASSWORD, { module }),
    status: 200,
    steps: 5,
  })),
  {
    name: 'a sign-in to an application that proves itself',
    ask: (server) => signIn(server, ANNA, PASSWORD, { module: 'vault', headers: SECRET }),
    status: 200,
    steps: 10,
  },
  {
    name: 'a sign-in after a wrong password',
    prepare: afterWrong,
    ask: (server) => signIn(server, ANNA, PASSWORD),
    status: 200,
    steps: 12,
    mayLeave: 'throttles',
  },
  { name: 'a wrong password', ask: (server) => signIn(server, ANNA, 'wrong'), status: 401, steps: 5 },
  {
    name: 'a sign-in of someone who is switched off',
    ask: (server) => signIn(server, 'felix@acme.test', PASSWORD),
    status: 403,
    steps: 2,
  },
  {
    name: 'a sign-in without a company',
    ask: (server) => signIn(server, 'gina@example.test', PASSWORD),
    status: 403,
    steps: 3,
  },
  { name: 'a look-up', prepare: annaInCrm, ask: byToken('GET get-permissions/'), status: 200, steps: 2 },
  {
    name: 'a look-up of our client',
    prepare: annaInCrm,
    ask: byToken('GET get-permissions/', { rich: true }),
    status: 200,
    steps: 2,
  },
  {
    name: "one company's permissions",
    prepare: annaInCrm,
    ask: byToken(`GET get-company-permissions/${ACME}/`),
    status: 200,
    steps: 2,
  },
  { name: 'the profile', prepare: annaInCrm, ask: byToken('GET users/profile/'), status: 200, steps: 2 },
  {
    name: "another application's token",
    prepare: annaInCrm,
    ask: byToken('GET get-permissions/', { module: 'shop' }),
    status: 401,
    steps: 2,
  },
  {
    name: 'a look-up of the flat dialect',
    prepare: annaInTill,
    ask: byToken('GET users/permissions/', { module: 'till' }),
    status: 200,
    steps: 2,
  },
  {
    name: 'the profile of the flat dialect',
    prepare: annaInTill,
    ask: byToken('GET users/profile/', { module: 'till' }),
    status: 200,
    steps: 2,
  },
  {
    name: 'a call that the dialect has not',
    prepare: annaInTill,
    ask: byToken('GET get-permissions/', { module: 'till' }),
    status: 404,
    steps: 2,
  },
  {
    name: 'an impersonation that the dialect has not',
    prepare: oneTimeOfTill,
    ask: validate({ module: 'till' }),
    status: 404,
    steps: 1,
  },
  { name: 'a sign-out', prepare: annaInCrm, ask: byToken('POST sign-out/'), status: 200, steps: 5 },
  { name: 'an impersonation', prepare: (server) => oneTime(server), ask: validate({}), status: 200, steps: 7 },
  {
    name: 'an impersonation of our client',
    prepare: (server) => oneTime(server),
    ask: validate({ rich: true }),
    status: 200,
    steps: 9,
    // The one-time token is used up, so its session is answered; what the user may do is left out.
    mayAnswer: ({ status, body }) => status === 200 && body.user_info === undefined && body.company === ACME,
  },
]

/** One that says "try again", and one that nobody thought of. */
const ERRORS: [string, () => Error, number][] = [
  ['a lost connection', () => Object.assign(new Error('lost'), { code: 'ECONNRESET' }), 503],
  ['an unknown error', () => new Error('a fault'), 500],
]

/** It says that it failed, and nothing else. */
function assertDenied(reply: Reply, status: number): void {
  assert.equal(reply.status, status, reply.text)
  const isProblem = reply.headers.get('content-type')?.startsWith('application/problem+json')
  const keys = isProblem ? /^type,title,status,detail,code,request_id(,retry_after)?$/ : /^message$/
  assert.match(Object.keys(reply.body).join(), keys)
  assert.doesNotMatch(reply.text, /clt_|use_app|invoice|company_id|ACME|Globex|anna/i)
}

function withoutTable(tables: Tables, name = ''): Tables {
  const { [name]: _left, ...others } = tables
  return others
}

/** Makes each step of the request fail, one after the other, until none is left. Tells how many there were. */
async function failEveryStep(server: FaultyServer, request: Request, error: Error, status: number): Promise<number> {
  for (let step = 1; ; step++) {
    const prepared = (await request.prepare?.(server)) ?? ''
    const before = await allTables(server)
    server.forget()
    server.faults.arm(step, error)
    const reply = await request.ask(server, prepared)
    if (!server.faults.disarm()) {
      // The same request, when the fault is gone.
      assert.equal(reply.status, request.status, reply.text)
      return step - 1
    }
    if (request.mayAnswer?.(reply)) continue
    assertDenied(reply, status)
    assert.deepEqual(withoutTable(await allTables(server), request.mayLeave), withoutTable(before, request.mayLeave))
  }
}

async function environmentOf(database: DatabaseKind): Promise<Record<string, string>> {
  return database === 'postgres' ? { LICENSE_DATABASE_URL: await newDatabase() } : {}
}

/** Whole or not at all: a token with the password hashed anew, a used one-time token with its session. */
function assertWhole(before: Tables, after: Tables): void {
  const count = (tables: Tables, table: string, is: (row: Rows[number]) => boolean = () => true) =>
    (tables[table] ?? []).filter(is).length
  const grown = (table: string, is?: (row: Rows[number]) => boolean) =>
    count(after, table, is) - count(before, table, is)
  const isForeign = (row: Rows[number]) => row.email === ANNA && row.password_foreign === 1
  const tokens = grown('tokens')
  assert.ok(tokens === 0 || tokens === 1)
  if (count(before, 'users', isForeign) === 1) assert.equal(grown('users', isForeign) + tokens, 0)
  const used = grown('impersonations', ({ used_at }) => used_at !== null)
  assert.equal(
    used,
    grown('tokens', ({ impersonation_id }) => impersonation_id !== null),
  )
}

// Each on a server of its own; much of a refusal is waiting.
describe('Z7: whatever fails gives no right and stores nothing', { concurrency: true }, () => {
  for (const database of databases) {
    for (const [what, newError, status] of ERRORS) {
      test(`${what} at every step of every request, on ${database}`, async () => {
        await using server = await startFaulty(await environmentOf(database), FLAT_HOUSE)
        for (const request of REQUESTS) {
          const steps = await failEveryStep(server, request, newError(), status)
          assert.ok(steps >= request.steps, `${request.name} has ${steps} steps`)
        }
      })
    }
  }

  if (!databases.includes('postgres')) return
  for (const at of ['before', 'after'] as const) {
    const when = at === 'before' ? 'before a statement arrived' : 'after it was done, with its answer on the way'
    test(`the wire to PostgreSQL breaks at every statement of every request, ${when}`, async () => {
      using cutter = await openCutter(await newDatabase())
      const env = { LICENSE_DATABASE_URL: cutter.url, LICENSE_DATABASE_POOL: '1' }
      await using server = await startFaulty(env, FLAT_HOUSE)
      for (const request of REQUESTS) {
        for (let statement = 1; ; statement++) {
          const prepared = (await request.prepare?.(server)) ?? ''
          const before = await allTables(server)
          server.forget()
          cutter.arm(statement, at)
          const reply = await request.ask(server, prepared)
          if (!cutter.disarm()) {
            assert.equal(reply.status, request.status, reply.text)
            assert.ok(statement > 1, `${request.name} has ${statement - 1} statements`)
            break
          }
          if (!request.mayAnswer?.(reply)) assertDenied(reply, 503)
          assertWhole(before, await allTables(server))
        }
      }
    })
  }
})
