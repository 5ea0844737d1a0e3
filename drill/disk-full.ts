import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, PASSWORD, usersNamed } from './support/house.ts'
import { type Answer, lookUp, signIn, signOut, tokenOf } from './support/http.ts'
import { type Ended, type ServerProcess, startProgram, startServer } from './support/process.ts'
import { limitFiles, mountSmallDisk, type SmallDisk } from './support/small-disk.ts'
import { count, seconds } from './support/table.ts'

const USERS = 8
/** As long as it is full; the first is longer than every job that writes beside the requests waits (jobs/note-uses.ts). */
const FULL_MS = { whole: 7_000, quick: 2_000 }
const RECOVERS_WITHIN_MS = 5_000

export const drill: Drill = {
  promise: 'D3',
  title: 'on a full disk writes are told to come back, reads work, and nothing is half stored',
  databases: ['sqlite'],
  async run(env) {
    const lines: Measured[] = []
    for (const [disk, needs] of [
      [await mountSmallDisk(env.stage, 16), 'a Linux that lets everybody mount in a namespace of their own'],
      [limitFiles(env.stage), 'prlimit'],
    ] as const) {
      if (disk) lines.push(...(await runFull(env, disk)))
      else env.say(`left out: it needs ${needs}`)
    }
    if (lines.length === 0) throw new Error('this machine has no way to let a disk run full')
    return lines
  },
}

/** What was answered while the disk was full. */
class Answers {
  readonly writes = { done: 0, later: 0, other: 0 }
  readonly reads = { done: 0, other: 0 }
  slowestMs = 0

  /** True when the write was done. */
  noteWrite({ status, headers, body, ms }: Answer): boolean {
    const says = status === 503 && Number(headers['retry-after']) >= 1 && /^\{"message":"[^"]+"\}$/.test(body)
    this.writes[status === 200 ? 'done' : says ? 'later' : 'other']++
    this.slowestMs = Math.max(this.slowestMs, ms)
    return status === 200
  }

  noteRead({ status }: Answer): void {
    this.reads[status === 200 ? 'done' : 'other']++
  }
}

async function runFull(env: DrillEnv, disk: SmallDisk): Promise<Measured[]> {
  const settings = { LICENSE_DATA_DIR: join(disk.folder, 'data'), LICENSE_LOG_LEVEL: 'warn' }
  const run = (args: string[], input = ''): Promise<Ended> =>
    startProgram(env.stage, args, settings, input, disk.within).ended
  const seeded = await run(['seed', '-'], JSON.stringify(houseOf(usersNamed('user', USERS))))
  if (seeded.code !== 0) throw new Error(`seed: exit code ${seeded.code} ${seeded.stderr}`)
  const server = await startServer(env.stage, settings, await freePort(), disk.within)
  const live = new Set<string>()
  const ended = new Set<string>()
  for (let number = 0; number < (env.quick ? 10 : 30); number++) live.add(tokenOf(await signInAs(server, number)))

  disk.fill(server)
  const answers = new Answers()
  await writeAndRead(server, env.quick ? FULL_MS.quick : FULL_MS.whole, answers, { live, ended })
  const beside = disk.isForAll ? await runBeside(disk, run) : []
  const isRunning = server.isRunning()
  disk.makeRoom(server)

  const recoveredMs = await untilSignIn(server, live)
  const wrong = await compare(server, live, ended)
  const listed = JSON.parse((await run(['token', 'list', '--limit', '1000', '--json'])).stdout) as unknown[]
  if (listed.length !== live.size) wrong.push(`${listed.length} sessions are stored, ${live.size} were acknowledged`)
  const doctor = await run(['doctor'])
  if (doctor.code !== 0) wrong.push(`doctor: ${doctor.stdout}`)
  await server.stop()
  if (disk.isForAll) wrong.push(...beside, ...(await startOnFull(disk, server, run)))
  for (const line of wrong.slice(0, 20)) env.say(line)
  return report(disk, { answers, recoveredMs, wrong, isRunning, sessions: live.size })
}

type Run = (args: string[]) => Promise<Ended>

