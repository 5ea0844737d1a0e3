import { type CallOptions, checkTimeout, startDeadline } from '../deadline.ts'
import { type Exchanged, exchange, type Outgoing, repeated } from '../http.ts'
import type { AdminConnection } from './connection.ts'

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
  const head = startDeadline(timeout, options.signal)
  // Aborted only when somebody stops: a deadline of the head's would cut off the body.
  const transfer = new AbortController()
  const endTransfer = () => transfer.abort(head.signal.reason)
  head.signal.addEventListener('abort', endTransfer)
  let begun: Exchanged
  try {
    const request = { ...outgoing, init: () => outgoing.init(transfer.signal) }
    begun = await repeated(connection, outgoing, head, () => exchange(connection, request, head))
  } finally {
    head.signal.removeEventListener('abort', endTransfer)
    head.end()
  }
  yield* splitLines(pieces(begun, timeout, options.signal, transfer), connection.maxAnswerBytes, begun)
}

async function* pieces(
  { response, lost }: Exchanged,
  timeout: number,
  signal: AbortSignal | undefined,
  transfer: AbortController,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader()
  try {
    while (reader) {
      const deadline = startDeadline(timeout, signal)
      try {
        const { done, value } = await deadline.race(reader.read())
        if (done) return
        yield value
      } catch (cause) {
        throw deadline.signal.aborted ? deadline.signal.reason : lost(cause)
      } finally {
        deadline.end()
      }
    }
  } finally {
    reader?.cancel().catch(() => {})
    transfer.abort()
  }
}

/** At `\n` alone, so that joining them again gives what was sent. */
async function* splitLines(
  source: AsyncGenerator<Uint8Array>,
  longest: number,
  { unexpected }: Exchanged,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
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
