import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../tools/free-port.ts'
import type { DrillEnv } from './drill.ts'
import {
  type ClockedServer,
  type Ended,
  type ServerProcess,
  type Settings,
  startClockedServer,
  startServer,
} from './process.ts'
import { startProxy } from './proxy.ts'

const IN_WITHIN_MS = 30_000

/** Server processes on one house, behind a load balancer: four on PostgreSQL; SQLite has one. */
export type Fleet = AsyncDisposable & {
  /** The balancer's. */
  url: string
  size: number
  node(at: number): ServerProcess
  nodes(): ServerProcess[]
  /** Stops a node in order, as an operator who has a new program, and starts it again. Resolves when it is sent requests. */
  restart(at: number): Promise<Ended>
  /** By kill -9. */
  kill(at: number): Promise<Ended>
  start(at: number): Promise<void>
  /** Sets every clock; only where the fleet was started with clocks. */
  setAhead(ms: number): Promise<void>
}

type AnyServer = ServerProcess & Partial<ClockedServer>

/** `clocks`: by how many milliseconds each node's clock is ahead of the machine's. */
export async function startFleet(
  env: DrillEnv,
  settings: Settings,
  { clocks }: { clocks?: readonly number[] } = {},
): Promise<Fleet> {
  const size = env.database === 'sqlite' ? 1 : 4
  const ports: number[] = []
  while (ports.length < size) ports.push(await freePort())
  const urlOf = (port: number) => `http://127.0.0.1:${port}`
  // The balancer comes from this machine and tells where its callers are.
  const behind = { ...settings, LICENSE_TRUSTED_PROXIES: '127.0.0.1' }
  const launch = (at: number): Promise<AnyServer> => {
    const port = ports[at] ?? 0
    if (!clocks) return startServer(env.stage, behind, port)
    return startClockedServer(env.stage, behind, port, clocks[at % clocks.length] ?? 0)
  }
  const nodes: AnyServer[] = []
  // The first one makes what is missing; the others come together.
  nodes.push(await launch(0))
  nodes.push(...(await Promise.all(ports.slice(1).map((_, index) => launch(index + 1)))))
  const proxy = await startProxy(ports.map(urlOf))
  const node = (at: number): ServerProcess => {
    const found = nodes[at % size]
    if (!found) throw new Error('a fleet without nodes')
    return found
  }
  const untilIn = async (at: number) => {
    const until = performance.now() + IN_WITHIN_MS
    while (!proxy.isIn(node(at).url)) {
      if (performance.now() > until) throw new Error(`node ${at} is not sent requests`)
      await sleep(20)
    }
  }
  const start = async (at: number) => {
    nodes[at % size] = await launch(at % size)
    await untilIn(at)
  }
  for (const at of ports.keys()) await untilIn(at)
  return {
    url: proxy.url,
    size,
    node,
    nodes: () => [...nodes],
    async restart(at) {
      const ended = await node(at).stop()
      await start(at)
      return ended
    },
    kill: (at) => node(at).kill(),
    start,
    async setAhead(ms) {
      await Promise.all(nodes.map((each) => each.setAhead?.(ms)))
    },
    async [Symbol.asyncDispose]() {
      proxy[Symbol.dispose]()
      await Promise.all(nodes.map((each) => each.kill()))
    },
  }
}
