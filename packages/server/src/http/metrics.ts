import type { Server } from 'node:http'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Context } from '../context.ts'
import { createServer } from '../node-http.ts'

export type Metrics = { registry: Registry; requests: Histogram<'method' | 'route' | 'status'> }

/** What is counted. Labels are route patterns and status codes: never an address, a name or an id. */
export function createMetrics(ctx: Context): Metrics {
  const registry = new Registry()
  const requests = new Histogram({
    name: 'license_request_seconds',
    help: 'Time to answer a request, in seconds',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge('license_hashes_running', 'Passwords being hashed', () => ctx.hasher.running)
  gauge('license_hashes_waiting', 'Sign-ins that wait for their turn to be hashed', () => ctx.hasher.waiting)
  // Only where somebody reads them: they watch the event loop and the garbage collector.
  if (ctx.config.metrics) collectDefaultMetrics({ register: registry })
  return { registry, requests }
}

/** Serves `/metrics` on an address of its own, so that what applications reach has none. */
export async function serveMetrics(metrics: Metrics, address: { host: string; port: number }): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"Only GET /metrics is here."}')
      return
    }
    const text = await metrics.registry.metrics()
    response.writeHead(200, { 'content-type': metrics.registry.contentType, 'cache-control': 'no-store' }).end(text)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, resolve)
  })
  return server
}
