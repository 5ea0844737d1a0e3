// A real PostgreSQL out of npm, for tests, drills and measurements: started in seconds, and gone without a trace.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from './free-port.ts'
import { type Binaries, binariesIn, findBinaries, findPostgresUser, type User } from './postgres-binaries.ts'

export interface PostgresOptions {
  /** Kept at the end. Without it the data lies in a temporary folder, which is removed. */
  dataDir?: string
  /** A free one by default; a restart keeps it. */
  port?: number
  /** A folder with the programs of another PostgreSQL than npm's. */
  programs?: string
  /** True by default. False is faster, and loses data when the machine (not just the process) stops. */
  fsync?: boolean
}

export interface PostgresCluster extends AsyncDisposable {
  readonly port: number
  url(databaseName: string): string
  createDatabase(name: string): Promise<string>
  /** Starts the server again, after `stop` or `kill`. */
  start(): Promise<void>
  /** `fast` ends sessions and writes a checkpoint, `immediate` leaves recovery to the next start. */
  stop(mode: 'fast' | 'immediate'): Promise<void>
  /** Ends the server without a chance to write anything. */
  kill(): Promise<void>
  /** Stops every process of the server's where it stands: it answers nobody, and new connections open and hear nothing. */
  freeze(): Promise<void>
  /** Lets it go on. */
  thaw(): void
}

/** Initialises a cluster and starts it; `postgres` is its superuser, without a password, on 127.0.0.1 only. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresCluster> {
  const folder = makeFolder()
  const data = options.dataDir ?? join(folder, 'data')
  const started = new Set<ChildProcess>()
  let server: ChildProcess | undefined
  let frozen: readonly number[] = []

  const thaw = () => {
    for (const pid of frozen) signal(pid, 'SIGCONT')
    frozen = []
  }
  const cleanUp = () => {
    // A process that stands still hears no other signal.
    thaw()
    const running = [...started].map((child) => child.kill('SIGQUIT'))
    removeFolder(folder, running.length > 0 ? join(data, 'postmaster.pid') : undefined)
  }
  process.once('exit', cleanUp)
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
  const exits = Object.entries(signals).map(([signal, code]) => {
    // A program that listens itself ends as it likes, and comes by `exit` or by disposal.
    const endOnSignal = () => {
      if (process.listeners(signal as NodeJS.Signals).every(({ name }) => name === 'endOnSignal')) process.exit(code)
    }
    process.on(signal, endOnSignal)
    return () => process.off(signal, endOnSignal)
  })
  const forget = () => {
    for (const off of exits) off()
    process.off('exit', cleanUp)
  }

  try {
    const user = findPostgresUser()
    const { programs } = options
    const binaries = programs ? binariesIn(programs) : await findBinaries(user && join(folder, 'postgresql'))
    const context = { binaries, user, folder, data, started }
    await initialise(context)
    const port = options.port ?? (await freePort())
    const url = (database: string) => `postgres://postgres@127.0.0.1:${port}/${encodeURIComponent(database)}`

    const cluster: PostgresCluster = {
      port,
      url,
      async createDatabase(name) {
        await query(url('postgres'), `create database ${pg.escapeIdentifier(name)}`)
        return url(name)
      },
      async start() {
        if (isRunning(server)) return
        server = await launch(context, port, options.fsync ?? true, url('postgres'))
      },
      async stop(mode) {
        if (!isRunning(server)) return
        const ended = once(server, 'exit')
        await run(context, binaries.pg_ctl, ['stop', '-D', data, '-m', mode, '-w', '-s'])
        await ended
      },
      async kill() {
        if (!isRunning(server)) return
        const ended = once(server, 'exit')
        server.kill('SIGKILL')
        await ended
      },
      async freeze() {
        if (server?.pid === undefined || !isRunning(server)) throw new Error('PostgreSQL does not run')
        frozen = await freezeAll(server.pid, url('postgres'))
      },
      thaw,
      async [Symbol.asyncDispose]() {
        thaw()
        await cluster.stop(options.dataDir ? 'fast' : 'immediate').catch(() => {})
        forget()
        cleanUp()
      },
    }
    await cluster.start()
    return cluster
  } catch (error) {
    forget()
    cleanUp()
    throw error
  }
}

interface Context {
  binaries: Binaries
  user: User | undefined
  folder: string
  data: string
  /** Processes which haven't ended. */
  started: Set<ChildProcess>
}

