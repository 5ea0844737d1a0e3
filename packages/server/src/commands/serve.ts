import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import { createContext } from '../context.ts'
import { sizeHashThreads } from '../credentials/hash-threads.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { shrinkHeap } from './heap.ts'
import { startServing } from './serving.ts'

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description('Serve the house until told to stop (SIGTERM or Ctrl-C).')
    .option('--json', 'say nothing but the log, which is JSON lines')
    .addHelpText('after', '\nExample:\n  $ LICENSE_PORT=8000 license-server serve')
    .action(serveOwn)
}

function serveOwn(options: { json?: boolean }): Promise<void> {
  const env = ownEnvironment()
  const config = readConfig(env)
  sizeHashThreads(env, config.hashConcurrency)
  return serve(config, options)
}

/** Serves until a signal comes; `now` for drills, whose nodes have clocks of their own. */
export async function serve(config: Config, options: { json?: boolean; now?: () => number } = {}): Promise<void> {
  // From here on, so that being told while starting ends in order too.
  const told = untilToldToStop()
  using _lock = lockHouse(config.database)
  await using ctx = await createContext(config, { migrates: 'always', ...(options.now && { now: options.now }) })
  await using serving = await startServing(ctx, shrinkHeap)
  ctx.log.info({ url: serving.url, database: ctx.db.kind }, 'serving')
  if (process.stderr.isTTY && !options.json)
    process.stderr.write(`The License server runs on ${serving.url}. Ctrl-C stops it.\n`)
  const signal = await told
  ctx.log.info({ signal }, 'stopping: requests under way are finished')
  await serving.drain()
}

/** A terminal and whoever started us may both pass on one Ctrl-C: only one that comes later again means "at once". */
const SAME_SIGNAL_MS = 1_000

function untilToldToStop(): Promise<string> {
  return new Promise((resolve) => {
    let first: number | undefined
    const told = (signal: string) => {
      first ??= performance.now()
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(1)
      resolve(signal)
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, told)
  })
}