/** What other programs say that meet the full disk. */
async function runBeside(disk: SmallDisk, run: Run): Promise<string[]> {
  return [
    ...(await unlessTold(run, ['backup', join(disk.folder, 'house.backup')], /disk is full.*Nothing was left behind/)),
    ...(await unlessTold(run, ['user', 'disable', 'user0@drill.test'], FULL)),
  ]
}

const FULL = /^The disk is full, or failing: [^\n]*Make room[^\n]*\n$/

/** SQLite needs files beside the database to open it, so a server can't start; it says why. */
async function startOnFull(disk: SmallDisk, server: ServerProcess, run: Run): Promise<string[]> {
  disk.fill(server)
  const wrong = await unlessTold(run, ['serve'], FULL)
  disk.makeRoom(server)
  return wrong
}

async function unlessTold(run: Run, args: string[], says: RegExp): Promise<string[]> {
  const { code, stdout, stderr } = await run(args)
  return code === 1 && says.test(stderr) ? [] : [`${args[0]} on the full disk: exit code ${code} ${stderr}${stdout}`]
}

type Outcome = { answers: Answers; recoveredMs: number; wrong: string[]; isRunning: boolean; sessions: number }

function report(disk: SmallDisk, { answers, recoveredMs, wrong, isRunning, sessions }: Outcome): Measured[] {
  const { writes, reads } = answers
  return [
    {
      what: disk.kind,
      measured: `${writes.later} sign-ins and sign-outs answered 503 with Retry-After, ${writes.done} done, ${writes.other} other; ${count(reads.done)} look-ups answered 200, ${reads.other} other; slowest write ${seconds(answers.slowestMs)}; the server ${isRunning ? 'runs on' : 'ended'}`,
      wanted: 'writes 503, look-ups 200',
      passed: writes.later >= 20 && writes.other === 0 && reads.done >= 100 && reads.other === 0 && isRunning,
    },
    {
      what: `${disk.kind}, then room again`,
      measured: `the first sign-in after ${seconds(recoveredMs)}; ${sessions} acknowledged sessions live, ${wrong.length} things wrong`,
      wanted: `<=${RECOVERS_WITHIN_MS / 1000} s, 0 wrong, doctor finds nothing`,
      passed: recoveredMs <= RECOVERS_WITHIN_MS && wrong.length === 0,
    },
  ]
}

/** Sign-ins, sign-outs and look-ups in turn, on a disk that is full. */
async function writeAndRead(
  server: ServerProcess,
  forMs: number,
  answers: Answers,
  { live, ended }: { live: Set<string>; ended: Set<string> },
): Promise<void> {
  const until = performance.now() + forMs
  const tokens = [...live]
  for (let number = 0; performance.now() < until; number++) {
    const answer = await signInAs(server, number)
    if (answers.noteWrite(answer)) live.add(tokenOf(answer))
    const token = tokens[number % (tokens.length - 1)] ?? ''
    if (live.has(token) && answers.noteWrite(await signOut(server.url, token))) {
      live.delete(token)
      ended.add(token)
    }
    // The last one is never ended.
    for (let reads = 0; reads < 5; reads++) answers.noteRead(await lookUp(server.url, tokens.at(-1) ?? ''))
  }
}

/** Until a sign-in works again, nothing having been done to the server. */
async function untilSignIn(server: ServerProcess, live: Set<string>): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await signInAs(server, 0)
    const ms = performance.now() - startedAt
    if (answer.status === 200) live.add(tokenOf(answer))
    if (answer.status === 200 || ms > 6 * RECOVERS_WITHIN_MS) return ms
    await sleep(50)
  }
}

async function compare(server: ServerProcess, live: Set<string>, ended: Set<string>): Promise<string[]> {
  const wrong: string[] = []
  for (const [what, tokens, wanted] of [
    ['an acknowledged session', live, 200],
    ['an ended session', ended, 401],
  ] as const) {
    for (const token of tokens) {
      const { status } = await lookUp(server.url, token)
      if (status !== wanted) wrong.push(`${what} is answered ${status}`)
    }
  }
  return wrong
}

function signInAs(server: ServerProcess, number: number): Promise<Answer> {
  return signIn(server.url, `user${number % USERS}@drill.test`, PASSWORD)
}
