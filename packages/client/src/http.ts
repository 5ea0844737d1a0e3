import { type Call, type Connection, callInit, callUrl, secretsOf } from './connection.ts'
import { type CallOptions, checkTimeout, type Deadline, startDeadline } from './deadline.ts'
import { LicenseServerUnavailable, TooManyAttempts, UnexpectedAnswer } from './errors.ts'
import { type Json, readHead } from './head.ts'
import { refusal } from './refusals.ts'
import { describeCause } from './shown.ts'

/** A 2xx answer that is a JSON object. */
export interface Answer {
  readonly body: Json
  /** This machine's clock when the answer was there, milliseconds. */
  readonly receivedAt: number
  readonly requestId: string | undefined
  /** The error for an answer that lacks something: `path` is a JSON pointer, `wanted` what should be there. */
  wrong(path: string, wanted: string): UnexpectedAnswer
}

/**
 * Sends one request, again where that is harmless, and reads its answer.
 *
 * @throws LicenseError of the kind that the answer says; the reason of the caller's signal
 */
export async function request(connection: Connection, call: Call, options: CallOptions = {}): Promise<Answer> {
  const deadline = startDeadline(checkTimeout(options.timeout ?? connection.timeout), options.signal)
  try {
    for (let repeats = 0; ; repeats++) {
      try {
        return await exchange(connection, call, deadline)
      } catch (error) {
        const wait = call.repeatable && repeats < connection.retries ? waitBeforeRepeat(error, repeats) : undefined
        // A wait that can't end in time is told at once.
        if (wait === undefined || wait >= deadline.left()) throw error
        await deadline.sleep(wait)
      }
    }
  } finally {
    deadline.end()
  }
}

/** Milliseconds to wait, or undefined for an error that the same request would meet again. */
function waitBeforeRepeat(error: unknown, repeats: number): number | undefined {
  const passing =
    (error instanceof LicenseServerUnavailable &&
      (error.code === 'unreachable' || [408, 502, 503, 504].includes(error.status ?? 0))) ||
    (error instanceof TooManyAttempts && error.retryAfter !== undefined)
  if (!passing) return undefined
  // Full jitter, so that the clients of a server that comes back don't return all at once.
  const backoff = Math.random() * Math.min(2_000, 200 * 2 ** repeats)
  return (error.retryAfter ?? 0) * 1_000 + backoff
}

async function exchange(connection: Connection, call: Call, deadline: Deadline): Promise<Answer> {
  const { fetch } = connection // called as a plain function: workers refuse a `fetch` with a `this`
  const secrets = secretsOf(connection, call)
  const label = `${call.method} ${call.path}`
  const lost = (cause: unknown) =>
    deadline.signal.aborted ? deadline.signal.reason : unreachable(connection, cause, secrets)

  let response: Response
  try {
    response = await deadline.race(fetch(callUrl(connection, call), callInit(connection, call, deadline.signal)))
  } catch (cause) {
    throw lost(cause)
  }

  const head = readHead(response)
  const { status, requestId } = head
  const unexpected = (what: string) =>
    new UnexpectedAnswer(`${label}: ${what}`, { code: 'unexpected_answer', status, requestId })

  if (response.type === 'opaqueredirect' || response.redirected || (status >= 300 && status < 400)) {
    discard(response)
    throw unexpected(`the server at ${connection.address} redirects elsewhere, which is not followed`)
  }

  let body: Json | string
  try {
    body = await readObject(response, connection.maxAnswerBytes, deadline)
  } catch (cause) {
    throw lost(cause)
  }
  if (!response.ok) {
    throw (
      refusal(call.name, head, typeof body === 'string' ? undefined : body, secrets) ??
      unexpected(describe(response, body))
    )
  }
  if (typeof body === 'string') throw unexpected(describe(response, body))
  return {
    body,
    receivedAt: Date.now(),
    requestId,
    wrong: (path, wanted) => unexpected(`in the answer, ${path} is not ${wanted}`),
  }
}

function unreachable(connection: Connection, cause: unknown, secrets: readonly string[]): LicenseServerUnavailable {
  const told = describeCause(cause)
  const code = /\bE[A-Z]{4,}\b/.exec(told)?.[0]
  // An injected fetch may put what it sent into its error's message.
  const safe = !secrets.some((secret) => told.includes(secret))
  return new LicenseServerUnavailable(
    `The License server at ${connection.address} can't be reached${code && safe ? ` (${code})` : ''}`,
    { code: 'unreachable', ...(safe && { cause }) },
  )
}

function describe(response: Response, body: Json | string): string {
  const type = /^[\w.+-]+\/[\w.+-]+/.exec(response.headers.get('Content-Type') ?? '')?.[0] ?? 'no content type'
  const flaw = typeof body === 'string' ? body : 'no License error: neither "message" nor "code"'
  return `the answer (${response.status}, ${type}) is ${flaw}`
}

/** The body as a JSON object, or what it is instead. */
async function readObject(response: Response, limit: number, deadline: Deadline): Promise<Json | string> {
  if (response.status === 204) return {}
  const bytes = await readBytes(response, limit, deadline)
  if (!bytes) return `longer than ${limit} bytes`
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json // just checked
  } catch {
    // The parser's message would quote the answer.
    return 'not JSON'
  }
  return 'not a JSON object'
}

async function readBytes(response: Response, limit: number, deadline: Deadline): Promise<Uint8Array | undefined> {
  if (Number(response.headers.get('Content-Length')) > limit) return discard(response)
  if (!response.body) return new Uint8Array(await deadline.race(response.arrayBuffer()))
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await deadline.race(reader.read())
      if (done) return joined(chunks, length)
      chunks.push(value)
      length += value.byteLength
      if (length > limit) return undefined
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.byteLength
  }
  return all
}

function discard(response: Response): undefined {
  response.body?.cancel().catch(() => {})
}
