import type { Context } from '../context.ts'
import type { Place } from '../credentials/hasher.ts'
import { type Claimant, type Counted, countsOf, requireNoWait, type Try, takeTry } from '../credentials/throttle.ts'

/** A try that may go on: alone on its account in this process, with a place at the hashing gate. */
export type Entry = Disposable & { attempt: Try; place: Place }

/** When one came, of `performance.now()`, and the place that was given before the account was known. */
export type Came = { since: number; early: Place | undefined }

/**
 * Lets a try in, maybe with a place that it has already. The place comes before the count: whoever is told to come back later has
 * not tried.
 * @throws AppError `too_many_attempts`, `busy`
 */
export async function enter(
  ctx: Context,
  lane: string,
  { claimant, counted }: { claimant: Claimant; counted: Counted },
  came: Came,
): Promise<Entry> {
  const { since } = came
  let { early } = came
  const counts = await countsOf(ctx, claimant, counted)
  const [{ key }] = counts
  if (ctx.turns.isTaken(key)) {
    // Who waits for a turn holds no place: many tries on one account would keep all others out.
    early?.[Symbol.dispose]()
    early = undefined
    // Others are trying the same name: who must wait anyway does not wait in line for being told.
    await requireNoWait(ctx, counts)
  }
  using held = new DisposableStack()
  held.use(await ctx.turns.take(key, since))
  const place = held.use(early ?? ctx.hasher.enter(lane, since))
  const attempt = await takeTry(ctx, counts, counted)
  const kept = held.move()
  return { attempt, place, [Symbol.dispose]: () => kept.dispose() }
}