function makeFolder(): string {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'license-postgres-'))
    // PostgreSQL may run as another user than we.
    chmodSync(folder, 0o755)
    return folder
  } catch (cause) {
    throw new Error(`The temporary folder ${tmpdir()} can't be written to: set TMPDIR to one that can.`, { cause })
  }
}

/** Without `await`, so that it works while the process exits. A running server removes its `pidFile` as its last act. */
function removeFolder(folder: string, pidFile: string | undefined): void {
  const deadline = Date.now() + 5000
  for (;;) {
    try {
      if (!pidFile || !existsSync(pidFile) || Date.now() > deadline) {
        rmSync(folder, { recursive: true, force: true })
        return
      }
    } catch (error) {
      // One of its processes wrote a file while the folder was emptied.
      if (Date.now() > deadline) throw error
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
}

async function initialise(context: Context): Promise<void> {
  const { binaries, user, data } = context
  if (existsSync(join(data, 'PG_VERSION'))) return
  mkdirSync(data, { recursive: true, mode: 0o700 })
  if (user) chownSync(data, user.uid, user.gid)
  const options = ['-A', 'trust', '-U', 'postgres', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']
  await run(context, binaries.initdb, ['-D', data, ...options])
}

async function launch(context: Context, port: number, fsync: boolean, url: string): Promise<ChildProcess> {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    // In the data folder, so that a killed server leaves nothing in /dev/shm.
    dynamic_shared_memory_type: process.platform === 'win32' ? 'windows' : 'mmap',
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
  }
  const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const deadline = Date.now() + 30_000
  for (;;) {
    const server = start(context, context.binaries.postgres, ['-D', context.data, ...given])
    while (isRunning(server) && Date.now() < deadline) {
      try {
        await query(url, 'select 1')
        return server
      } catch {
        await sleep(25)
      }
    }
    const said = readFileSync(logOf(context, context.binaries.postgres), 'utf8').trim().split('\n').slice(-5).join('\n')
    // After `kill` the last of the old server's processes may need a moment to notice.
    if (/pre-existing shared memory block/.test(said) && Date.now() < deadline) {
      await sleep(100)
      continue
    }
    server.kill('SIGQUIT')
    throw new Error(`PostgreSQL did not start on port ${port}:\n${said}`)
  }
}

async function run(context: Context, file: string, args: string[]): Promise<void> {
  const [code] = await once(start(context, file, args), 'exit').catch((cause: Error) => {
    const needs = `a folder that programs may be run from${context.user ? `, and that user ${context.user.uid} can reach` : ''}`
    throw new Error(`${file} could not be started (${cause.message}). Set TMPDIR to ${needs}.`, { cause })
  })
  if (code !== 0) throw new Error(`${file} failed:\n${readFileSync(logOf(context, file), 'utf8')}`)
}

function start(context: Context, file: string, args: string[]): ChildProcess {
  const log = openSync(logOf(context, file), 'w')
  const child = spawn(file, args, { ...context.user, cwd: context.folder, stdio: ['ignore', log, log] })
  closeSync(log)
  context.started.add(child)
  child.once('exit', () => context.started.delete(child))
  // Whoever waits for the end is told; without a listener it would end this process.
  child.on('error', () => context.started.delete(child))
  return child
}

function logOf({ folder }: Context, file: string): string {
  return join(folder, `${basename(file)}.log`)
}

function isRunning(server: ChildProcess | undefined): server is ChildProcess {
  return server !== undefined && server.exitCode === null && server.signalCode === null
}

const QUIET_LOOKS = 10
const LOOK_AGAIN_MS = 50

/** The main process first, so that it starts no other; the one that tells of them all last. */
async function freezeAll(main: number, url: string): Promise<number[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  await client.connect()
  signal(main, 'SIGSTOP')
  try {
    const others = new Set<number>()
    // One that was just started tells of itself a moment later: until several looks in a row find no other.
    for (let quiet = 0; quiet < QUIET_LOOKS; quiet++) {
      const { rows } = await client.query<{ pid: number }>(
        'select pid from pg_stat_activity where pid <> pg_backend_pid()',
      )
      const found = rows.map(({ pid }) => pid).filter((pid) => !others.has(pid))
      for (const pid of found) {
        signal(pid, 'SIGSTOP')
        others.add(pid)
      }
      if (found.length > 0) quiet = 0
      await sleep(LOOK_AGAIN_MS)
    }
    return [main, ...others]
  } catch (error) {
    signal(main, 'SIGCONT')
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}

/** To a process that may have ended meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  // A server that stops while we are connected is no news here.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end().catch(() => {})
  }
}
