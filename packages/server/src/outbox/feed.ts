import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { AppError, wrong } from '../errors.ts'
import { findHistory, readCursor, writeCursor } from './cursor.ts'
import { lastNumber, lastPurged, listEvents, type StoredEvent } from './event-store.ts'
import type { FeedWatch } from './feed-watch.ts'
import { findReadiness, wantEvents } from './wanting.ts'
import { withinBytes } from './within-bytes.ts'

export type Feed = { events: readonly StoredEvent[]; cursor: string; isMore: boolean }

type Asked = {
  after: string | undefined
  limit: number
  /** Milliseconds to wait for something, where there is nothing. */
  waitMs: number
  signal: AbortSignal
}

/**
 * An application's events after a cursor. Without one none, and the cursor of this moment. The first call is what has an application
 * told at all. @throws AppError `invalid_input`, `cursor_gone`
 */
export async function readFeed(ctx: Context, watch: FeedWatch, applicationId: string, asked: Asked): Promise<Feed> {
  await requireFeed(ctx, applicationId)
  const { read } = ctx.db
  const history = await findHistory(read)
  if (asked.after === undefined) {
    const cursor = writeCursor(history, applicationId, await lastNumber(read))
    return { events: [], cursor, isMore: false }
  }
  const after = await requirePlace(read, history, applicationId, asked.after)
  const until = performance.now() + asked.waitMs
  for (;;) {
    // First, so that all up to it can be read.
    const upTo = await lastNumber(read)
    const found = await listEvents(read, applicationId, { after, upTo, limit: asked.limit })
    const leftMs = until - performance.now()
    if (found.length === 0 && leftMs > 0 && !asked.signal.aborted) {
      await watch.wait(applicationId, upTo, leftMs, asked.signal)
      continue
    }
    const events = withinBytes(found, ({ data }) => data.length)
    const isMore = found.length === asked.limit || events.length < found.length
    const place = isMore ? (events.at(-1)?.seq ?? after) : Math.max(after, upTo)
    return { events, cursor: writeCursor(history, applicationId, place), isMore }
  }
}

/** From the first call on, an application is told. */
export async function requireFeed(ctx: Context, applicationId: string): Promise<'noting' | 'ready'> {
  const readiness = await findReadiness(ctx.db.read, applicationId)
  if (readiness !== 'off') return readiness
  await ctx.db.transaction((tx) => wantEvents(tx, applicationId, ctx.now()))
  ctx.outbox.due()
  return 'noting'
}

async function requirePlace(db: Db, history: string, applicationId: string, text: string): Promise<number> {
  const cursor = readCursor(text, history, applicationId)
  if (!cursor) throw wrong('/query/after', 'is no cursor of this application: begin with a snapshot, or without one')
  if (cursor.isOfThisHistory && cursor.seq >= (await lastPurged(db)) && cursor.seq <= (await lastNumber(db)))
    return cursor.seq
  throw new AppError('cursor_gone', {
    detail:
      'What came after this cursor is kept no longer, or the house was restored since. Begin anew with a snapshot.',
  })
}
