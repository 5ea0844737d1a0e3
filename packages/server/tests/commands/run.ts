import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TestServer } from '../support/server.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export type Ran = { code: number | null; stdout: string; stderr: string }
export type Environment = Record<string, string>

/** The real command line, as a process of its own; `input` is its standard input. */
export function runCommand(env: Environment, args: readonly string[], input = ''): Promise<Ran> {
  return runProgram(MAIN, env, args, input)
}

/** Any program of ours. Its code is null where it was killed. */
export async function runProgram(
  file: string,
  env: Environment,
  args: readonly string[] = [],
  input = '',
): Promise<Ran> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', file, ...args], { env: { PATH, ...env } })
  child.stdin.on('error', () => undefined) // A command that refuses may be gone before it has read anything.
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}

/** The command line of a server that runs: its database, its folder. */
export function besideServer({ config }: Pick<TestServer, 'config'>): Environment {
  const { database, dataDir } = config
  const url: Environment = database.kind === 'postgres' ? { LICENSE_DATABASE_URL: database.url } : {}
  return { LICENSE_DATA_DIR: dataDir, ...url }
}
