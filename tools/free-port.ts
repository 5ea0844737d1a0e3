import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port on 127.0.0.1 that nobody listened on a moment ago: the wanted one, or any. Rejects when the wanted one is taken. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // An address of TCP is never a string.
  server.close()
  await once(server, 'close')
  return port
}
