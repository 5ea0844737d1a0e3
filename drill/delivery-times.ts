import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../packages/server/src/config.ts'
import { type Context, createContext, createLog } from '../packages/server/src/context.ts'
import { insertEndpoint } from '../packages/server/src/deliveries/endpoint-store.ts'
import { newWebhookSecret, purposeOf } from '../packages/server/src/keys/sealed-endpoints.ts'
import { answer, drip, pem, pour, startReceiver } from '../packages/server/tests/outbound/receivers.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { askAdmin, operatorKey, Receiver, TO_THIS_MACHINE, untilNoted } from './support/hooks.ts'
import { APPLICATION, houseOf, member } from './support/house.ts'
import { newPlace } from './support/place.ts'
import { type ServerProcess, seed, startServer } from './support/process.ts'
import { seconds } from './support/table.ts'

const USERS = 400
const PER_SECOND = 50
const CHEAP_HASH = 'pbkdf2_sha256$1$drillsalt$H8nh8ZPaIP3YqjTVI5BIE1aqXqcA0WZpxeg1Maj0zQQ='
const HOSTILE = 20
const OK = 'HTTP/1.1 200 OK\r\n'

type Scene = { server: ServerProcess; ctx: Context; key: string; company: string; users: string[] }

export const prompt: Drill = {
  promise: 'W3',
  title: 'what changes arrives promptly',
  databases: ['sqlite', 'postgres'],
  isTimed: true,
  async run(env) {
    return withScene(env, async (scene) => {
      const { times, missing } = await measure(env, scene, PER_SECOND)
      return [
        asLine(`from the answer to a change to its event, at ${PER_SECOND} changes a second`, times, missing, 2_000),
      ]
    })
  },
}

/** All that a receiver can do to whoever calls it. */
const KINDS: readonly (Parameters<typeof startReceiver>[0] | 'bad TLS' | 'nobody')[] = [
  () => undefined,
  answer('', drip('x', 1_000)),
  answer(`${OK}A: `, drip('x', 1_000)),
  answer(`${OK}\r\n`, drip('x', 1_000)),
  answer(`${OK}Content-Length: 1000000000\r\n\r\n`, pour('x'.repeat(65_536))),
  answer(`${OK}\r\n`, pour('x'.repeat(65_536))),
  (socket) => void socket.destroy(),
  answer('', pour('HTTP/1.1 100 Continue\r\n\r\n'.repeat(999))),
  'bad TLS',
  'nobody',
]

export const hostile: Drill = {
  promise: 'W5',
  title: 'dead and hostile receivers slow no other',
  databases: ['sqlite', 'postgres'],
  isTimed: true,
  async run(env) {
    return withScene(env, async (scene) => {
      const bad = await Promise.all(Array.from({ length: HOSTILE }, (_, nth) => startBad(nth)))
      const { times, missing } = await measure(env, scene, 20, async () => {
        for (const { url } of bad) await addEndpointBeside(scene, url)
      })
      await untilTried(scene)
      const { read } = scene.ctx.db
      const longest = await read
        .selectFrom('delivery_attempts')
        .select((e) => e.fn.max('ms').as('ms'))
        .executeTakeFirst()
      const tried = await read
        .selectFrom('delivery_attempts as t')
        .innerJoin('deliveries as d', 'd.id', 't.delivery_id')
        .select('d.endpoint_id')
        .distinct()
        .execute()
      for (const each of bad) await each.close()
      return [
        asLine(
          `to a healthy receiver, beside ${HOSTILE} that hang, pour, drip or are not there`,
          times,
          missing,
          3_000,
        ),
        {
          what: 'the longest of all calls',
          measured: `${seconds(longest?.ms ?? 0)}; ${tried.length} receivers called`,
          wanted: '15 s at most',
          passed: (longest?.ms ?? 0) <= 16_000 && tried.length > HOSTILE,
        },
      ]
    })
  },
}

/** A call that hangs is told of when its time is over. */
async function untilTried({ ctx }: Scene): Promise<void> {
  const until = performance.now() + 40_000
  while (performance.now() < until) {
    const untried = await ctx.db.read
      .selectFrom('endpoints as e')
      .select('e.id')
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('deliveries as d')
              .select('d.id')
              .whereRef('d.endpoint_id', '=', 'e.id')
              .where('d.attempts', '>', 0),
          ),
        ),
      )
      .execute()
    if (untried.length === 0) return
    await sleep(200)
  }
}

