import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { LicenseAdmin } from 'cloudspot-license-api/admin'
import { type DatabaseAddress, openDatabase } from '../packages/server/src/db/database.ts'
import { findReadiness } from '../packages/server/src/outbox/wanting.ts'
import { APPLICATION, fillHouse, type House, moduleAt, seatOf, userId } from './house.ts'
import { runLoad, signInPlan } from './measure.ts'
import { type Running, startLicenseServer } from './processes.ts'
import type { Row } from './table.ts'

export type EventLengths = {
  /** Whom one act concerns. */
  people: number
  /** Of the changes that come one after the other, and of each look at the sign-ins. */
  seconds: number
}

const CHANGES_A_SECOND = 50
/** Sign-ins at once: the machine is busy with them, and not full. */
const SIGN_IN_CONNECTIONS = 2
const WAIT_MS = 300_000

/**
 * What a receiver of events waits for, on a house of its own: after single changes, and after an act that concerns many; and what
 * those who sign in meanwhile notice of it. The receiver takes a share of the same cores, as do the callers.
 */
export async function measureEvents(
  on: string,
  address: DatabaseAddress,
  settings: Record<string, string>,
  { people, seconds }: EventLengths,
): Promise<Row[]> {
  const house = await fillHouse(address, people)
  await using server = await startLicenseServer({ ...settings, LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' })
  await using receiver = await startReceiver()
  const admin = new LicenseAdmin({ baseUrl: `http://127.0.0.1:${server.port}`, apiKey: house.key })
  await admin.endpoints.create(APPLICATION, { url: receiver.url, types: ['permissions.updated'] })
  await untilNoted(address)
  const one = await promptness(admin, receiver, people, seconds)
  const act = () => editRole(admin, receiver, people)
  const rate = people / (await act())
  const { alone, amid } = await signInsAmid(server, house, seconds, act)
  return [
    {
      what: `an event's way from the call that made the change, at ${CHANGES_A_SECOND} changes/s`,
      on,
      measured: `p95 ${one.p95.toFixed(0)} ms`,
      wanted: 'p95 ≤ 1000 ms',
      p50: one.p50,
      p99: one.p99,
    },
    { what: `events of one act for ${people} people`, on, measured: `${rate.toFixed(0)}/s`, wanted: '' },
    {
      what: `sign-ins while ${people} people's events go out`,
      on,
      measured: `p99 ${amid.p99.toFixed(0)} ms`,
      beside: `without p99 ${alone.p99.toFixed(0)} ms`,
      wanted: '',
      p50: amid.p50,
      p99: amid.p99,
    },
  ]
}

type Receiver = {
  url: string
  /** When the first event of a user came, of those since `forget`. */
  came: Map<string, number>
  forget(): void
  [Symbol.asyncDispose](): Promise<void>
}

async function startReceiver(): Promise<Receiver> {
  const came = new Map<string, number>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { user } = JSON.parse(Buffer.concat(chunks).toString()).data
      if (!came.has(user.id)) came.set(user.id, performance.now())
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo // It listens on a port.
  return {
    url: `http://127.0.0.1:${port}/`,
    came,
    forget: () => came.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** Grants to one person after the other, at a steady pace whether the ones before have arrived or not. */
async function promptness(admin: LicenseAdmin, receiver: Receiver, people: number, seconds: number) {
  receiver.forget()
  const changes = Math.min(people, seconds * CHANGES_A_SECOND)
  const sent = new Map<string, number>()
  const calls: Promise<unknown>[] = []
  const start = performance.now()
  for (let n = 0; n < changes; n++) {
    await sleep(Math.max(0, start + (n * 1000) / CHANGES_A_SECOND - performance.now()))
    const { company } = seatOf(n, 0)
    sent.set(userId(n), performance.now())
    const grant = { application: APPLICATION, permission: `${moduleAt(n + 1)}_list` }
    calls.push(admin.grants.create({ company, user: userId(n) }, grant))
  }
  await Promise.all(calls)
  await untilCame(receiver, changes)
  const took = [...sent].map(([user, at]) => (receiver.came.get(user) ?? Number.POSITIVE_INFINITY) - at)
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(took.length * share)] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

/** Changes a role that everybody has in one company; seconds until the last of them was told of. */
async function editRole(admin: LicenseAdmin, receiver: Receiver, people: number): Promise<number> {
  const module = moduleAt(0)
  const roles = await Array.fromAsync(admin.roles.list({ application: APPLICATION }))
  const role = roles.find(({ key, permissions }) => key.startsWith(module) && permissions.length < 4)
  if (!role) throw new Error('the house has no such role')
  const { etag, permissions } = await admin.roles.get(role)
  const other = `${moduleAt(1)}_list`
  const after = permissions.includes(other) ? permissions.filter((slug) => slug !== other) : [...permissions, other]
  receiver.forget()
  const start = performance.now()
  await admin.roles.update(role, { permissions: after }, { ifMatch: etag })
  await untilCame(receiver, people)
  return (performance.now() - start) / 1000
}

/** How long sign-ins take by themselves, and while an act for many is told of, again and again. */
async function signInsAmid(server: Running, house: House, seconds: number, act: () => Promise<number>) {
  const plan = { ...signInPlan(house, [server.port], seconds), connections: SIGN_IN_CONNECTIONS }
  // Lists differ while a role changes.
  const { permissions: _, ...loose } = plan
  const alone = await runLoad(loose)
  let isOver = false
  const acts = (async () => {
    while (!isOver) await act()
  })()
  const amid = await runLoad(loose)
  isOver = true
  await acts
  return { alone, amid }
}

async function untilCame(receiver: Receiver, count: number): Promise<void> {
  const end = performance.now() + WAIT_MS
  while (receiver.came.size < count) {
    if (performance.now() > end) throw new Error(`Of ${count} people's events ${receiver.came.size} came.`)
    await sleep(5)
  }
}

/** An endpoint's application is told of what changes once all that holds is noted. */
async function untilNoted(address: DatabaseAddress): Promise<void> {
  const db = openDatabase(address, { poolSize: 1, onIdleError: () => undefined })
  try {
    const end = performance.now() + WAIT_MS
    while ((await findReadiness(db.read, APPLICATION)) !== 'ready') {
      if (performance.now() > end) throw new Error('What everybody may do was not noted in time.')
      await sleep(100)
    }
  } finally {
    await db.close()
  }
}
