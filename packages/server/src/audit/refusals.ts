import { sql } from 'kysely'
import type { Database } from '../db/database.ts'

export type RefusalKind =
  | 'token_of_another_application'
  | 'token_without_application'
  | 'one_time_token_of_another_application'
  /** Of the server that this one takes over from, a day each: who was refused there, and how it failed. */
  | 'upstream_refused'
  | 'upstream_failed'
  /** What it told of somebody and was not taken over. */
  | 'upstream_left_out'

/** Rows that are kept; the oldest go first. */
const MAX_ROWS = 10_000
/** Kinds of refusal waiting to be stored; further ones are only counted in the metrics. */
const MAX_PENDING = 1_000

type Note = {
  kind: RefusalKind
  applicationId: string
  subject: string
  times: number
  firstAt: number
  lastAt: number
}

/** Notes what was refused in a table that no flood can grow: alike ones are one row with a count, stored now and then. */
export class Refusals {
  #pending = new Map<string, Note>()

  /** `subject` says whose it was (a token's or an impersonation's id), never the secret itself. */
  note(kind: RefusalKind, applicationId: string, subject: string, now: number): void {
    const key = JSON.stringify([kind, applicationId, subject])
    const known = this.#pending.get(key)
    if (known) {
      known.times++
      known.lastAt = now
    } else if (this.#pending.size < MAX_PENDING) {
      this.#pending.set(key, {
        kind,
        applicationId: applicationId.slice(0, 100),
        subject,
        times: 1,
        firstAt: now,
        lastAt: now,
      })
    }
  }

  async flush(db: Database): Promise<void> {
    if (this.#pending.size === 0) return
    const pending = this.#pending
    this.#pending = new Map()
    try {
      // In one order, so that two nodes don't wait for each other.
      await storeNotes(
        db,
        [...pending].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, note]) => note),
      )
    } catch (error) {
      for (const [key, note] of pending) if (!this.#pending.has(key)) this.#pending.set(key, note)
      throw error
    }
  }
}

async function storeNotes(db: Database, notes: readonly Note[]): Promise<void> {
  // As with uses of tokens (credentials/token-use.ts), the disk is not waited for.
  const options = { isDurable: false }
  await db.transaction(async (tx) => {
    for (const note of notes) {
      await tx
        .insertInto('refusals')
        .values({
          kind: note.kind,
          application_id: note.applicationId,
          subject: note.subject,
          times: note.times,
          first_at: note.firstAt,
          last_at: note.lastAt,
        })
        .onConflict((c) =>
          c.columns(['kind', 'application_id', 'subject']).doUpdateSet((e) => ({
            times: sql`refusals.times + ${note.times}`,
            last_at: e.ref('excluded.last_at'),
          })),
        )
        .execute()
    }
    const { count } = await tx
      .selectFrom('refusals')
      .select((e) => e.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    if (Number(count) <= MAX_ROWS) return
    const oldestKept = await tx
      .selectFrom('refusals')
      .select('last_at')
      .orderBy('last_at', 'desc')
      .offset(MAX_ROWS)
      .limit(1)
      .executeTakeFirst()
    if (oldestKept) await tx.deleteFrom('refusals').where('last_at', '<=', oldestKept.last_at).execute()
  }, options)
}
