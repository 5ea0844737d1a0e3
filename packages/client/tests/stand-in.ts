import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** A request as the stand-in got it. */
export interface Seen {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export type Handler = (seen: Seen, response: ServerResponse) => void

export interface StandIn {
  url: string
  seen: Seen[]
}

/** A real HTTP server for one test. It writes down what it is sent. */
export async function startServer(t: TestContext, handler: Handler): Promise<StandIn> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') }
      seen.push(one)
      handler(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen } // it listens on TCP
}

/** An address where nobody listens: its port was free a moment ago. */
export async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'X-Request-Id': 'req-1', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** What our own server sends for an error, to clients that name themselves. */
export function sendProblem(response: ServerResponse, status: number, code: string, more: object = {}): void {
  const problem = {
    type: 'about:blank',
    title: code,
    status,
    detail: `Refused: ${code}.`,
    code,
    request_id: 'req-1',
    ...more,
  }
  send(response, status, problem, { 'Content-Type': 'application/problem+json' })
}

/** Answers in turn; the last one again and again. */
export function inTurn(...handlers: Handler[]): Handler {
  let turn = 0
  return (seen, response) => handlers[Math.min(turn++, handlers.length - 1)]?.(seen, response)
}
