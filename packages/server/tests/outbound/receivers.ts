import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** Something that listens and answers in its own way; it counts who connects, and what they send. */
export type Receiver = AsyncDisposable & { port: number; connections: number; received: string; open: Set<Socket> }

type Behave = (socket: Socket, received: () => string) => void

export async function startReceiver(
  behave: Behave = answer('HTTP/1.1 204 No Content\r\n\r\n'),
  { host = '127.0.0.1', port = 0, tls }: { host?: string; port?: number; tls?: TlsOptions } = {},
): Promise<Receiver> {
  const receiver = { connections: 0, received: '', open: new Set<Socket>() }
  const serve = (socket: Socket) => {
    let received = ''
    receiver.open.add(socket)
    socket.on('close', () => receiver.open.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      received += bytes
      receiver.received += bytes
    })
    behave(socket, () => received)
  }
  const server: Server = tls ? createTlsServer(tls, serve) : createServer(serve)
  // Below TLS too, so that a handshake that fails is counted.
  server.on('connection', () => (receiver.connections += 1))
  server.on('tlsClientError', () => undefined)
  server.listen(port, host)
  await once(server, 'listening')
  return Object.assign(receiver, {
    port: (server.address() as AddressInfo).port, // of a server that listens on a port
    async [Symbol.asyncDispose]() {
      for (const socket of receiver.open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  })
}

/** Once the request's head has come. */
export function answer(text: string, then?: (socket: Socket) => void): Behave {
  return (socket, received) => {
    let isAnswered = false
    socket.on('data', () => {
      if (isAnswered || !received().includes('\r\n\r\n')) return
      isAnswered = true
      socket.write(text)
      then?.(socket)
    })
  }
}

/** Writes without an end, as fast as it is read. */
export function pour(bytes: string): (socket: Socket) => void {
  return (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(bytes));
    }
    socket.on('drain', more)
    more()
  }
}

/** A byte now and then, without an end. */
export function drip(byte: string, everyMs: number): (socket: Socket) => void {
  return (socket) => {
    const timer = setInterval(() => socket.write(byte), everyMs)
    socket.on('close', () => clearInterval(timer))
  }
}

export function pem(name: string): string {
  return readFileSync(new URL(`./tls/${name}`, import.meta.url), 'utf8')
}

/** Every socket that this process opens to somewhere, whatever made it. */
export function countSockets(): Disposable & { count: number } {
  const sockets = { count: 0 }
  const add = () => {
    sockets.count += 1
  }
  subscribe('net.client.socket', add)
  return Object.assign(sockets, { [Symbol.dispose]: () => void unsubscribe('net.client.socket', add) })
}
