import { type Call, type Connection, callInit, callUrl, type Reach, secretsOf } from './connection.ts'
import { type CallOptions, checkTimeout, type Deadline, startDeadline } from './deadline.ts'
import { type LicenseError, LicenseServerUnavailable, TooManyAttempts, UnexpectedAnswer } from './errors.ts'
import { type Head, type Json, readHead } from './head.ts'
import { refusal } from './refusals.ts'
import { describeCause } from './shown.ts'

/** A 2xx answer that is a JSON object. */
export interface Answer {
  readonly body: Json
  /** This machine's clock when the answer was there, milliseconds. */
  readonly receivedAt: number
  readonly requestId: string | undefined
  readonly etag: string | undefined
  /** The error for an answer that lacks something: `path` is a JSON pointer, `wanted` what should be there. */
  wrong(path: string, wanted: string): UnexpectedAnswer
}

/** One request, ready to be sent. */
export interface Outgoing {
  /** Method and address in messages: nothing in it may be secret. */
  readonly label: string
  readonly url: string
  init(signal: AbortSignal): RequestInit
  /** What it carries that nobody else may learn. */
  readonly secrets: readonly string[]
  /** Whether a second time does no harm: always, never, or where the server says that it did nothing yet. */
  readonly repeatable: 'always' | 'never' | 'undone'
  /** The error that an answer of 400 or more says; undefined when it is no answer of a License server. */
  refusal(head: Head, body: Json | undefined): LicenseError | undefined
}

/**
 * Sends one request of the protocol, again where that is harmless, and reads its answer.
 *
 * @throws LicenseError of the kind that the answer says; the reason of the caller's signal
 */
export async function request(connection: Connection, call: Call, options: CallOptions = {}): Promise<Answer> {
  const secrets = secretsOf(connection, call)
  return send(
    connection,
    {
      label: `${call.method} ${call.path}`,
      url: callUrl(connection, call),
      init: (signal) => callInit(connection, call, signal),
      secrets,
      repeatable: call.repeatable ? 'always' : 'never',
      refusal: (head, body) => refusal(call.name, head, body, secrets),
    },
    options,
  )
}

/** The same for any request. */
export async function send(reach: Reach, outgoing: Outgoing, options: CallOptions = {}): Promise<Answer> {
  const deadline = startDeadline(checkTimeout(options.timeout ?? reach.timeout), options.signal)
  try {
    return await repeated(reach, outgoing, deadline, async () => readAnswer(reach, outgoing, deadline))
  } finally {
    deadline.end()
  }
}

/** Does it again, as often as that is harmless and there is time. */
export async function repeated<T>(
  reach: Reach,
  outgoing: Outgoing,
  deadline: Deadline,
  once: () => Promise<T>,
): Promise<T> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await once()
    } catch (error) {
      const wait = repeats < reach.retries ? waitBeforeRepeat(error, outgoing, repeats) : undefined
      // A wait that can't end in time is told at once.
      if (wait === undefined || wait >= deadline.left()) throw error
      await deadline.sleep(wait)
    }
  }
}

/** Milliseconds to wait, or undefined for an error that the same request would meet again. */
function waitBeforeRepeat(error: unknown, { repeatable }: Outgoing, repeats: number): number | undefined {
  if (!(error instanceof LicenseServerUnavailable || error instanceof TooManyAttempts)) return undefined
  const passing =
    error instanceof TooManyAttempts
      ? error.retryAfter !== undefined
      : repeatable === 'undone'
        ? isUndone(error)
        : error.code === 'unreachable' || [408, 502, 503, 504].includes(error.status ?? 0)
  if (!passing || repeatable === 'never') return undefined
  // Full jitter, so that the clients of a server that comes back don't return all at once.
  const backoff = Math.random() * Math.min(2_000, 200 * 2 ** repeats)
  return (error.retryAfter ?? 0) * 1_000 + backoff
}

/** The server itself says so, before it begins or after it took all back. */
export function isUndone({ status, code }: LicenseError): boolean {
  return status === 503 && (code === 'busy' || code === 'shutting_down')
}

async function readAnswer(reach: Reach, outgoing: Outgoing, deadline: Deadline): Promise<Answer> {
  const { response, head, unexpected, lost } = await exchange(reach, outgoing, deadline)
  let body: Json | string
  try {
    body = await readObject(response, reach.maxAnswerBytes, deadline)
  } catch (cause) {
    throw lost(cause)
  }
  if (typeof body === 'string') throw unexpected(describe(response, body))
  return {
    body,
    receivedAt: Date.now(),
    requestId: head.requestId,
    etag: head.etag,
    wrong: (path, wanted) => unexpected(`in the answer, ${path} is not ${wanted}`),
  }
}

/** A 2xx answer whose body is not read yet. */
export interface Exchanged {
  readonly response: Response
  readonly head: Head
  unexpected(what: string): UnexpectedAnswer
  /** What to reject with when reading on fails. */
  lost(cause: unknown): unknown
}

export async function exchange(reach: Reach, outgoing: Outgoing, deadline: Deadline): Promise<Exchanged> {
  const { fetch } = reach // called as a plain function: workers refuse a `fetch` with a `this`
  const { label, secrets } = outgoing
  const lost = (cause: unknown) =>
    deadline.signal.aborted ? deadline.signal.reason : unreachable(reach, cause, secrets)

  let response: Response
  try {
    response = await deadline.race(fetch(outgoing.url, outgoing.init(deadline.signal)))
  } catch (cause) {
    throw lost(cause)
  }

  const head = readHead(response)
  const { status, requestId } = head
  const unexpected = (what: string) =>
    new UnexpectedAnswer(`${label}: ${what}`, { code: 'unexpected_answer', status, requestId })

  if (response.type === 'opaqueredirect' || response.redirected || (status >= 300 && status < 400)) {
    discard(response)
    throw unexpected(`the server at ${reach.address} redirects elsewhere, which is not followed`)
  }
  if (response.ok) return { response, head, unexpected, lost }

  let body: Json | string
  try {
    body = await readObject(response, reach.maxAnswerBytes, deadline)
  } catch (cause) {
    throw lost(cause)
  }
  throw outgoing.refusal(head, typeof body === 'string' ? undefined : body) ?? unexpected(describe(response, body))
}

function unreachable(reach: Reach, cause: unknown, secrets: readonly string[]): LicenseServerUnavailable {
  const told = describeCause(cause)
  const code = /\bE[A-Z]{4,}\b/.exec(told)?.[0]
  // An injected fetch may put what it sent into its error's message.
  const safe = !secrets.some((secret) => told.includes(secret))
  return new LicenseServerUnavailable(
    `The License server at ${reach.address} can't be reached${code && safe ? ` (${code})` : ''}: see that it runs there`,
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
