import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database, Tx } from '../db/database.ts'

/** A use so soon after the stored one is not stored. */
const PRECISION_MS = 30_000
const MAX_BATCH = 500
/**
 * What is stored lags behind the last use: by PRECISION_MS, and by the seconds until the next `flush`. An idle limit waits this
 * much longer, so that it never ends what another node was asked in time (tests/credentials/token-limits.test.ts).
 */
export const IDLE_SLACK_MS = 60_000

/** Remembers when tokens were used and stores it now and then in one transaction, instead of a write per request. */
export class TokenUse {
  #pending = new Map<string, number>()
  /** Those that are being stored, or were last: what was read before that is older. */
  #storing: ReadonlyMap<string, number> = new Map()
  #turn: Promise<void> = Promise.resolve()

  /** Notes a use at `now`, unless what is stored is recent enough. */
  note(hash: string, storedAt: number, now: number): void {
    if (now - storedAt >= PRECISION_MS) this.#pending.set(hash, now)
  }

  /** When the token was used last, as far as this process knows. */
  lastUsedAt(hash: string, storedAt: number): number {
    return Math.max(storedAt, this.#pending.get(hash) ?? 0, this.#storing.get(hash) ?? 0)
  }

  /** Stores what is pending, in batches; what fails is kept for the next time. One after the other: what is being stored is known until it is. */
  flush(db: Database): Promise<void> {
    const done = this.#turn.then(() => this.#store(db))
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #store(db: Database): Promise<void> {
    const pending = this.#pending
    this.#pending = new Map()
    this.#storing = pending
    const entries = [...pending].sort(([a], [b]) => (a < b ? -1 : 1)) // One order, so that two nodes can't deadlock.
    for (let from = 0; from < entries.length; from += MAX_BATCH) {
      const batch = entries.slice(from, from + MAX_BATCH)
      try {
        // The disk is not waited for: a power cut costs a use of the last moments.
        await db.transaction((tx) => storeUses(tx, batch), { isDurable: false })
        // On SQLite nothing above leaves the thread: requests get their turn between two batches.
        await setImmediate()
      } catch (error) {
        for (const [hash, at] of entries.slice(from))
          this.#pending.set(hash, Math.max(at, this.#pending.get(hash) ?? 0))
        throw error
      }
    }
  }
}

/** One statement, tried again where PostgreSQL ends it for two nodes that wait for each other: half the work of one a token. Never back in time: another node may have stored a later use. */
async function storeUses(tx: Tx, uses: readonly (readonly [string, number])[]): Promise<void> {
  const rows = uses.map(([hash, at]) => sql`(${hash}, cast(${at} as bigint))`)
  await sql`with used (hash, at) as (values ${sql.join(rows)})
    update tokens set last_used_at = used.at from used
    where tokens.hash = used.hash and tokens.last_used_at < used.at`.execute(tx)
}
