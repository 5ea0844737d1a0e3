import { startServing } from '../../packages/server/src/commands/serving.ts'
import { readConfig } from '../../packages/server/src/config.ts'
import { type Context, createContext, createLog } from '../../packages/server/src/context.ts'
import type { Settings } from './process.ts'

/** The server in this process, by the parts that `serve` is made of, on a clock of the drill's own: the shipped program has no switch for one. */
export type Node = AsyncDisposable & { url: string; ctx: Context; clock: Clock }

/** Stands still until it is moved. */
export type Clock = { now(): number; advance(ms: number): void }

export async function startNode(settings: Settings): Promise<Node> {
  let now = Date.parse('2030-01-01T00:00:00Z')
  const clock = {
    now: () => now,
    advance(ms: number) {
      now += ms
    },
  }
  const config = readConfig({ ...settings, LICENSE_PORT: '0' })
  const ctx = await createContext(config, {
    migrates: 'always',
    now: clock.now,
    log: createLog({ logLevel: 'silent' }),
  })
  const serving = await startServing(ctx)
  return {
    url: serving.url,
    ctx,
    clock,
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]()
      await ctx[Symbol.asyncDispose]()
    },
  }
}
