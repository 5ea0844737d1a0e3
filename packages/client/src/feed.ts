import { type Connection, isHeaderValue } from './connection.ts'
import { type CallOptions, checkTimeout, startDeadline } from './deadline.ts'
import { LicenseServerUnavailable, TooManyAttempts } from './errors.ts'
import { type Answer, request } from './http.ts'
import type { WebhookEvent } from './webhooks/events.ts'
import { asEvent, isObject } from './webhooks/read-event.ts'

/** An event of the feed, and where to go on once it is dealt with. */
export interface FeedEvent {
  readonly event: WebhookEvent
  /**
   * Keep it when you are done with the event. From it on you miss nothing; some that you have seen may come again, with the same
   * `event.id`.
   */
  readonly cursor: string
}

/** How events are listened to. */
export interface EventsOptions {
  /** Ends it: the iterator rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Milliseconds that each request may take beside waiting for an event; the client's own unless told. */
  timeout?: number | undefined
  /** Seconds that the server waits for an event before it answers that there is none: 1 to 25; 20 unless told. */
  waitSeconds?: number | undefined
  /** Told of each time that the server can't be reached or is busy. It is tried again, for as long as you listen. */
  onUnavailable?: ((error: LicenseServerUnavailable | TooManyAttempts) => void) | undefined
  /**
   * Told where to go on after each answer of the server: when you have asked for more than the events in it, and also when there were
   * none. So a place that you keep is there before the first event, and does not grow old while nothing happens.
   */
  onCursor?: ((cursor: string) => void) | undefined
}

/** Of an empty answer that came at once: a server that closes, or that has too many who wait. */
const SHORTEST_MS = 1_000
const LONGEST_MS = 30_000

/** All events from a cursor on, for as long as somebody asks for them. */
export async function* listen(
  connection: Connection,
  cursor: string | undefined,
  options: EventsOptions,
): AsyncGenerator<FeedEvent, void, undefined> {
  const { signal, waitSeconds = 20, timeout = connection.timeout } = options
  if (!Number.isInteger(waitSeconds) || waitSeconds < 1 || waitSeconds > 25)
    throw new TypeError('waitSeconds must be 1 to 25')
  if (cursor !== undefined && !isHeaderValue(cursor)) throw new TypeError('That is no cursor of a License server')
  checkTimeout(timeout)
  const ask = (after: string | undefined, wait: number) => {
    const query = { after, ...(wait > 0 && { wait: String(wait) }) }
    return request(
      connection,
      { name: 'events', method: 'GET', path: 'application/events', query, repeatable: false },
      { signal, timeout: timeout + wait * 1_000 },
    )
  }
  let failures = 0
  for (let after = cursor; ; ) {
    const since = performance.now()
    let page: FeedPage
    try {
      // Answered at once where there was no answer before, so that it shows when the server is back.
      page = readPage(await ask(after, after === undefined || failures > 0 ? 0 : waitSeconds))
    } catch (error) {
      if (!(error instanceof LicenseServerUnavailable || error instanceof TooManyAttempts)) throw error
      options.onUnavailable?.(error)
      const backoff = Math.random() * Math.min(LONGEST_MS, 500 * 2 ** Math.min(failures++, 10))
      await pause(Math.min(LONGEST_MS, (error.retryAfter ?? 0) * 1_000 + backoff), signal)
      continue
    }
    failures = 0
    for (const [at, event] of page.events.entries()) {
      const isLast = at === page.events.length - 1
      yield { event, cursor: isLast ? page.cursor : (after ?? page.cursor) }
    }
    options.onCursor?.(page.cursor)
    const isIdle = page.events.length === 0 && after !== undefined
    after = page.cursor
    const left = SHORTEST_MS - (performance.now() - since)
    if (isIdle && left > 0) await pause(left, signal)
  }
}

interface FeedPage {
  readonly events: readonly WebhookEvent[]
  readonly cursor: string
}

function readPage(answer: Answer): FeedPage {
  const { events, cursor } = answer.body
  if (!Array.isArray(events)) throw answer.wrong('/events', 'a list')
  if (!isHeaderValue(cursor)) throw answer.wrong('/cursor', 'a cursor')
  return {
    cursor,
    events: events.map((each: unknown, at) => {
      const event = isObject(each) ? asEvent(each) : undefined
      if (!event) throw answer.wrong(`/events/${at}`, 'an event')
      return event
    }),
  }
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  const deadline = startDeadline(LONGEST_MS + 10_000, signal)
  try {
    await deadline.sleep(milliseconds)
  } finally {
    deadline.end()
  }
}

/** What one user may do for one company, as it was announced last. */
export interface SnapshotItem {
  readonly user: {
    readonly id: string
    readonly email: string
    readonly first_name: string
    readonly last_name: string
    readonly active: boolean
  }
  readonly company: { readonly id: string; readonly name: string }
  readonly permissions: readonly string[]
  /** An event about the same user and company with this version or a smaller one is older news. */
  readonly version: number
}

/**
 * Everybody who may use the application, once for each company: gone through page by page, each time anew from the server but for the
 * first page. What changes meanwhile comes as events after `cursor`.
 */
export class Snapshot implements AsyncIterable<SnapshotItem> {
  readonly #connection: Connection
  readonly #first: SnapshotPage
  readonly #options: CallOptions

  /** @internal */
  constructor(connection: Connection, first: SnapshotPage, options: CallOptions) {
    this.#connection = connection
    this.#first = first
    this.#options = options
  }

  /** Where events go on: `license.events(snapshot.cursor)`. */
  get cursor(): string {
    return this.#first.cursor
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SnapshotItem, void, undefined> {
    let page = this.#first
    yield* page.items
    while (page.next !== null) {
      page = await askSnapshot(this.#connection, page.next, this.#options)
      yield* page.items
    }
  }
}

interface SnapshotPage {
  readonly items: readonly SnapshotItem[]
  readonly next: string | null
  readonly cursor: string
}

export async function askSnapshot(
  connection: Connection,
  page: string | undefined,
  options: CallOptions,
): Promise<SnapshotPage> {
  const call = {
    name: 'snapshot',
    method: 'GET',
    path: 'application/snapshot',
    query: { page },
    repeatable: true,
  } as const
  const answer = await request(connection, call, options)
  const { items, next, cursor } = answer.body
  if (!Array.isArray(items)) throw answer.wrong('/items', 'a list')
  if (next !== null && typeof next !== 'string') throw answer.wrong('/next', 'a page or null')
  if (!isHeaderValue(cursor)) throw answer.wrong('/cursor', 'a cursor')
  const at = items.findIndex((item: unknown) => !isItem(item))
  if (at >= 0) throw answer.wrong(`/items/${at}`, 'what somebody may do')
  return { items: items as SnapshotItem[], next, cursor } // just checked
}

function isItem(item: unknown): boolean {
  if (!isObject(item)) return false
  const { user, company, permissions, version } = item
  return (
    isObject(user) &&
    typeof user.id === 'string' &&
    isObject(company) &&
    typeof company.id === 'string' &&
    Array.isArray(permissions) &&
    typeof version === 'number'
  )
}