async function startBad(nth: number): Promise<{ url: string; close(): Promise<void> }> {
  const kind = KINDS[nth % KINDS.length] ?? 'nobody'
  if (kind === 'nobody') return { url: `http://127.0.0.1:${await freePort()}/hook`, close: async () => undefined }
  const tls = { key: pem('receiver.key'), cert: pem('expired.pem') }
  const receiver = await (kind === 'bad TLS' ? startReceiver(undefined, { tls }) : startReceiver(kind))
  return {
    url: `http${kind === 'bad TLS' ? 's' : ''}://127.0.0.1:${receiver.port}/hook`,
    close: async () => receiver[Symbol.asyncDispose](),
  }
}

async function withScene(env: DrillEnv, act: (scene: Scene) => Promise<Measured[]>): Promise<Measured[]> {
  const place = await newPlace(env)
  const settings = { ...place.settings, ...TO_THIS_MACHINE }
  const users = Array.from({ length: USERS }, (_, nth) =>
    member({ email: `user${nth}@drill.test`, password_hash: CHEAP_HASH }),
  )
  await seed(env.stage, settings, houseOf(users))
  const server = await startServer(env.stage, settings, await freePort())
  await using ctx = await createContext(readConfig(settings), { log: createLog({ logLevel: 'silent' }) })
  const company = await ctx.db.read.selectFrom('companies').select('id').executeTakeFirstOrThrow()
  const ids = (await ctx.db.read.selectFrom('users').select('id').execute()).map(({ id }) => id)
  try {
    return await act({ server, ctx, key: await operatorKey(ctx), company: company.id, users: ids })
  } finally {
    await server.kill()
  }
}

/** As more applications would have them: there are ten for one. */
async function addEndpointBeside({ ctx }: Scene, url: string): Promise<void> {
  const [id, now] = [randomUUID(), ctx.now()]
  const secret = await ctx.keys.seal(purposeOf('secret', id), newWebhookSecret())
  await ctx.db.transaction((tx) =>
    insertEndpoint(tx, {
      id,
      application_id: APPLICATION,
      dialect: 'standard',
      url,
      types: null,
      description: 'hostile',
      active: 1,
      secret,
      secret_before: null,
      before_until: null,
      next_seq: 1,
      resend_place: null,
      failing_since: null,
      disabled_at: null,
      disabled_because: null,
      created_at: now,
      updated_at: now,
      deleted_at: null,
    }),
  )
}

async function measure(env: DrillEnv, scene: Scene, perSecond: number, whenReady = async () => {}) {
  const { server, key, company, users, ctx } = scene
  await untilNoted(ctx, { wants: false })
  await using receiver = await new Receiver().start()
  const path = `/applications/${APPLICATION}/endpoints`
  const { body } = await askAdmin(server.url, key, `POST ${path}`, { url: receiver.url })
  receiver.secret = String(body.secret)
  await untilNoted(ctx, { wants: true })
  await whenReady()
  const times: number[] = []
  const stored = new Map<string, number>()
  const early = new Map<string, number>()
  receiver.onEvent = ({ data }) => {
    const at = stored.get(data.user.id)
    if (at === undefined) early.set(data.user.id, performance.now())
    else times.push(performance.now() - at)
    stored.delete(data.user.id)
  }
  const wanted = (env.quick ? 6 : 30) * perSecond
  const startedAt = performance.now()
  const asked: Promise<void>[] = []
  for (let nth = 0; nth < wanted; nth++) {
    const user = users[nth % users.length] ?? ''
    const line = `/companies/${company}/seats/${APPLICATION}/${user}`
    const isTaken = Math.floor(nth / users.length) % 2 === 0
    asked.push(
      askAdmin(server.url, key, `${isTaken ? 'DELETE' : 'PUT'} ${line}`, isTaken ? undefined : {}).then(
        ({ status }) => {
          if (status >= 300) throw new Error(`${line}: ${status}`)
          // It may be there before the answer is.
          if (early.delete(user)) times.push(0)
          else stored.set(user, performance.now())
        },
      ),
    )
    await sleep(Math.max(0, startedAt + ((nth + 1) * 1_000) / perSecond - performance.now()))
  }
  await Promise.all(asked)
  const until = performance.now() + 20_000
  while (stored.size > 0 && performance.now() < until) await sleep(20)
  for (const fault of receiver.faults.slice(0, 5)) env.say(fault)
  return { times: times.sort((a, b) => a - b), missing: wanted - times.length }
}

function asLine(what: string, times: readonly number[], missing: number, within: number): Measured {
  const at = (part: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.POSITIVE_INFINITY
  return {
    what,
    measured: `p50 ${Math.round(at(0.5))} ms, p95 ${Math.round(at(0.95))} ms, longest ${Math.round(at(1))} ms of ${times.length}; ${missing} missing`,
    wanted: `p95 <= ${within / 1_000} s`,
    passed: at(0.95) <= within && missing === 0,
  }
}
