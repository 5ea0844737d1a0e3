import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { AppError } from '../errors.ts'
import { findHistory, writeCursor } from './cursor.ts'
import { lastNumber } from './event-store.ts'
import { requireFeed } from './feed.ts'
import { findReadiness } from './wanting.ts'
import { withinBytes } from './within-bytes.ts'

export type SnapshotItem = {
  userId: string
  email: string
  firstName: string
  lastName: string
  isActive: boolean
  companyId: string
  companyName: string
  permissions: readonly string[]
  version: number
}

/** Behind whom a page begins, by user, then company. */
export type SnapshotPlace = { userId: string; companyId: string }

/** A house of some thousand seats is noted by then. */
const READY_MS = 5_000
const LOOK_MS = 50

/**
 * Everybody who may use the application, as it was announced last, and the cursor to go on from. A change that is announced while pages
 * are read has an event after that cursor. @throws AppError `busy` while what holds is being noted
 */
export async function beginSnapshot(ctx: Context, applicationId: string): Promise<string> {
  await requireFeed(ctx, applicationId)
  const until = performance.now() + READY_MS
  while ((await findReadiness(ctx.db.read, applicationId)) !== 'ready') {
    if (performance.now() > until)
      throw new AppError('busy', {
        detail: 'This application is told of events since a moment ago, and what holds is being noted. Try again soon.',
        retryAfter: 5,
      })
    await sleep(LOOK_MS)
  }
  return writeCursor(await findHistory(ctx.db.read), applicationId, await lastNumber(ctx.db.read))
}

export async function listSnapshot(
  db: Db,
  applicationId: string,
  { after, limit }: { after: SnapshotPlace | undefined; limit: number },
): Promise<{ items: SnapshotItem[]; isMore: boolean }> {
  const query = db
    .selectFrom('announced as r')
    .innerJoin('users as u', 'u.id', 'r.user_id')
    .innerJoin('companies as c', 'c.id', 'r.company_id')
    .select(['r.user_id', 'u.email', 'u.first_name', 'u.last_name', 'u.active'])
    .select(['r.company_id', 'c.name', 'r.permissions', 'r.version'])
    .where('r.application_id', '=', applicationId)
    .where('r.permissions', '<>', '')
    .where('u.deleted_at', 'is', null)
  const { userId, companyId } = after ?? { userId: '', companyId: '' }
  const rows = await query
    .where(({ eb, refTuple, tuple }) => eb(refTuple('r.user_id', 'r.company_id'), '>', tuple(userId, companyId)))
    .orderBy('r.user_id')
    .orderBy('r.company_id')
    .limit(limit)
    .execute()
  const page = withinBytes(rows, ({ permissions }) => permissions.length)
  const items = page.map((row) => ({
    userId: row.user_id,
    email: row.email,
    firstName: row.first_name,
    lastName: row.last_name,
    isActive: row.active === 1,
    companyId: row.company_id,
    companyName: row.name,
    permissions: row.permissions.split(' '),
    version: row.version,
  }))
  return { items, isMore: page.length < rows.length || rows.length === limit }
}
