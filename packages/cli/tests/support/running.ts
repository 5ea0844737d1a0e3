import { spawn } from 'node:child_process'
import { type Ran, shared } from '../../../server/tests/commands/run.ts'
import { CLI_PROGRAM } from '../../../server/tests/support/programs.ts'
import type { CommandLine } from './run.ts'

/** A command that goes on until it is told to end. */
export type Running = AsyncDisposable & {
  stdout(): string
  stderr(): string
  /** Until one of them has that. */
  until(where: 'stdout' | 'stderr', seen: RegExp): Promise<string>
  /** Of `--json`: what it printed so far, once it is so much. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a line; a wrong guess fails it.
  objects(count: number): Promise<any[]>
  end(signal?: NodeJS.Signals): Promise<Ran>
  /** When it has ended by itself. */
  over(): Promise<Ran>
}

export function start(cli: CommandLine, args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', CLI_PROGRAM, ...args], {
    env: { ...shared(), ...cli.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  const look = () => {
    for (const each of waiting) each()
  }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      look()
    })
  let isOver = false
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve)).finally(() => {
    isOver = true
    look()
  })
  const over = async (): Promise<Ran> => {
    await until(() => isOver, 'its end')
    return { code: await closed, ...said }
  }
  const until = (isSo: () => boolean, what: string) =>
    new Promise<void>((resolve, reject) => {
      const fail = () => {
        waiting.delete(check)
        reject(new Error(`${what} never came: ${JSON.stringify(said)}`))
      }
      const timer = setTimeout(fail, 30_000)
      const check = () => {
        if (!isSo() && !isOver) return
        clearTimeout(timer)
        waiting.delete(check)
        if (isSo()) resolve()
        else fail()
      }
      waiting.add(check)
      check()
    })
  const objects = () =>
    said.stdout
      .slice(0, said.stdout.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  return {
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    async until(where, seen) {
      await until(() => seen.test(said[where]), String(seen))
      return said[where]
    },
    async objects(count) {
      await until(() => objects().length >= count, `${count} objects`)
      return objects()
    },
    async end(signal = 'SIGINT') {
      child.kill(signal)
      return over()
    },
    over,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
