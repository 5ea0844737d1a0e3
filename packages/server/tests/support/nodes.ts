import { join } from 'node:path'
import { besideServer } from '../commands/run.ts'
import { type DatabaseKind, startServer, type TestServer, type TestServerOptions } from './server.ts'

export const NODES = 4

/** Servers of one house: four on PostgreSQL; SQLite has one. */
export async function startNodes(
  database: DatabaseKind,
  house: TestServerOptions['house'],
): Promise<AsyncDisposableStack & { nodes: readonly [TestServer, ...TestServer[]] }> {
  const stack = new AsyncDisposableStack()
  const first = stack.use(await startServer(database, { ...(house ? { house } : {}) }))
  const nodes: [TestServer, ...TestServer[]] = [first]
  while (database === 'postgres' && nodes.length < NODES)
    nodes.push(stack.use(await startServer(database, { env: sameHouse(first) })))
  return Object.assign(stack, { nodes })
}

/** What a server is told to be one more of the same house. */
export function sameHouse(first: TestServer): Record<string, string> {
  return { ...besideServer(first), LICENSE_KEYS_FILE: join(first.config.dataDir, 'keys.json') }
}
