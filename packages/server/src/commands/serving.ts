import type { AddressInfo } from 'node:net'
import type { Context } from '../context.ts'
import { createMetrics, serveMetrics } from '../http/metrics.ts'
import { createServer } from '../http/server.ts'
import { startJobs } from '../jobs/runner.ts'

export type Serving = {
  url: string
  metricsUrl: string | undefined
  /** Takes no new requests, finishes those under way, stops the jobs. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Listens, and runs the jobs beside. What is given as `ctx` stays the caller's to dispose of. */
export async function startServing(ctx: Context): Promise<Serving> {
  const door = { isClosing: false }
  const metrics = createMetrics(ctx)
  const app = await createServer(ctx, door, metrics)
  await app.listen({ host: ctx.config.host, port: ctx.config.port })
  const metricsServer = ctx.config.metrics && (await serveMetrics(metrics, ctx.config.metrics))
  const jobs = startJobs(ctx)
  const { port } = app.server.address() as AddressInfo // It listens on a port, not on a pipe.
  const metricsPort = (metricsServer?.address() as AddressInfo | undefined)?.port
  return {
    url: `http://${ctx.config.host.includes(':') ? `[${ctx.config.host}]` : ctx.config.host}:${port}`,
    metricsUrl: metricsPort === undefined ? undefined : `http://${ctx.config.metrics?.host}:${metricsPort}/metrics`,
    async [Symbol.asyncDispose]() {
      door.isClosing = true
      await Promise.race([
        app.close(),
        afterSeconds(ctx.config.shutdownSeconds, () => app.server.closeAllConnections()),
      ])
      await app.close()
      metricsServer?.close()
      metricsServer?.closeAllConnections()
      await jobs.stop()
    },
  }
}

function afterSeconds(seconds: number, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => {
      act()
      resolve()
    }, seconds * 1000).unref()
  })
}
