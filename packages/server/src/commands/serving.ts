import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { lowerHashThreads } from '../credentials/hash-threads.ts'
import { CommandError } from '../errors.ts'
import { openDoor } from '../http/door.ts'
import { createMetrics, serveMetrics } from '../http/metrics.ts'
import { createServer } from '../http/server.ts'
import { startJobs } from '../jobs/runner.ts'

export type Serving = {
  url: string
  metricsUrl: string | undefined
  /** Says that it is not ready and goes on serving for as long as `LICENSE_DRAIN_SECONDS` says, so that load balancers look elsewhere first. */
  drain(): Promise<void>
  /** Answers new requests with "closing" as long as others are under way, then ends, and stops the jobs. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Listens, and runs the jobs beside. What is given as `ctx` stays the caller's to dispose of; `whenBuilt` runs before anybody can ask. */
export async function startServing(ctx: Context, whenBuilt: () => void = () => undefined): Promise<Serving> {
  const door = openDoor()
  const metrics = createMetrics(ctx)
  const [app] = await Promise.all([createServer(ctx, door, metrics), learnFirst(ctx)])
  whenBuilt()
  // What applications reach opens last: nothing is left open when the other address can't be had.
  const { metrics: address, host, port: wanted } = ctx.config
  const metricsServer =
    address &&
    (await serveMetrics(metrics, address).catch((error) => refuse(error, address, 'LICENSE_METRICS_ADDRESS')))
  await app.listen({ host, port: wanted }).catch((error) => {
    metricsServer?.close()
    return refuse(error, { host, port: wanted }, 'LICENSE_PORT or LICENSE_HOST')
  })
  const jobs = startJobs(ctx)
  const { port } = app.server.address() as AddressInfo // It listens on a port, not on a pipe.
  const metricsPort = (metricsServer?.address() as AddressInfo | undefined)?.port
  return {
    url: `http://${ctx.config.host.includes(':') ? `[${ctx.config.host}]` : ctx.config.host}:${port}`,
    metricsUrl: metricsPort === undefined ? undefined : `http://${ctx.config.metrics?.host}:${metricsPort}/metrics`,
    async drain() {
      door.leave()
      await sleep(ctx.config.drainSeconds * 1000)
    },
    async [Symbol.asyncDispose]() {
      door.leave()
      door.isClosing = true
      const until = performance.now() + ctx.config.shutdownSeconds * 1000
      // It listens on meanwhile: old clients can't read a connection that is refused.
      while (door.underWay > 0 && performance.now() < until) await sleep(20)
      await Promise.race([
        app.close(),
        afterSeconds(Math.max(0, until - performance.now()) / 1000, () => app.server.closeAllConnections()),
      ])
      await app.close()
      metricsServer?.close()
      metricsServer?.closeAllConnections()
      await jobs.stop()
    },
  }
}

/** Before the first sign-in. The first hashes start the threads. */
async function learnFirst(ctx: Context): Promise<void> {
  await ctx.refusalFloor.learn(ctx.db.read)
  lowerHashThreads()
}

/** Says why an address can't be listened on, and which setting to change. */
function refuse(error: NodeJS.ErrnoException, address: { host: string; port: number }, setting: string): never {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'is taken by another program',
    EACCES: 'is not allowed to this user',
    EADDRNOTAVAIL: 'is not an address of this machine',
    ENOTFOUND: 'has a name that leads nowhere',
    EAI_AGAIN: 'has a name that can not be looked up',
  }
  const reason = reasons[error.code ?? '']
  if (!reason) throw error
  throw new CommandError(`${address.host}, port ${address.port}, ${reason}. Set ${setting} to another.`)
}

function afterSeconds(seconds: number, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => {
      act()
      resolve()
    }, seconds * 1000).unref()
  })
}
