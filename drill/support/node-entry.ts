// The server as a process of its own, on a clock that a drill sets over IPC: the shipped program has no switch for one.
import { serve } from '../../packages/server/src/commands/serve.ts'
import { ownEnvironment, readConfig } from '../../packages/server/src/config.ts'

let ahead = 0
process.on('message', ({ ahead: wanted }: { ahead: number }) => {
  ahead = wanted
  process.send?.({ ahead })
})
// A drill that is gone can't stop it.
process.once('disconnect', () => process.exit(1))
process.channel?.unref()

await serve(readConfig(ownEnvironment()), { json: true, now: () => Date.now() + ahead })
