import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundleServer } from '../tools/bundle.ts'
import { freePort } from '../tools/free-port.ts'

const CONDITIONS = '--conditions=cloudspot-source'
const ROOT = join(import.meta.dirname, '..')
/** Where the package has it: it finds its description and its pages by its own package.json. */
const BUILT = join(ROOT, 'packages/server/dist')

export type Running = { port: number; pid: number; readyMs: number; [Symbol.asyncDispose](): Promise<void> }

/** Builds the server as its package has it: that starts faster than its source, and takes less memory. */
export function buildServer(): Promise<void> {
  return bundleServer(BUILT)
}

/** The built server, in a process of its own; `readyMs` from its start to the first 200 of `/readyz`. */
export async function startLicenseServer(settings: Record<string, string>): Promise<Running> {
  const port = await freePort()
  const start = performance.now()
  const child = spawn(process.execPath, [join(BUILT, 'main.js'), 'serve'], {
    env: { ...process.env, ...settings, LICENSE_PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await untilOk(child, port, '/readyz')
  return running(child, port, performance.now() - start)
}

/** A bare `node:http` server that always gives this answer. */
export async function startFloor(answer: { headers: string; body: string }): Promise<Running> {
  const port = await freePort()
  const [, ...lines] = answer.headers.split('\r\n')
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const)
  // What node:http writes by itself, it writes here too.
  const headers = Object.fromEntries(pairs.filter(([name]) => !/^(date|connection|keep-alive)$/i.test(name)))
  const start = performance.now()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'floor.ts')], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin?.end(JSON.stringify({ port, headers, body: answer.body }))
  await untilOk(child, port, '/')
  return running(child, port, performance.now() - start)
}

/** Runs one of the programs beside this file to its end and returns what it printed. */
export async function runProgram<T>(file: string, args: readonly string[], input?: unknown): Promise<T> {
  const child = spawn(process.execPath, [CONDITIONS, join(import.meta.dirname, file), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(input === undefined ? '' : JSON.stringify(input))
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`${file} failed.`)
  return JSON.parse(printed)
}

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

/** Of it what no file can be read again for: SQLite's mapped pages are not in it. In MB. */
export function ownMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

async function untilOk(child: ChildProcess, port: number, path: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error('A server ended before it was ready.')
    if ((await statusOf(port, path)) === 200) return
    await sleep(5)
  }
}

function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', () => resolve(undefined))
  })
}

function running(child: ChildProcess, port: number, readyMs: number): Running {
  return {
    port,
    readyMs,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
}
