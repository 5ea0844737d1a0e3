import { type Answered, exchange, type Failed, type Message } from './exchange.ts'
import { readTarget } from './target.ts'
import { findWay, type WayOptions } from './way.ts'

export type OutsideCall = Message & {
  /** As somebody typed it. */
  url: string
}

export type OutsideOptions = WayOptions & {
  /** From looking up the name to the last byte. */
  timeoutMs?: number | undefined
  /** Of these, until there is a connection. */
  connectMs?: number | undefined
  /** Of the answer's body. */
  maxBytes?: number | undefined
  /** Ends it early, as if its time were over. */
  signal?: AbortSignal | undefined
}

/** What came of it; `ms` is the time that it took. */
export type Outcome = (Answered | Failed | { kind: 'refused_address'; fault: string }) & { ms: number }

const TIMEOUT_MS = 15_000
const CONNECT_MS = 5_000
const MAX_BYTES = 65_536

/**
 * Calls an address that somebody typed. It never leads into the house (private networks, this machine, what gives out credentials),
 * whatever its spelling, its DNS or its redirects say, but where LICENSE_ALLOWED_NETWORKS opens it; and it ends in time, with a
 * bounded answer. Rejects for nothing that the other side does. tests/outbound/ holds it.
 */
export function callOutside(call: OutsideCall, options: OutsideOptions): Promise<Outcome> {
  return callAddress(call, { ...options, isOperators: false })
}

/** The same for an address that is a setting, which no record and no request can say: it may lead into the operator's own networks. */
export function callOperators(call: OutsideCall, options: OutsideOptions): Promise<Outcome> {
  return callAddress(call, { ...options, isOperators: true })
}

async function callAddress({ url, ...message }: OutsideCall, options: OutsideOptions): Promise<Outcome> {
  const { timeoutMs = TIMEOUT_MS, connectMs = CONNECT_MS, maxBytes = MAX_BYTES } = options
  const startedAt = performance.now()
  const ms = () => Math.round(performance.now() - startedAt)
  const target = readTarget(url)
  if (typeof target === 'string') return { kind: 'refused_address', fault: target, ms: ms() }

  const deadline = new AbortController()
  const end = () => deadline.abort()
  const timer = setTimeout(end, timeoutMs)
  options.signal?.addEventListener('abort', end)
  if (options.signal?.aborted) end()
  try {
    const way = await findWay(target, options, deadline.signal)
    if (way.kind === 'refused') return { kind: 'refused_address', fault: way.fault, ms: ms() }
    if (way.kind === 'unknown') {
      return { kind: 'failed', reason: deadline.signal.aborted ? 'timeout' : way.reason, code: undefined, ms: ms() }
    }
    const limits = { connectMs, maxBytes, signal: deadline.signal }
    return { ...(await exchange(target, way.addresses, message, limits)), ms: ms() }
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', end)
  }
}
