import { type CallOptions, checkTimeout, startDeadline } from '../deadline.ts'
import { type Exchanged, exchange, type Outgoing, repeated } from '../http.ts'
import type { AdminConnection } from './connection.ts'

/** Of NDJSON, and of CSV: what the server writes last, since a proxy may make a whole answer of one that was cut off. */
const END = /^(?:\{"end":true[,}]|end,)/

/**
 * A long answer, line by line, without the line's end. The timeout is for the beginning and then for each piece of it, not for the
 * whole, which may take hours; nothing is repeated once it has begun. Whoever stops early ends the transfer.
 */
export async function* streamLines(
  connection: AdminConnection,
  outgoing: Outgoing,
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  const timeout = checkTimeout(options.timeout ?? connection.timeout)
  // Aborted when somebody stops: the deadline of the beginning would cut off the rest.
  const transfer = new AbortController()
  try {
    const begun = await begin(connection, outgoing, transfer, { ...options, timeout })
    let last = ''
    for await (const line of splitLines(pieces(begun, timeout, options.signal), connection.maxAnswerBytes, begun)) {
      yield line
      last = line
    }
    if (!END.test(last)) throw begun.unexpected('it was cut off before its end: ask again, and use nothing of this')
  } finally {
    transfer.abort()
  }
}

async function begin(
  connection: AdminConnection,
  outgoing: Outgoing,
  transfer: AbortController,
  { timeout, signal }: { timeout: number; signal?: AbortSignal | undefined },
): Promise<Exchanged> {
  const deadline = startDeadline(timeout, signal)
  const stop = () => transfer.abort(deadline.signal.reason)
  deadline.signal.addEventListener('abort', stop)
  const request = { ...outgoing, init: () => outgoing.init(transfer.signal) }
  try {
    return await repeated(connection, outgoing, deadline, () => exchange(connection, request, deadline))
  } finally {
    deadline.signal.removeEventListener('abort', stop)
    deadline.end()
  }
}

async function* pieces(
  { response, lost }: Exchanged,
  timeout: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const inTime = async <T>(begin: () => Promise<T>): Promise<T> => {
    const deadline = startDeadline(timeout, signal)
    try {
      return await deadline.race(begin())
    } catch (cause) {
      throw deadline.signal.aborted ? deadline.signal.reason : lost(cause)
    } finally {
      deadline.end()
    }
  }
  // An injected fetch may have no streams.
  if (!response.body) {
    yield new Uint8Array(await inTime(() => response.arrayBuffer()))
    return
  }
  const reader = response.body.getReader()
  try {
    for (;;) {
      const next = await inTime(() => reader.read())
      if (next.done) return
      yield next.value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** At `\n` alone, so that joining them again gives what was sent. */
async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  longest: number,
  { unexpected }: Exchanged,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined })
    } catch {
      throw unexpected('the answer is not UTF-8')
    }
  }
  let rest = ''
  for await (const piece of source) {
    const lines = (rest + decode(piece)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > longest) throw unexpected(`a line of the answer is longer than ${longest}`)
    yield* lines
  }
  rest += decode()
  if (rest !== '') yield rest
}
