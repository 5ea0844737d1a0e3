import type { LicenseClient, LicenseServerUnavailable, TooManyAttempts } from 'cloudspot-license-api'
import { ended } from '../report.ts'
import { type Answer, forward, isTaken, type Receiver } from './forward.ts'
import { asTold, type ToldEvent } from './told-event.ts'

export type Wish = {
  license: LicenseClient
  /** A cursor; from now on without. */
  since: string | undefined
  /** These alone; all without. */
  types: readonly string[] | undefined
  /** Nowhere without: events are shown, and no more. */
  receiver: Receiver | undefined
}

/** One that was shown, and what its handler answered. */
export type Shown = { event: ToldEvent; answer: Answer | undefined; isReplay: boolean; cursor: string }

/** Who is told what happens. */
export type Display = {
  begin(cursor: string): void
  show(shown: Shown): void
  whole(event: ToldEvent): void
  note(line: string): void
}

export type Tally = {
  events: number
  /** Where to go on; undefined where the server never said. */
  cursor: string | undefined
  /** How many the handler did not take, and from where the first of them is told again. */
  missed: { count: number; since: string | undefined }
}

/** Reads an application's feed, shows each event and hands it on, one after the other. */
export class Listening {
  readonly #wish: Wish
  readonly #display: Display
  readonly #ending: AbortSignal
  readonly #tally: Tally
  #hasBegun = false
  #isAway = false
  #last: Shown | undefined
  #turn: Promise<void> = Promise.resolve()
  #isReplaying = false

  constructor(wish: Wish, display: Display, ending: AbortSignal) {
    this.#wish = wish
    this.#display = display
    this.#ending = ending
    this.#tally = { events: 0, cursor: undefined, missed: { count: 0, since: undefined } }
  }

  /** What came of it until now. */
  get tally(): Readonly<Tally> {
    return this.#tally
  }

  /** Until the signal ends it. @throws LicenseError for what the server refuses, or where it is not there when it begins */
  async run(): Promise<void> {
    const { license, since, types } = this.#wish
    const options = {
      signal: this.#ending,
      onUnavailable: (error: LicenseServerUnavailable | TooManyAttempts) => this.#away(error),
      onCursor: (cursor: string) => this.#reached(cursor),
    }
    try {
      for await (const { event, cursor } of license.events(since, options)) {
        const told = asTold(event)
        this.#heard(cursor)
        if (!types || types.includes(told.type)) await this.#inTurn(() => this.#take(told, cursor))
        this.#tally.cursor = cursor
      }
    } catch (error) {
      if (!this.#ending.aborted) throw error
    } finally {
      await this.#turn
    }
  }

  /** Sends the last event again, under the same id and signed anew. */
  replay(): void {
    const { receiver } = this.#wish
    if (this.#isReplaying || !receiver) return
    this.#isReplaying = true
    this.#inTurn(async () => {
      const last = this.#last
      if (!last) return this.#display.note('Nothing has come yet.')
      const answer = await forward(last.event, receiver, this.#ending)
      this.#count(last, answer)
      this.#last = { ...last, answer, isReplay: true }
      this.#display.show(this.#last)
    })
      .catch(() => undefined) // It was ended meanwhile: `forward` rejects for nothing else.
      .finally(() => {
        this.#isReplaying = false
      })
  }

  /** Shows the last event whole. */
  showLast(): void {
    if (this.#last) this.#display.whole(this.#last.event)
    else this.#display.note('Nothing has come yet.')
  }

  async #take(event: ToldEvent, cursor: string): Promise<void> {
    const { receiver } = this.#wish
    const answer = receiver ? await forward(event, receiver, this.#ending) : undefined
    this.#tally.events++
    this.#count(undefined, answer)
    this.#last = { event, answer, isReplay: false, cursor }
    this.#display.show(this.#last)
  }

  /** Of what was sent before, the answer of then counts no more. */
  #count(before: Shown | undefined, answer: Answer | undefined): void {
    const { missed, cursor } = this.#tally
    if (before?.answer && !isTaken(before.answer)) missed.count--
    else if (before === undefined && missed.count === 0) missed.since = cursor
    if (answer && !isTaken(answer)) missed.count++
  }

  /** So that what is sent again and what comes are not under way at once. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  #reached(cursor: string): void {
    this.#heard(cursor)
    this.#tally.cursor = cursor
  }

  /** The server has answered. */
  #heard(cursor: string): void {
    if (!this.#hasBegun) {
      this.#tally.cursor = this.#wish.since ?? cursor
      this.#display.begin(this.#tally.cursor)
    }
    if (this.#isAway) this.#display.note('The License server answers again.')
    this.#hasBegun = true
    this.#isAway = false
  }

  #away(error: LicenseServerUnavailable | TooManyAttempts): void {
    // A wrong address is told as by every other command; later, it is the server that went.
    if (!this.#hasBegun && error.code === 'unreachable') throw error
    if (!this.#isAway)
      this.#display.note(`${ended(error.message)} It is asked again until it answers; no event is lost meanwhile.`)
    this.#isAway = true
  }
}
