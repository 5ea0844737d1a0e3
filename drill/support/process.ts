import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bundleForTests } from '../../tools/bundle.ts'
import { ask } from './http.ts'
import type { Stage } from './stage.ts'

/** Drills start it hundreds of times. */
const { server: MAIN } = await bundleForTests()
const NODE_ENTRY = fileURLToPath(new URL('./node-entry.ts', import.meta.url))
const LOG_LENGTH = 200_000
const READY_WITHIN_MS = 30_000

export type Settings = Record<string, string>

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string; ms: number }

/** The server's program as a process of its own. */
export type Program = {
  pid: number | undefined
  ended: Promise<Ended>
  isRunning(): boolean
  /** The last that it wrote to standard output: for `serve`, its log. */
  log(): string
  /** Ends it without a chance to do anything more. */
  kill(): Promise<Ended>
  /** Asks it to end. */
  stop(): Promise<Ended>
}

export type ServerProcess = Program & { url: string; readyMs: number }

/** One whose clock is so far ahead of the machine's; behind where negative. */
export type ClockedServer = ServerProcess & { setAhead(ms: number): Promise<void> }

export function startProgram(
  stage: Stage,
  args: readonly string[],
  settings: Settings,
  input?: string,
  within: readonly string[] = [],
): Program {
  return startFile(stage, MAIN, args, settings, input, within)
}

/** Another program of ours than the server's. `within`: a command in front of it that becomes it (drill/support/small-disk.ts). */
export function startFile(
  stage: Stage,
  file: string,
  args: readonly string[],
  settings: Settings,
  input?: string,
  within: readonly string[] = [],
): Program {
  return watchProgram(stage, launch([file, ...args], settings, { within }), input)
}

function launch(
  args: readonly string[],
  settings: Settings,
  { ipc = [], within = [] }: { ipc?: readonly 'ipc'[]; within?: readonly string[] } = {},
): ChildProcess {
  const [command = '', ...rest] = [...within, process.execPath, '--conditions=cloudspot-source', ...args]
  return spawn(command, rest, {
    env: { ...foreignSettings(), ...settings },
    stdio: ['pipe', 'pipe', 'pipe', ...ipc],
  })
}

function watchProgram(stage: Stage, child: ChildProcess, input?: string): Program {
  const startedAt = performance.now()
  stage.watch(child)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-LOG_LENGTH)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-LOG_LENGTH)
  })
  // A program that ends before it read everything is told by its exit code.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr, ms: performance.now() - startedAt }))
  })
  return {
    pid: child.pid,
    ended,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    log: () => stdout,
    kill() {
      child.kill('SIGKILL')
      return ended
    },
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Starts `serve` and waits until `/readyz` says so. @throws Error with what the server wrote when it ended instead */
export function startServer(
  stage: Stage,
  settings: Settings,
  port: number,
  within: readonly string[] = [],
): Promise<ServerProcess> {
  return untilReady(startProgram(stage, ['serve'], { ...settings, LICENSE_PORT: String(port) }, '', within), port)
}

/** The same by `node-entry.ts`. */
export async function startClockedServer(
  stage: Stage,
  settings: Settings,
  port: number,
  ahead: number,
): Promise<ClockedServer> {
  const child = launch([NODE_ENTRY], { ...settings, LICENSE_PORT: String(port) }, { ipc: ['ipc'] })
  const setAhead = async (ms: number) => {
    const told = once(child, 'message')
    child.send({ ahead: ms })
    await told
  }
  const server = await untilReady(watchProgram(stage, child), port)
  await setAhead(ahead)
  return { ...server, setAhead }
}

async function untilReady(program: Program, port: number): Promise<ServerProcess> {
  const startedAt = performance.now()
  const url = `http://127.0.0.1:${port}`
  while (program.isRunning() && performance.now() - startedAt < READY_WITHIN_MS) {
    if (await isReady(url)) return { ...program, url, readyMs: performance.now() - startedAt }
    await sleep(10)
  }
  const { code, stdout, stderr } = await program.kill()
  throw new Error(`The server did not start (exit code ${code}):\n${stderr}${stdout}`)
}

export async function isReady(url: string): Promise<boolean> {
  const answer = await ask(url, { path: '/readyz', timeoutMs: 5_000 }).catch(() => undefined)
  return answer?.status === 200
}

/** Runs a command to its end. */
export function runCommand(stage: Stage, args: readonly string[], settings: Settings, input?: string): Promise<Ended> {
  return startProgram(stage, args, settings, input).ended
}

/** Most of such a run is the start of a program: one that took too long is repeated, since the machine may have been busy with something else. */
export async function soonest(withinMs: number, run: () => Promise<Ended>): Promise<Ended> {
  for (let tries = 1; ; tries++) {
    const ended = await run()
    if (ended.ms <= withinMs || tries === 3) return ended
  }
}

/** @throws Error when the command fails */
export async function seed(stage: Stage, settings: Settings, house: unknown): Promise<void> {
  const { code, stderr } = await runCommand(stage, ['seed', '-'], settings, JSON.stringify(house))
  if (code !== 0) throw new Error(`seed failed (exit code ${code}):\n${stderr}`)
}

/** What the shell of whoever runs the drills has set for a server of theirs is not for these. */
function foreignSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LICENSE_')))
}
