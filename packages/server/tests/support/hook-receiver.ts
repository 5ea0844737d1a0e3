import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Delivery } from 'cloudspot-license-api/admin'
import { findReadiness } from '../../src/outbox/wanting.ts'
import { askFor } from './admin.ts'
import type { TestServer } from './server.ts'

export type Received = {
  path: string
  headers: IncomingHttpHeaders
  raw: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a body; a wrong guess fails it.
  body: any
}
type Answer = { status: number; body?: string; headers?: Record<string, string> }

/** A receiver of events over HTTP, as an application has one. */
export type HookReceiver = AsyncDisposable & {
  url: string
  received: Received[]
  /** What it answers from now on. */
  answer: (received: Received) => Answer
  /** Waits until so many have come, or as many as something says. */
  until(count: number): Promise<Received[]>
}

/** Where the server must be allowed to call to. */
export const TO_THIS_MACHINE = { LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' }

export async function startHookReceiver(path = '/hook', atPort = 0): Promise<HookReceiver> {
  const waiting = new Set<() => void>()
  const server = createServer(async (request, response) => {
    let raw = ''
    for await (const chunk of request) raw += chunk
    const received = { path: request.url ?? '', headers: request.headers, raw, body: JSON.parse(raw) }
    const { status, body = '', headers = {} } = receiver.answer(received)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
    receiver.received.push(received)
    for (const look of waiting) look()
  })
  await new Promise<void>((resolve) => server.listen(atPort, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // Of a port, not of a pipe.
  const receiver: HookReceiver = {
    url: `http://127.0.0.1:${port}${path}`,
    received: [],
    answer: () => ({ status: 204 }),
    async until(count) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${receiver.received.length} of ${count} came: ${JSON.stringify(receiver.received)}`)),
          20_000,
        )
        const look = () => {
          if (receiver.received.length < count) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
      return receiver.received
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

/** An endpoint of an application, made over the API. */
export async function addEndpoint(
  server: TestServer,
  key: string,
  body: { url: string; dialect?: string; types?: string[] },
  application = 'crm',
): Promise<{ id: string; secret: string; path: string }> {
  // Else all that was seeded is told of in full.
  await until(async () => (await server.ctx.db.read.selectFrom('due').select('id').limit(1).execute()).length === 0)
  const path = `/applications/${application}/endpoints`
  const { id, secret } = await askFor(201, server, key, `POST ${path}`, { body })
  await noted(server, application)
  return { id, secret, path: `${path}/${id}` }
}

/** Until what holds is noted: from then on differences alone are told. */
export async function noted({ ctx }: TestServer, application: string): Promise<void> {
  await until(async () => (await findReadiness(ctx.db.read, application)) === 'ready')
}

/** Until every delivery of an endpoint has come to one of these states. */
export async function settled(
  server: TestServer,
  key: string,
  path: string,
  isSettled: (all: Delivery[]) => boolean,
): Promise<Delivery[]> {
  let all: Delivery[] = []
  await until(async () => {
    all = (await askFor(200, server, key, `GET ${path}/deliveries?limit=200`)).items
    return isSettled(all)
  })
  return all
}

/** Asks again and again, for twenty seconds at most. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
