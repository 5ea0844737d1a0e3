import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from './http.ts'

const LOOK_EVERY_MS = 250
const LOOK_MS = 1_000
/** To one node. A busy process takes new connections one by one, between all its other work: none is opened for each request. */
export const CONNECTIONS = 64

/** A load balancer as an operator has one, on a port of its own. */
export type Proxy = Disposable & {
  url: string
  /** Whether this node is sent requests now. */
  isIn(url: string): boolean
}

type Target = { url: string; isIn: boolean }

/**
 * Sends requests to the nodes in turn. Out of turn is a node whose `/readyz` is not 200, or that just failed; when all are, they are
 * all tried, as Envoy and the balancers of the clouds do. A GET whose connection failed before any of the answer came is sent to
 * the next node, as nginx and HAProxy do by themselves; nothing else is ever sent twice.
 */
export async function startProxy(urls: readonly string[]): Promise<Proxy> {
  const targets = urls.map((url): Target => ({ url, isIn: false }))
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const closed = new AbortController()
  for (const target of targets) void watch(target, closed.signal)
  let turn = 0
  const next = (tried: ReadonlySet<Target>): Target | undefined => {
    const left = targets.filter((target) => !tried.has(target))
    const ready = left.filter((target) => target.isIn)
    const among = ready.length > 0 ? ready : left
    return among[turn++ % among.length]
  }
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing, agent, next))
  // Whoever keeps a connection to us may do so: what is counted are the nodes' failures, not ours.
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // It listens on a port, not on a pipe.
  return {
    url: `http://127.0.0.1:${port}`,
    isIn: (url) => targets.some((target) => target.url === url && target.isIn),
    [Symbol.dispose]() {
      closed.abort()
      server.close()
      server.closeAllConnections()
      agent.destroy()
    },
  }
}

async function watch(target: Target, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answer = await ask(target.url, { path: '/readyz', timeoutMs: LOOK_MS }).catch(() => undefined)
    target.isIn = answer?.status === 200
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  agent: Agent,
  next: (tried: ReadonlySet<Target>) => Target | undefined,
): Promise<void> {
  const body = await readBody(incoming).catch(() => undefined)
  if (body === undefined) return
  const tried = new Set<Target>()
  for (;;) {
    const target = next(tried)
    if (!target) break
    tried.add(target)
    const outcome = await send(target, incoming, body, outgoing, agent)
    // Whoever asked may have gone: that is no failure of the node's, and nobody waits for another's answer.
    if (outcome === 'answered' || outgoing.destroyed) return
    target.isIn = false
    if (incoming.method !== 'GET') break
  }
  outgoing.writeHead(502, { 'content-type': 'application/json' }).end('{"message":"The balancer has no answer."}')
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of incoming) parts.push(part)
  return Buffer.concat(parts)
}

/** `failed`: nothing of an answer came, so that another may be tried. An answer that broke off in the middle breaks off for the caller. */
function send(
  target: Target,
  { method, url, headers, socket }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  agent: Agent,
): Promise<'answered' | 'failed'> {
  const { connection: _connection, ...passedOn } = headers
  const forwarded = { ...passedOn, 'x-forwarded-for': socket.remoteAddress ?? '' }
  return new Promise((resolve) => {
    const onward = request(target.url + url, { method, headers: forwarded, agent })
    onward.once('error', () => resolve('failed'))
    onward.once('response', (answer) => {
      resolve('answered')
      const { connection: _ours, 'keep-alive': _theirs, ...kept } = answer.headers
      outgoing.writeHead(answer.statusCode ?? 502, kept)
      answer.once('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) onward.destroy()
    })
    onward.end(body)
  })
}
