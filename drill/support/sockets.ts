import { connect, type Socket } from 'node:net'
import { APPLICATION } from './house.ts'
import type { Answer } from './http.ts'

const HEAD_END = '\r\n\r\n'

/** Connections that are kept and used again, opened as they are needed: cheaper than any HTTP client, so that a rush does not take the time of the server that it is for. */
export type Sockets = {
  signIn(username: string, password: string): Promise<Answer>
  close(): void
}

export function openSockets(url: string): Sockets {
  const { hostname, port } = new URL(url)
  const free: Socket[] = []
  const all = new Set<Socket>()
  const open = () => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true }).setEncoding('latin1')
    all.add(socket)
    socket.once('close', () => all.delete(socket))
    return socket
  }
  const ask = (request: string) => {
    const startedAt = performance.now()
    let socket = free.pop()
    while (socket?.destroyed) socket = free.pop()
    const used = socket ?? open()
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    let text = ''
    const done = () => used.removeAllListeners('data').removeAllListeners('error').removeAllListeners('end')
    const fail = () => {
      done()
      used.on('error', () => undefined).destroy()
      reject(new Error('the connection broke'))
    }
    used.once('error', fail).once('end', fail)
    used.on('data', (part: string) => {
      text += part
      const answer = readAnswer(text, performance.now() - startedAt)
      if (!answer) return
      done()
      used.on('error', () => undefined)
      if (answer.headers.connection === 'close') used.destroy()
      else free.push(used)
      resolve(answer)
    })
    used.write(request)
    return promise
  }
  return {
    signIn: (username, password) => ask(signInRequest(username, password)),
    close() {
      for (const socket of all) socket.destroy()
    },
  }
}

/** A sign-in as the old clients send it. */
function signInRequest(username: string, password: string): string {
  const body = JSON.stringify({ username, password })
  const lines = [
    'POST /api/v1/auth/authenticate/ HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `X-LICENSE-MODULE: ${APPLICATION}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return `${lines.join('\r\n')}${HEAD_END}${body}`
}

/** Undefined while it has not come whole. */
function readAnswer(text: string, ms: number): Answer | undefined {
  const end = text.indexOf(HEAD_END)
  if (end < 0) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  const body = text.slice(end + HEAD_END.length)
  if (body.length < Number(headers['content-length'])) return undefined
  return { status: Number(first.split(' ')[1]), headers, body, ms }
}
