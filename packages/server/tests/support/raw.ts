import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { readJson } from './calls.ts'
import type { TestServer } from './server.ts'

export type RawReply = { status: number; headers: Record<string, string>; text: string; body: unknown }

/** A connection on which anything can be sent, also what is no HTTP. */
export class RawConnection {
  readonly #socket: Socket
  #received = ''
  #ended = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      this.#received += text
    })
    // A reset after the answer is the server's right; what was answered before it counts.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#ended = true
    })
  }

  static async open(server: Pick<TestServer, 'url'>): Promise<RawConnection> {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const connection = new RawConnection(socket)
    await once(socket, 'connect')
    return connection
  }

  send(text: string): void {
    this.#socket.write(text)
  }

  /** The next answer on this connection; its length is taken from `Content-Length`. */
  async reply(): Promise<RawReply> {
    for (;;) {
      const reply = this.#take()
      if (reply) return reply
      if (this.#ended) throw new Error(`the connection ended with ${JSON.stringify(this.#received.slice(0, 200))}`)
      await new Promise<void>((resolve) => {
        const go = () => {
          this.#socket.off('data', go).off('close', go)
          resolve()
        }
        this.#socket.on('data', go).on('close', go)
      })
    }
  }

  #take(): RawReply | undefined {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [first = '', ...lines] = this.#received.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => {
        const [name = '', ...value] = line.split(':')
        return [name.toLowerCase(), value.join(':').trim()]
      }),
    )
    const rest = this.#received.slice(end + 4)
    const length = Number(headers['content-length'] ?? 0)
    const bytes = Buffer.from(rest)
    if (bytes.length < length) return undefined
    const text = bytes.subarray(0, length).toString()
    this.#received = bytes.subarray(length).toString()
    return { status: Number(first.split(' ')[1]), headers, text, body: readJson(text) }
  }

  /** What is left when the server has closed. */
  async rest(): Promise<string> {
    // Not `once`: it would throw for a reset.
    if (!this.#ended) await new Promise((resolve) => this.#socket.on('close', resolve))
    return this.#received
  }

  get isEnded(): boolean {
    return this.#ended
  }

  destroy(): void {
    this.#socket.destroy()
  }

  [Symbol.dispose](): void {
    this.destroy()
  }
}

/** Sends a text and takes the one answer to it. */
export async function sendRaw(server: Pick<TestServer, 'url'>, text: string): Promise<RawReply> {
  using connection = await RawConnection.open(server)
  connection.send(text)
  return await connection.reply()
}
