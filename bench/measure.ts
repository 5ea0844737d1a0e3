import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { APPLICATION, COMPANIES_OF_USER, type House, PASSWORD, PERMISSIONS_OF_SEAT } from './house.ts'
import type { Measured, Plan } from './load.ts'
import { ownMb, type Running, residentMb, runProgram, startFloor, startLicenseServer } from './processes.ts'

export type Lengths = {
  rounds: number
  /** Of one look at the look-ups, and at their floor. */
  seconds: number
  /** Of one look at the sign-ins, and at the raw hash rate: few happen in a second. */
  signInSeconds: number
  starts: number
}

export type LookUps = { floor: number; rate: number; share: number; p50: number; p99: number }
export type SignIns = { raw: number; rate: number; share: number; p50: number; p99: number }
export type Starts = { readyMs: number; idleMb: number }

/** Uses are stored every five seconds: what a look left over is not to weigh on the next one. */
const SETTLE_MS = 5_500
const LOOK_UP_CONNECTIONS = 32
const IDLE_AFTER_MS = 5_000
/** More than are hashed at once and fewer than may wait. */
const SATURATING_CONNECTIONS = 32

/** Permissions of random tokens, and a bare server with the same bytes, in turns; the medians of the rounds. */
export async function measureLookUps(server: Running, house: House, lengths: Lengths): Promise<LookUps> {
  const plan = lookUpPlan(house, [server.port], lengths.seconds)
  // Long enough for the engine to have compiled what is hot.
  const { sample } = await runLoad({ ...plan, seconds: lengths.seconds })
  await using floor = await startFloor(sample)
  const size = Buffer.byteLength(sample.body)
  await runLoad({ ...plan, ports: [floor.port], seconds: 2 })
  const floors: Measured[] = []
  const looks: Measured[] = []
  for (let round = 0; round < lengths.rounds; round++) {
    await sleep(SETTLE_MS)
    floors.push(await runLoad({ ...plan, ports: [floor.port], size }))
    looks.push(await runLoad({ ...plan, size }))
  }
  return {
    floor: median(floors.map(({ rate }) => rate)),
    rate: median(looks.map(({ rate }) => rate)),
    share: median(looks.map(({ rate }, round) => rate / (floors[round]?.rate ?? 0))),
    p50: median(looks.map(({ p50 }) => p50)),
    p99: median(looks.map(({ p99 }) => p99)),
  }
}

/** Sign-ins of random users, and the raw hash rate of the machine, in turns; the medians of the rounds. */
export async function measureSignIns(server: Running, house: House, lengths: Lengths): Promise<SignIns> {
  const plan = signInPlan(house, [server.port], lengths.signInSeconds)
  await runLoad({ ...plan, seconds: 2 })
  const raws: number[] = []
  const looks: Measured[] = []
  for (let round = 0; round < lengths.rounds; round++) {
    const { rate } = await runProgram<{ rate: number }>('hash-rate.ts', [String(lengths.signInSeconds)])
    raws.push(rate)
    looks.push(await runLoad(plan))
  }
  return {
    raw: median(raws),
    rate: median(looks.map(({ rate }) => rate)),
    share: median(looks.map(({ rate }, round) => rate / (raws[round] ?? 0))),
    p50: median(looks.map(({ p50 }) => p50)),
    p99: median(looks.map(({ p99 }) => p99)),
  }
}

/** How long look-ups take while as many sign-ins come as can be hashed, and more that wait. */
export async function measureLookUpsAmidSignIns(
  server: Running,
  house: House,
  lengths: Lengths,
): Promise<{ p50: number; p99: number; signIns: number }> {
  const seconds = lengths.signInSeconds
  const [signIns, looks] = await Promise.all([
    runLoad({ ...signInPlan(house, [server.port], seconds), connections: SATURATING_CONNECTIONS }),
    runLoad({ ...lookUpPlan(house, [server.port], seconds), connections: 4 }),
  ])
  return { p50: looks.p50, p99: looks.p99, signIns: signIns.rate }
}

