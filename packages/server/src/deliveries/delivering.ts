import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { claimDeliveries, type DeliveryRow, type Due, giveBack, listDue } from './delivery-store.ts'
import type { EndpointRow } from './endpoint-store.ts'
import { fanOut } from './fan-out.ts'
import { Paces } from './paces.ts'
import { resendSome } from './resend.ts'
import { send } from './send.ts'
import { settle } from './settle.ts'

/** A call takes 15 seconds at most, and a site may be asked twice: whoever holds one longer is dead. */
const LEASE_MS = 45_000
/** What other nodes wrote is seen after that at the latest. */
const POLL_MS = 500
/** Between two looks, however much there is to do. */
const LEAST_MS = 50

/** Endpoints that are looked after at once. */
const SERVED_AT_ONCE = 4

/** Takes what is due again and again, and sends it, beside the requests. Nothing that happens is its own: killed anywhere, others go on. */
export class Delivering {
  readonly #ctx: Context
  readonly #paces = new Paces()
  readonly #sending = new Set<Promise<void>>()
  readonly #ending = new AbortController()
  #wake: () => void = () => undefined
  #isWoken = false
  readonly #loop: Promise<void>
  readonly #unhook: () => void

  constructor(ctx: Context) {
    this.#ctx = ctx
    this.#unhook = ctx.outbox.onEvents(() => this.wake())
    this.#loop = this.#run()
  }

  /** Looks at once: something was stored. */
  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  /** What is under way is broken off and given back: another node sends it, or this one when it starts again. */
  async stop(): Promise<void> {
    this.#unhook()
    this.#ending.abort()
    this.#wake()
    await this.#loop
    await Promise.all(this.#sending)
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      this.#isWoken = false
      const since = performance.now()
      await this.#look().catch((error: unknown) =>
        this.#ctx.log.warn({ job: 'deliver', err: error }, 'a job failed; it is tried again'),
      )
      // However much is told meanwhile: what comes at once is looked at together.
      await sleep(Math.max(0, LEAST_MS - (performance.now() - since)))
      if (!this.#isWoken) await this.#wait(POLL_MS)
    }
  }

  async #wait(ms: number): Promise<void> {
    if (this.#ending.signal.aborted) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, ms).unref()
    })
    clearTimeout(timer)
  }

  async #look(): Promise<void> {
    const due = await listDue(this.#ctx.db.read)
    this.#paces.keepOnly(new Set(due.map(({ id }) => id)))
    // Those first that take what they are sent, and several at once: where the database is far, none waits for all others.
    const next = due.toSorted((one, other) => this.#paces.doubts(one.id) - this.#paces.doubts(other.id)).values()
    await Promise.all(Array.from({ length: SERVED_AT_ONCE }, () => this.#serveEach(next)))
  }

  async #serveEach(next: Iterator<Due>): Promise<void> {
    for (let turn = next.next(); !turn.done && !this.#ending.signal.aborted; turn = next.next()) {
      // One endpoint's trouble is not the others'.
      try {
        if (await this.#serve(turn.value)) this.#isWoken = true
      } catch (error) {
        this.#ctx.log.warn({ job: 'deliver', endpoint: turn.value.id, err: error }, 'an endpoint could not be served')
      }
    }
  }

  /** Tells whether there may be more at once. */
  async #serve(due: Due): Promise<boolean> {
    const room = this.#paces.room(due.id, this.#ctx.now())
    // What can't be sent just now is not put in line either: of one that hangs this is work for nothing, again and again.
    if (room === 0) return false
    const isNews = due.lastSeq >= due.nextSeq
    const isMore = isNews && (await fanOut(this.#ctx, due))
    // After that: what it made is due.
    const now = this.#ctx.now()
    const isDue = due.dueAt !== null && due.dueAt <= now
    // When nothing else waits, so that what happens today goes first.
    if (!isNews && !isDue && due.resendPlace !== null) {
      await resendSome(this.#ctx, due)
      return true
    }
    if (!isNews && !isDue) return false
    const claim = { endpointId: due.id, claim: randomUUID(), now, until: now + LEASE_MS, limit: room }
    const claimed = await this.#ctx.db.transaction((tx) => claimDeliveries(tx, this.#ctx.db.kind, claim), {
      isDurable: false,
    })
    if (claimed) for (const delivery of claimed.deliveries) this.#begin(claimed.endpoint, delivery)
    return isMore
  }

  #begin(endpoint: EndpointRow, delivery: DeliveryRow): void {
    this.#paces.begin(endpoint.id)
    const sending = this.#send(endpoint, delivery)
      .catch((error: unknown) => {
        this.#paces.leave(endpoint.id)
        this.#ctx.log.warn({ job: 'deliver', delivery: delivery.id, err: error }, 'a delivery could not be settled')
      })
      .finally(() => {
        this.#sending.delete(sending)
        this.wake()
      })
    this.#sending.add(sending)
  }

  async #send(endpoint: EndpointRow, delivery: DeliveryRow): Promise<void> {
    const { signal } = this.#ending
    const tried = await send(this.#ctx, endpoint, delivery, { signal })
    if (signal.aborted && tried.verdict === 'again') {
      await giveBack(this.#ctx, delivery)
      this.#paces.leave(endpoint.id)
      return
    }
    await settle(this.#ctx, endpoint, delivery, tried)
    const isTaken = tried.verdict === 'delivered' || tried.verdict === 'nothing'
    this.#paces.end(endpoint.id, { isTaken, asked: asksForAll(tried) ? tried.asked : 0, now: this.#ctx.now() })
  }
}

/** Of these answers, Retry-After is meant for every request. */
function asksForAll({ status }: { status: number | null }): boolean {
  return status === 429 || status === 503
}
