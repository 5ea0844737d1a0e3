import { PACE, pauseAfter } from '../domain/delivery.ts'

/** Sent at once by this process: each of them may hang for as long as a call may take. */
const MOST_AT_ONCE = 100
/** Of these, to endpoints where the last one did not arrive. */
const MOST_IN_DOUBT = 50

type Pace = { underWay: number; most: number; failures: number; pausedUntil: number }

/**
 * How many may go to each endpoint just now: few at first, more while it takes them, one and then none for a while when it does not. So
 * endpoints that hang, however many, leave room for those that don't. Of this process alone: what it forgets it soon learns again.
 */
export class Paces {
  readonly #paces = new Map<string, Pace>()

  /** How many more may be sent there now. */
  room(endpointId: string, now: number): number {
    const pace = this.#of(endpointId)
    if (now < pace.pausedUntil) return 0
    const [all, inDoubt] = this.#underWay()
    const left = Math.min(MOST_AT_ONCE - all, pace.failures > 0 ? MOST_IN_DOUBT - inDoubt : MOST_AT_ONCE)
    return Math.max(0, Math.min(left, pace.most - pace.underWay))
  }

  /** How often in a row it took nothing. */
  doubts(endpointId: string): number {
    return this.#of(endpointId).failures
  }

  begin(endpointId: string): void {
    this.#of(endpointId).underWay++
  }

  /** `asked` is how long the receiver wants to be left alone. */
  end(endpointId: string, { isTaken, asked, now }: { isTaken: boolean; asked: number; now: number }): void {
    const pace = this.#of(endpointId)
    pace.underWay--
    if (isTaken) {
      pace.failures = 0
      pace.pausedUntil = 0
      pace.most = Math.min(PACE.most, pace.most + 1)
      return
    }
    pace.failures++
    pace.most = 1
    pace.pausedUntil = now + Math.max(pauseAfter(pace.failures), Math.min(asked, PACE.mostAsked))
  }

  /** Ended without having told anything. */
  leave(endpointId: string): void {
    this.#of(endpointId).underWay--
  }

  /** Those that are no more. */
  keepOnly(endpointIds: ReadonlySet<string>): void {
    for (const [id, { underWay }] of this.#paces) if (underWay === 0 && !endpointIds.has(id)) this.#paces.delete(id)
  }

  #of(endpointId: string): Pace {
    const known = this.#paces.get(endpointId)
    if (known) return known
    const pace = { underWay: 0, most: PACE.first, failures: 0, pausedUntil: 0 }
    this.#paces.set(endpointId, pace)
    return pace
  }

  #underWay(): [all: number, inDoubt: number] {
    let [all, inDoubt] = [0, 0]
    for (const { underWay, failures } of this.#paces.values()) {
      all += underWay
      if (failures > 0) inDoubt += underWay
    }
    return [all, inDoubt]
  }
}
