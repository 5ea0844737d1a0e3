import { createHash, randomUUID } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { APPLICATION, houseOf, usersNamed } from './support/house.ts'
import { type Answer, ask, lookUp, signOut } from './support/http.ts'
import { copyKeys, newPlace, type Place } from './support/place.ts'
import { runCommand, type ServerProcess, seed, startServer } from './support/process.ts'
import { Random } from './support/random.ts'
import { toolFolder } from './support/stage.ts'
import { count, seconds } from './support/table.ts'

/** The short form also runs where much else does. */
const WRITES_PER_SECOND = { whole: 200, quick: 30 }
/** Aimed at: a machine that is busy for a while makes up for it later. */
const STARTED_PER_SECOND = 500
const AT_ONCE = 64
/** Of tokens, how many are asked for at the restored house's front door; in its database all are looked at. */
const ASKED = 150
const STOCK = 3_000
const START = 4_004

/** Of all rounds. */
type Known = {
  /** Exchanged, and nobody has begun to end them. */
  live: Set<string>
  /** Sign-outs that were answered. */
  ended: Set<string>
  /** Of the live ones, those that will be ended. */
  endable: string[]
}

/** A house that is written to: one-time tokens are exchanged for sessions, and of these some are ended. Each is a write. */
type Load = Pick<Known, 'live' | 'ended'> & {
  /** One-time tokens that nobody has used. */
  unused: string[]
  acknowledged: number
  slowestMs: number
  failures: string[]
  stop(): Promise<void>
}

export const drill: Drill = {
  promise: 'D4',
  title: 'a backup while serving is whole, and what it restores lets nothing back in',
  // Without pg_dump there is nothing to drill on PostgreSQL.
  databases: toolFolder ? ['sqlite', 'postgres'] : ['sqlite'],
  async run(env) {
    if (!toolFolder) env.say('PostgreSQL is left out: this machine has none with pg_dump, pg_restore and psql')
    const rounds = env.quick ? 2 : 20
    const random = new Random(START)
    const place = await newPlace(env, { tooled: true })
    await seed(env.stage, place.settings, houseOf(usersNamed('user', 10)))
    const server = await startServer(env.stage, place.settings, await freePort())
    const found = new Found()
    const known: Known = { live: new Set(), ended: new Set(), endable: [] }
    for (let round = 0; round < rounds; round++) {
      const load = startLoad(server, await newOneTimeTokens(place), known, random)
      await sleep(400)
      const file = join(env.stage.folder(), 'house.backup')
      const before = { live: [...load.live], ended: [...load.ended] }
      const acknowledgedBefore = load.acknowledged
      const made = await runCommand(env.stage, ['backup', file], place.settings)
      found.noteBackup(made.ms, load.acknowledged - acknowledgedBefore)
      await load.stop()
      found.noteLoad(load)
      if (made.code !== 0 || !existsSync(file)) {
        found.wrong.push(`backup ${round}: exit code ${made.code} ${made.stderr}`)
        continue
      }
      found.noteSize(statSync(file).size)
      // What was ended meanwhile may be either in the backup.
      const wanted = { ...before, live: before.live.filter((token) => load.live.has(token)), unused: load.unused }
      const keeps = round % 2 === 1
      found.wrong.push(...(await restoreElsewhere(env, place, { file, keeps, began: before.live, wanted, found })))
    }
    await server.kill()
    for (const line of found.wrong.slice(0, 20)) env.say(line)
    return found.lines(rounds, env.quick ? WRITES_PER_SECOND.quick : WRITES_PER_SECOND.whole)
  },
}

type Wanted = { live: string[]; ended: string[]; unused: string[] }
type Round = { file: string; keeps: boolean; began: string[]; wanted: Wanted; found: Found }

