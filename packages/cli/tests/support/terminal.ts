import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { CLI_PROGRAM } from '../../../server/tests/support/programs.ts'
import type { CommandLine } from './run.ts'

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true

/** `script` of util-linux makes a terminal. */
export const noTerminal: string | false = hasScript ? false : 'needs script'

/** Keys, or what is done instead of pressing them at once. */
type Press = [seen: string, keys: string | ((press: (keys: string) => void) => Promise<void>)]

/** Runs it on a terminal of eighty columns; each is pressed when the text before it has appeared. */
export async function onTerminal(
  cli: CommandLine,
  args: string,
  presses: readonly Press[],
  more: Record<string, string> = {},
): Promise<{ code: number | null; screen: string; whole: string }> {
  const line = `stty cols 80 rows 24; '${process.execPath}' --conditions=cloudspot-source '${CLI_PROGRAM}' ${args}`
  const env = { PATH: process.env.PATH, TERM: 'xterm', ...cli.env, ...more }
  const child = spawn('script', ['-qec', line, '/dev/null'], { env })
  let whole = ''
  let screen = ''
  let left = presses
  let isPressing = false
  const press = (keys: string) => void child.stdin.write(keys)
  const look = async () => {
    const [next, ...rest] = left
    if (isPressing || !next || !screen.includes(next[0])) return
    isPressing = true
    left = rest
    screen = ''
    if (typeof next[1] === 'string') press(next[1])
    else await next[1](press)
    isPressing = false
    await look()
  }
  const failed = new Promise<never>((_, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      whole += text
      screen += text
      look().catch(reject)
    })
  })
  const deadline = setTimeout(() => child.kill('SIGKILL'), 60_000)
  try {
    const [code] = await Promise.race([once(child, 'close'), failed])
    assert.deepEqual(left, [], whole)
    return { code, screen, whole }
  } finally {
    clearTimeout(deadline)
    child.kill('SIGKILL')
  }
}
