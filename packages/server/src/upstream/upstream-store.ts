import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Db } from '../db/database.ts'

/** Stores that a user moved, where there was no password before. False when there is one by now. */
export async function setMoved(
  db: Db,
  id: string,
  { hash, applicationId, now }: { hash: string; applicationId: string; now: number },
): Promise<boolean> {
  const changed = await db
    .updateTable('users')
    .set({ password_hash: hash, password_foreign: 0, moved_at: now, moved_by: applicationId, updated_at: now })
    .where('id', '=', id)
    .where('password_hash', 'is', null)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return changed.numUpdatedRows === 1n
}

/** What became of a membership: also of one who was taken out, whom lists of members leave out. */
export async function findAnyMembership(
  db: Db,
  userId: string,
  companyId: string,
): Promise<{ isActive: boolean; hasLeft: boolean } | undefined> {
  const row = await db
    .selectFrom('memberships')
    .select(['active', 'left_at'])
    .where('user_id', '=', userId)
    .where('company_id', '=', companyId)
    .executeTakeFirst()
  return row && { isActive: row.active === 1, hasLeft: row.left_at !== null }
}

/** Whether somebody took this seat away here. */
export async function wasSeatTaken(
  db: Db,
  of: { userId: string; companyId: string; applicationId: string },
): Promise<boolean> {
  // uses audit_entries_target_id
  const row = await db
    .selectFrom('audit_entries')
    .select('id')
    .where('target_id', '=', of.userId)
    .where('act', '=', 'seat.taken')
    .where('company_id', '=', of.companyId)
    .where('application_id', '=', of.applicationId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Two at most: more than one is nobody's name. */
export async function listCompaniesNamed(db: Db, name: string): Promise<{ id: string; isActive: boolean }[]> {
  const rows = await db.selectFrom('companies').select(['id', 'active']).where('name', '=', name).limit(2).execute()
  return rows.map((row) => ({ id: row.id, isActive: row.active === 1 }))
}

type MovedUser = { id: string; email: string; movedAt: number; movedBy: string | null }
export type MovedPlace = { movedAt: number; id: string }

/** Who has moved, the last one first. */
export async function listMoved(
  db: Db,
  { after, limit }: { after?: MovedPlace | undefined; limit: number },
): Promise<MovedUser[]> {
  let query = db
    .selectFrom('users')
    .select(['id', 'email', 'moved_at', 'moved_by'])
    .where('moved_at', 'is not', null)
    .orderBy('moved_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
  if (after) query = query.where(sql<boolean>`(moved_at, id) < (${after.movedAt}, ${after.id})`)
  const rows = await query.execute()
  return rows.map((row) => ({ id: row.id, email: row.email, movedAt: row.moved_at ?? 0, movedBy: row.moved_by }))
}

type WaitingUser = { id: string; email: string; isActive: boolean }

/** Who is known here and has no password yet, by address. */
export async function listWaiting(
  db: Db,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<WaitingUser[]> {
  let query = db
    .selectFrom('users')
    .select(['id', 'email', 'active'])
    .where('password_hash', 'is', null)
    .where('deleted_at', 'is', null)
    .orderBy('email')
    .limit(limit)
  if (after !== undefined) query = query.where('email', '>', after)
  const rows = await query.execute()
  return rows.map((row) => ({ id: row.id, email: row.email, isActive: row.active === 1 }))
}

export type MoveCounts = { moved: number; lastMovedAt: number | null; waiting: number }

/** So many rows by one statement; others have their turn between two. */
const WINDOW = 2_000

/** Each by an index that has no others. */
export async function countMoves(db: Db): Promise<MoveCounts> {
  const counts: MoveCounts = { moved: 0, lastMovedAt: null, waiting: 0 }
  for (let after: MovedPlace | undefined; ; ) {
    const moved = await listMoved(db, { after, limit: WINDOW })
    counts.lastMovedAt ??= moved[0]?.movedAt ?? null
    counts.moved += moved.length
    after = moved.at(-1)
    if (moved.length < WINDOW) break
    await setImmediate()
  }
  for (let after: string | undefined; ; ) {
    const waiting = await listWaiting(db, { after, limit: WINDOW })
    counts.waiting += waiting.length
    after = waiting.at(-1)?.email
    if (waiting.length < WINDOW) return counts
    await setImmediate()
  }
}

export type UpstreamNote = { kind: string; applicationId: string; subject: string; times: number; lastAt: number }

const KINDS = ['upstream_refused', 'upstream_failed', 'upstream_left_out']
/** There is one row for the like of it. */
const MAX_NOTES = 2_000

/** What was noted since a moment, the latest first. */
export async function listUpstreamNotes(db: Db, since: number): Promise<UpstreamNote[]> {
  const rows = await db
    .selectFrom('refusals')
    .select(['kind', 'application_id', 'subject', 'times', 'last_at'])
    .where('kind', 'in', KINDS)
    .where('last_at', '>=', since)
    .orderBy('last_at', 'desc')
    .orderBy('subject')
    .limit(MAX_NOTES)
    .execute()
  return rows.map((row) => ({
    kind: row.kind,
    applicationId: row.application_id,
    subject: row.subject,
    times: row.times,
    lastAt: row.last_at,
  }))
}
