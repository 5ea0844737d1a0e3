import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { request as plainRequest } from '../node-http.ts'
import { VERSION } from '../version.ts'
import type { Target } from './target.ts'

export type Message = {
  method: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
}

export type Answered = {
  kind: 'answered'
  status: number
  headers: IncomingHttpHeaders
  /** Its first bytes. */
  body: Buffer
  /** The body was longer, or did not end in time. */
  isCut: boolean
}

export type Failed = {
  kind: 'failed'
  reason: 'no_address' | 'dns' | 'unreachable' | 'tls' | 'timeout' | 'closed' | 'not_http'
  /** The system's or TLS's own word for it, such as CERT_HAS_EXPIRED. */
  code: string | undefined
}

type Limits = { connectMs: number; maxBytes: number; signal: AbortSignal }

const MAX_HEADER_BYTES = 16_384
/** Of answers before the answer ("100 Continue"), of which there may be any number. */
const MAX_INTERIM = 8

/** One request and its answer, on a connection of its own to one of the addresses and to no other. */
export async function exchange(
  target: Target,
  addresses: readonly string[],
  message: Message,
  { connectMs, maxBytes, signal }: Limits,
): Promise<Answered | Failed> {
  const request = open(target, addresses, message)
  let stage: 'connecting' | 'securing' | 'waiting' = 'connecting'
  let isLate = false
  const end = () => {
    isLate = true
    request.destroy()
  }
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  const connecting = setTimeout(end, connectMs)
  const ready = () => {
    stage = 'waiting'
    clearTimeout(connecting)
  }
  request.once('socket', (socket) => {
    socket.once('connect', () => {
      if (target.url.protocol === 'https:') stage = 'securing'
      else ready()
    })
    socket.once('secureConnect', ready)
  })
  try {
    const came = await answerOf(request)
    if (!(came instanceof Error)) return await readAnswer(came, maxBytes)
    return { kind: 'failed', ...reasonOf(came, stage, isLate) }
  } finally {
    clearTimeout(connecting)
    signal.removeEventListener('abort', end)
    request.destroy()
  }
}

function open(target: Target, addresses: readonly string[], { method, headers, body }: Message): ClientRequest {
  const { url, host } = target
  const pinned: LookupFunction = (_host, { all }, done) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }))
    const [first = { address: '', family: 0 }] = found
    if (all) done(null, found)
    else done(null, first.address, first.family)
  }
  const request = url.protocol === 'https:' ? https.request : plainRequest
  const opened = request({
    method,
    host,
    ...(url.port !== '' && { port: Number(url.port) }),
    path: url.pathname + url.search,
    headers: {
      'user-agent': `cloudspot-license-server/${VERSION}`,
      ...headers,
      ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
    },
    // Not the name again: whoever owns it could give another address by now.
    lookup: pinned,
    // A connection of its own: none that was made before, none that is left, no proxy.
    agent: false,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
    servername: target.isLiteral ? '' : host,
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
  })
  return opened.end(body)
}

/** Redirects are answers like others. */
function answerOf(request: ClientRequest): Promise<IncomingMessage | Error> {
  return new Promise((resolve) => {
    let interim = 0
    request.on('information', () => {
      interim += 1
      if (interim > MAX_INTERIM)
        request.destroy(Object.assign(new Error('no end of interim answers'), { code: 'HPE_INTERIM' }))
    })
    request.on('response', resolve)
    request.on('upgrade', (_response, socket) => socket.destroy())
    request.on('error', resolve)
    request.on('close', () => resolve(new Error('closed without an answer')))
  })
}

async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<Answered> {
  const chunks: Buffer[] = []
  let left = maxBytes
  let isCut = false
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, left))
      isCut = chunk.length > left
      left -= Math.min(left, chunk.length)
      if (isCut) break
    }
  } catch {
    // Ended by the deadline or by the other side: what was said in the head was said.
    isCut = true
  }
  const { statusCode = 0, headers } = response
  return { kind: 'answered', status: statusCode, headers, body: Buffer.concat(chunks), isCut }
}

function reasonOf(error: Error, stage: string, isLate: boolean): Pick<Failed, 'reason' | 'code'> {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (isLate) return { reason: 'timeout', code: undefined }
  if (stage === 'connecting') return { reason: 'unreachable', code }
  if (code?.startsWith('HPE_')) return { reason: 'not_http', code }
  if (stage === 'securing' && code !== 'ECONNRESET') return { reason: 'tls', code }
  return { reason: 'closed', code }
}
