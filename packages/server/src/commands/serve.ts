import type { Command } from 'commander'
import { ownEnvironment, readConfig } from '../config.ts'
import { createContext } from '../context.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { CommandError } from '../errors.ts'
import { startServing } from './serving.ts'

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description('Serve the house until told to stop (SIGTERM or Ctrl-C).')
    .addHelpText('after', '\nExample:\n  $ LICENSE_PORT=8000 license-server serve')
    .action(serve)
}

async function serve(): Promise<void> {
  const config = readConfig(ownEnvironment())
  using _lock = lockHouse(config.database)
  await using ctx = await createContext(config, { migrates: true })
  await using serving = await startServing(ctx).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
    const why = error.code === 'EADDRINUSE' ? 'is taken by another program' : 'is not allowed to this user'
    throw new CommandError(`Port ${config.port} on ${config.host} ${why}. Set LICENSE_PORT to another.`)
  })
  ctx.log.info({ url: serving.url, database: ctx.db.kind }, 'serving')
  const signal = await untilToldToStop()
  ctx.log.info({ signal }, 'stopping: requests under way are finished')
}

function untilToldToStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}
