import { freePort } from '../../tools/free-port.ts'
import { ask } from './http.ts'
import type { Settings } from './process.ts'

/** How late the server's event loop was, in milliseconds, since it was asked before. */
export type LoopDelay = { p99: number; max: number }

/** What a server measures of itself. */
export type Metrics = {
  /** For the server. */
  settings: Settings
  /** By `perf_hooks.monitorEventLoopDelay`, every 10 ms; asking starts it anew. */
  loopDelay(): Promise<LoopDelay>
  /** That it has open, in and out. */
  connections(): Promise<number>
}

export async function newMetrics(): Promise<Metrics> {
  const address = `127.0.0.1:${await freePort()}`
  const read = async () => (await ask(`http://${address}`, { path: '/metrics' })).body
  return {
    settings: { LICENSE_METRICS_ADDRESS: address },
    async loopDelay() {
      const text = await read()
      const ms = (name: string) => readMetric(text, `nodejs_eventloop_lag_${name}_seconds`) * 1_000
      return { p99: ms('p99'), max: ms('max') }
    },
    connections: async () => readMetric(await read(), 'nodejs_active_resources{type="TCPSocketWrap"}'),
  }
}

function readMetric(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  if (line === undefined) throw new Error(`the metrics have no ${name}`)
  return Number(line.slice(name.length))
}