/** Look-ups a second of several servers on one database, and of one of them alone, in turns. */
export async function measureNodes(
  servers: readonly Running[],
  house: House,
  lengths: Lengths,
): Promise<{ one: number; all: number; share: number; p50: number; p99: number }> {
  const ports = servers.map(({ port }) => port)
  const plan = lookUpPlan(house, ports, lengths.seconds)
  await runLoad(plan)
  const ones: Measured[] = []
  const alls: Measured[] = []
  for (let round = 0; round < lengths.rounds; round++) {
    await sleep(SETTLE_MS)
    ones.push(await runLoad({ ...plan, ports: ports.slice(0, 1) }))
    alls.push(await runLoad(plan))
  }
  return {
    one: median(ones.map(({ rate }) => rate)),
    all: median(alls.map(({ rate }) => rate)),
    share: median(alls.map(({ rate }, round) => rate / (ones[round]?.rate ?? 0))),
    p50: median(alls.map(({ p50 }) => p50)),
    p99: median(alls.map(({ p99 }) => p99)),
  }
}

/** Memory that is the process's own, without the database's pages: after the first requests, and after an hour's worth more. */
export async function measureMemory(
  settings: Record<string, string>,
  house: House,
  requests: number,
): Promise<{ before: number; after: number }> {
  await using server = await startLicenseServer(settings)
  const plan = lookUpPlan(house, [server.port], 3_600)
  await runLoad({ ...plan, answers: Math.ceil(requests / 10) })
  await sleep(IDLE_AFTER_MS)
  const before = ownMb(server.pid)
  await runLoad({ ...plan, answers: requests })
  await sleep(IDLE_AFTER_MS)
  return { before, after: ownMb(server.pid) }
}

/** From the start of the process to its first "ready", and its memory when nothing was asked for five seconds. */
export async function measureStarts(settings: Record<string, string>, starts: number): Promise<Starts> {
  const ready: number[] = []
  const idle: number[] = []
  for (let start = 0; start < starts; start++) {
    await using server = await startLicenseServer(settings)
    ready.push(server.readyMs)
    await sleep(IDLE_AFTER_MS)
    idle.push(residentMb(server.pid))
  }
  return { readyMs: median(ready), idleMb: median(idle) }
}

export function runLoad(plan: Plan): Promise<Measured> {
  return runProgram<Measured>('load.ts', [], plan)
}

export function lookUpPlan(house: House, ports: number[], seconds: number): Plan {
  return {
    ports,
    seconds,
    connections: LOOK_UP_CONNECTIONS,
    requests: house.tokens.map((token) => request('GET /api/v1/auth/get-permissions/', [`X-LICENSE-TOKEN: ${token}`])),
    keys: ['permissions'],
    itemKeys: ['company_id', 'company_name', 'permissions'],
    items: COMPANIES_OF_USER,
    permissions: PERMISSIONS_OF_SEAT + 1,
  }
}

export function signInPlan(house: House, ports: number[], seconds: number): Plan {
  return {
    ...lookUpPlan(house, ports, seconds),
    // As many as are hashed at once, and as many that wait for their turn.
    connections: availableParallelism() * 2,
    requests: house.emails.map((username) =>
      request('POST /api/v1/auth/authenticate/', [], JSON.stringify({ username, password: PASSWORD })),
    ),
    keys: ['token', 'permissions'],
  }
}

/** A request as the client libraries send it. */
function request(line: string, more: readonly string[], body = ''): string {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  return [
    `${line} HTTP/1.1`,
    'Host: localhost',
    'Connection: keep-alive',
    'Content-Type: application/json',
    'Accept: */*',
    'User-Agent: bench',
    `X-LICENSE-MODULE: ${APPLICATION}`,
    ...more,
    ...length,
    '',
    body,
  ].join('\r\n')
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]]
  return (low + high) / 2
}
