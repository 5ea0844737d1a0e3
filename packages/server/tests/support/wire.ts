import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A wire to PostgreSQL that can be cut: what is outside of the server is replaced, not the server. */
export type Wire = AsyncDisposable & {
  /** The database's address at the near end of the wire. */
  url: string
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>
  mend(): Promise<void>
}

export async function openWire(databaseUrl: string): Promise<Wire> {
  const far = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
  }
  const listen = async (port: number): Promise<Server> => {
    const server = createServer((near) => {
      const onward = connect(Number(far.port), far.hostname)
      for (const socket of [near, onward]) keep(socket)
      near.pipe(onward).pipe(near)
      near.on('close', () => onward.destroy())
      onward.on('close', () => near.destroy())
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server: Server | undefined = await listen(0)
  const { port } = server.address() as AddressInfo // It listens on a port, not on a pipe.
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  const cut = async () => {
    const open = server
    server = undefined
    open?.close()
    for (const socket of sockets) socket.destroy()
    if (open) await once(open, 'close')
  }
  return {
    url: url.href,
    cut,
    async mend() {
      server ??= await listen(port)
    },
    [Symbol.asyncDispose]: cut,
  }
}
