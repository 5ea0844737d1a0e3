import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { signWebhook } from 'cloudspot-license-api/webhooks'
import { withoutKeys } from '../output/clean.ts'
import { VERSION } from '../version.ts'
import type { ToldEvent } from './told-event.ts'

/** A handler, and what events are signed with for it. */
export type Receiver = { url: URL; secrets: readonly string[] }

export type Answer = {
  /** Null: it gave none, and `error` says why. */
  status: number | null
  error: string | null
  ms: number
  /** The first of what it said, without secrets. */
  said: string
}

// As the server's own deliveries.
const TIMEOUT_MS = 15_000
const MAX_BYTES = 65_536

const SAID = 300

export function isTaken({ status }: Answer): boolean {
  return status !== null && status >= 200 && status < 300
}

/**
 * Sends an event as the server sends it to an endpoint, so that a handler can't tell the difference: the same body and headers, signed as
 * of now. Rejects for nothing that the other side does; with the signal's reason when that ends it.
 */
export async function forward(event: ToldEvent, { url, secrets }: Receiver, signal: AbortSignal): Promise<Answer> {
  const body = JSON.stringify(event)
  const headers = {
    'user-agent': `cloudspot-license-cli/${VERSION}`,
    'content-type': 'application/json',
    ...(await signWebhook(body, { id: event.id }, secrets)),
    'content-length': Buffer.byteLength(body),
  }
  const since = performance.now()
  const late = AbortSignal.timeout(TIMEOUT_MS)
  const ends = AbortSignal.any([signal, late])
  const send = url.protocol === 'https:' ? tlsRequest : plainRequest
  const answered = await new Promise<IncomingMessage | Error>((resolve) => {
    // A connection of its own each time, and no redirect is followed.
    send(url, { method: 'POST', headers, agent: false, signal: ends })
      .on('response', resolve)
      .on('error', resolve)
      .on('close', () => resolve(new Error('closed without an answer')))
      .end(body)
  })
  const said = answered instanceof Error ? '' : await readSome(answered)
  signal.throwIfAborted()
  const ms = Math.round(performance.now() - since)
  if (!(answered instanceof Error)) return { status: answered.statusCode ?? 0, error: null, ms, said }
  const { code } = answered as NodeJS.ErrnoException // As node:net, node:tls and the parser throw.
  return { status: null, error: late.aborted ? 'timeout' : (code ?? 'closed'), ms, said }
}

async function readSome(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > MAX_BYTES) break
    }
  } catch {
    // Cut off, by the deadline or the other side: what was said in the head was said.
  }
  return withoutKeys(Buffer.concat(chunks).toString('utf8')).trim().slice(0, SAID)
}