async function restoreElsewhere(env: DrillEnv, from: Place, round: Round): Promise<string[]> {
  const place = await newPlace(env, { tooled: true })
  copyKeys(from, place)
  const options = round.keeps ? ['--keep-sessions'] : []
  const restored = await runCommand(env.stage, ['restore', round.file, ...options], place.settings)
  if (restored.code !== 0) return [`restore: exit code ${restored.code} ${restored.stderr}${restored.stdout}`]
  round.found.noteRestore(restored.ms)
  const wrong = [...(await place.faults()), ...(await missing(place, round))]
  const doctor = await runCommand(env.stage, ['doctor'], place.settings)
  if (doctor.code !== 0) wrong.push(`doctor: ${doctor.stdout}`)
  const server = await startServer(env.stage, place.settings, await freePort())
  wrong.push(...(await askAll(server, round)))
  await server.kill()
  return wrong
}

/** Every acknowledged write of before the backup's start, looked for in the restored database. */
async function missing(place: Place, { began, keeps, wanted, found }: Round): Promise<string[]> {
  const rows = await place.query('select hash, revoked_at from tokens')
  const revoked = new Map(rows.map((row) => [String(row.hash), row.revoked_at !== null]))
  const wrong: string[] = []
  for (const token of began) if (!revoked.has(hashOf(token))) wrong.push('an exchange is missing')
  for (const token of wanted.ended) if (revoked.get(hashOf(token)) !== true) wrong.push('a sign-out is missing')
  if (!keeps && [...revoked.values()].includes(false)) wrong.push('a session lives in the restored house')
  const unused = 'select id from impersonations where used_at is null and expires_at > created_at'
  if ((await place.query(unused)).length > 0) wrong.push('a one-time token lives in the restored house')
  found.compared += began.length + wanted.ended.length
  return wrong
}

/** What the restored house answers: to sessions as the restore was told, to what was ended before and to one-time tokens never. */
async function askAll(server: ServerProcess, { keeps, wanted, found }: Round): Promise<string[]> {
  const wrong: string[] = []
  for (const [what, tokens, status] of [
    ['live', wanted.live, keeps ? 200 : 401],
    ['ended', wanted.ended, 401],
  ] as const) {
    for (const token of tokens.slice(-ASKED)) {
      const answer = await lookUp(server.url, token)
      if (answer.status !== status) wrong.push(`a ${what} session is answered ${answer.status}`)
      found.answers[what === 'live' && keeps ? 'kept' : 'refused']++
    }
  }
  for (const token of wanted.unused.slice(0, 20)) {
    const answer = await exchange(server.url, token)
    if (answer.status !== 401) wrong.push(`a one-time token is answered ${answer.status}`)
    found.answers.refused++
  }
  return wrong
}

class Found {
  readonly wrong: string[] = []
  readonly answers = { kept: 0, refused: 0 }
  compared = 0
  #backups = 0
  #backupMs = 0
  #slowestBackupMs = 0
  #acknowledged = 0
  #slowestWriteMs = 0
  #failures: string[] = []
  #restores = 0
  #slowestRestoreMs = 0
  #bytes = 0

  noteBackup(ms: number, acknowledged: number): void {
    this.#backups++
    this.#backupMs += ms
    this.#slowestBackupMs = Math.max(this.#slowestBackupMs, ms)
    this.#acknowledged += acknowledged
  }

  noteLoad({ slowestMs, failures }: Load): void {
    this.#slowestWriteMs = Math.max(this.#slowestWriteMs, slowestMs)
    this.#failures.push(...failures)
    this.wrong.push(...failures)
  }

  noteSize(bytes: number): void {
    this.#bytes = Math.max(this.#bytes, bytes)
  }

  noteRestore(ms: number): void {
    this.#restores++
    this.#slowestRestoreMs = Math.max(this.#slowestRestoreMs, ms)
  }

