import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { freePort } from '../../../../tools/free-port.ts'
import { SERVER_PROGRAM } from '../support/programs.ts'
import type { TestServer } from '../support/server.ts'

export type Ran = { code: number | null; stdout: string; stderr: string }
export type Environment = Record<string, string>

/** The real command line, as a process of its own; `input` is its standard input. */
export function runCommand(env: Environment, args: readonly string[], input = ''): Promise<Ran> {
  return runProgram(SERVER_PROGRAM, env, args, input)
}

/** Any program of ours. Its code is null where it was killed. */
export async function runProgram(
  file: string,
  env: Environment,
  args: readonly string[] = [],
  input = '',
): Promise<Ran> {
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', file, ...args], {
    env: { ...shared(), ...env },
  })
  child.stdin.on('error', () => undefined) // A command that refuses may be gone before it has read anything.
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}

/** Of the shell's settings no more than what it takes to run a program, and where what was compiled once is found. */
export function shared(): Environment {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  return { PATH, ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }) }
}

/** The command line of a server that runs: its database, its folder. */
export function besideServer({ config }: Pick<TestServer, 'config'>): Environment {
  const { database, dataDir } = config
  const url: Environment = database.kind === 'postgres' ? { LICENSE_DATABASE_URL: database.url } : {}
  return { LICENSE_DATA_DIR: dataDir, ...url }
}

export type Served = {
  pid: number
  url: string
  metricsUrl: string
  /** All that it wrote so far, to standard output and standard error. */
  log(): string
  stop(): Promise<void>
}

/** The real `serve`, as a process of its own, on free ports. */
export async function startServe(env: Environment): Promise<Served> {
  const metricsPort = await freePort()
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', SERVER_PROGRAM, 'serve'], {
    env: { ...shared(), ...env, LICENSE_PORT: '0', LICENSE_METRICS_ADDRESS: `127.0.0.1:${metricsPort}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  const ended = once(child, 'close')
  const url = await new Promise<string>((resolve, reject) => {
    const read = (text: string) => {
      log += text
      const [, address] = /"url":"([^"]+)"[^\n]*"msg":"serving"/.exec(log) ?? []
      if (address !== undefined) resolve(address)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read)
    ended.then(() => reject(new Error(`serve ended: ${log}`)))
  })
  return {
    pid: child.pid ?? 0,
    url,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    log: () => log,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
