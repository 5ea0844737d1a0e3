import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { CommandError } from '../errors.ts'

/** PostgreSQL's own programs, as the PATH has them, for one database. */
export type Tools = { url: string; env: Record<string, string | undefined> }

const NAMES = ['pg_dump', 'pg_restore', 'psql'] as const
type ToolName = (typeof NAMES)[number]

/** A tool that runs. `ended` @throws CommandError with what it said when it failed */
export type RunningTool = Pick<ChildProcessWithoutNullStreams, 'stdin' | 'stdout'> & { ended: Promise<void> }

export function startTool(tools: Tools, name: ToolName, args: readonly string[]): RunningTool {
  const child = start(tools, name, args)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000)
  })
  const ended = exitCode(child).then((code) => {
    if (code === 0) return
    const lines = said.split('\n').filter((line) => line.trim() !== '')
    throw new CommandError(`${name} failed (exit code ${code}):`, ...lines.map((line) => `  ${line}`))
  })
  return { stdin: child.stdin, stdout: child.stdout, ended }
}

/** Runs it to its end. @throws CommandError with what it said when it failed */
export async function runTool(tools: Tools, name: ToolName, args: readonly string[]): Promise<void> {
  const tool = startTool(tools, name, args)
  tool.stdin.end()
  tool.stdout.resume()
  await tool.ended
}

/** Those that are not there. */
export async function missingTools(tools: Tools): Promise<string[]> {
  const answers = NAMES.map(async (name) => {
    const child = start(tools, name, ['--version'])
    child.stdin.end()
    child.stdout.resume()
    child.stderr.resume()
    return { name, isThere: (await exitCode(child).catch(() => null)) === 0 }
  })
  return (await Promise.all(answers)).filter(({ isThere }) => !isThere).map(({ name }) => name)
}

/** For a tool that connects: where to. The password goes by the environment, which other users can't read. */
export function connection({ url }: Tools): string[] {
  const address = new URL(url)
  address.password = ''
  return ['--no-password', `--dbname=${address.href}`]
}

function start({ url, env }: Tools, name: ToolName, args: readonly string[]): ChildProcessWithoutNullStreams {
  const password = decodeURIComponent(new URL(url).password)
  const child = spawn(name, args, { env: { ...env, ...(password && { PGPASSWORD: password }) }, stdio: 'pipe' })
  child.stdin.on('error', () => undefined) // One that ended early is told by its exit code.
  return child
}

function exitCode(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
}
