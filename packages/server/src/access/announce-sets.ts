import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { judgeSeat, rightsAreMoving } from './answer.ts'
import { factsOfSeats } from './facts.ts'
import { Pauses } from './pauses.ts'

export type SeatOfApplication = { number: number; applicationId: string }

/** So few that others get their turn between. */
const AT_ONCE = 50

/** What each seat's holder may do at a moment, by the seat's number, as answers say it. A seat that is there no more is left out. */
export async function currentSets(
  ctx: Context,
  db: Db,
  seats: readonly SeatOfApplication[],
  now: number,
): Promise<Map<number, readonly string[]>> {
  const sets = new Map<number, readonly string[]>()
  const pauses = new Pauses()
  for (let from = 0; from < seats.length; from += AT_ONCE) {
    const some = new Map(seats.slice(from, from + AT_ONCE).map((seat) => [seat.number, seat.applicationId]))
    // The tree or a role may change between the facts and it; then they are read again.
    for (let tries = 0; some.size > 0; tries++) {
      if (tries === 10) throw rightsAreMoving()
      const facts = await factsOfSeats(db, [...some.keys()])
      const found = new Set(facts.map(({ number }) => number))
      for (const number of [...some.keys()]) if (!found.has(number)) some.delete(number)
      for (const { number, treeVersion, company } of facts) {
        const application = { id: some.get(number) ?? '', treeVersion }
        const set = await judgeSeat(ctx, db, application, company, now)
        if (!set) continue
        sets.set(number, set)
        some.delete(number)
      }
    }
    await pauses.pause()
  }
  return sets
}