  lines(rounds: number, wantedRate: number): Measured[] {
    const rate = this.#acknowledged / (this.#backupMs / 1000)
    const { kept, refused } = this.answers
    return [
      {
        what: `${rounds} backups while one-time tokens are exchanged and sessions ended`,
        measured: `${this.#backups} made of up to ${(this.#bytes / 1e6).toFixed(1)} MB in ${seconds(this.#slowestBackupMs)} at most, at ${Math.round(rate)} writes/s; ${this.#failures.length} writes failed, the slowest took ${seconds(this.#slowestWriteMs)}`,
        wanted: `all, at >=${wantedRate} writes/s, 0 failed`,
        passed: this.#backups === rounds && rate >= wantedRate && this.#failures.length === 0,
      },
      {
        what: 'each restored elsewhere and looked over',
        measured: `${this.#restores} whole, in ${seconds(this.#slowestRestoreMs)} at most; ${count(this.compared)} times a write of before a backup's start was looked for, ${this.wrong.length} things wrong`,
        wanted: 'all, 0 wrong',
        passed: this.#restores === rounds && this.wrong.length === 0 && this.compared > rounds * 20,
      },
      {
        what: 'at the restored front door, every other time with --keep-sessions',
        measured: `${count(refused)} ended sessions, ended ones of before and one-time tokens refused, ${count(kept)} kept sessions answered`,
        wanted: 'as told',
        passed: this.wrong.length === 0 && refused > 0 && kept > 0,
      },
    ]
  }
}

function exchange(url: string, token: string): Promise<Answer> {
  return ask(url, { path: '/api/v1/auth/impersonation-validation/', method: 'POST', body: { token } })
}

function startLoad(server: ServerProcess, unused: string[], { live, ended, endable }: Known, random: Random): Load {
  let isStopped = false
  const running = new Set<Promise<void>>()
  const load: Load = {
    live,
    ended,
    unused,
    acknowledged: 0,
    slowestMs: 0,
    failures: [],
    async stop() {
      isStopped = true
      await starting
      await Promise.all(running)
    },
  }
  const acknowledge = ({ status, body, ms }: Answer): void => {
    if (status !== 200) throw new Error(`a write is answered ${status} ${body}`)
    load.acknowledged++
    load.slowestMs = Math.max(load.slowestMs, ms)
  }
  const open = async (): Promise<void> => {
    const answer = await exchange(server.url, unused.pop() ?? '')
    acknowledge(answer)
    const { auth_token: session } = JSON.parse(answer.body) as { auth_token: string } // As docs/PROTOCOL.md has it.
    live.add(session)
    // Some are never ended, so that there are always such that a restore may keep.
    if (random.next() < 0.8) endable.push(session)
  }
  const end = async (token: string): Promise<void> => {
    // From here on it may be either, until the answer is there.
    live.delete(token)
    acknowledge(await signOut(server.url, token))
    ended.add(token)
  }
  const write = (): Promise<void> => {
    const oldest = random.next() < 0.4 ? endable.shift() : undefined
    return oldest === undefined ? open() : end(oldest)
  }
  const starting = (async () => {
    const startedAt = performance.now()
    for (let begun = 0; !isStopped && unused.length > 0; await sleep(2)) {
      const due = ((performance.now() - startedAt) / 1000) * STARTED_PER_SECOND
      for (; begun < due && running.size < AT_ONCE && unused.length > 0; begun++) {
        const one = write()
          .catch((error: unknown) => void load.failures.push(String(error)))
          .finally(() => running.delete(one))
        running.add(one)
      }
    }
  })()
  return load
}

/** As `license-server impersonate` makes them, but a thousand at once, and for an hour. */
async function newOneTimeTokens(place: Place): Promise<string[]> {
  const [row] = await place.query(
    'select u.id as user_id, m.company_id as company_id from users u join memberships m on m.user_id = u.id limit 1',
  )
  const tokens = Array.from({ length: STOCK }, () => randomUUID())
  const [now, later] = [Date.now(), Date.now() + 3_600_000]
  const values = tokens.map(
    (token) =>
      `('${randomUUID()}', '${hashOf(token)}', '${row?.user_id}', '${row?.company_id}', '${APPLICATION}', 'drill', ${now}, ${later}, ${later})`,
  )
  await place.query(`insert into impersonations (id, hash, user_id, company_id, application_id, reason, created_at, expires_at,
    session_ends_at) values ${values.join(', ')}`)
  return tokens
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
