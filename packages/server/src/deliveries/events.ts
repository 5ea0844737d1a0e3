import type { Db } from '../db/database.ts'
import type { EventType } from '../outbox/event-forms.ts'

/** An event as it is stored, and numbered. */
export type StoredEvent = {
  id: string
  seq: number
  type: EventType
  userId: string | null
  companyId: string | null
  /** Of the standard form, parsed. */
  data: Record<string, unknown>
  changed: { email?: string; pin?: boolean } | null
  createdAt: number
}

const COLUMNS = ['id', 'seq', 'type', 'user_id', 'company_id', 'data', 'changed', 'created_at'] as const

/** Of an application, from this number on, in their order. */
export async function listEventsFrom(
  db: Db,
  applicationId: string,
  seq: number,
  limit: number,
): Promise<StoredEvent[]> {
  const rows = await db
    .selectFrom('events')
    .select(COLUMNS)
    .where('application_id', '=', applicationId)
    .where('seq', 'is not', null)
    .where('seq', '>=', seq)
    .orderBy('seq')
    .limit(limit)
    .execute()
  return rows.map(asEvent)
}

/** Undefined once it is kept no longer. */
export async function findEvent(db: Db, id: string): Promise<StoredEvent | undefined> {
  const row = await db.selectFrom('events').select(COLUMNS).where('id', '=', id).executeTakeFirst()
  return row && asEvent(row)
}

/** The number of an application's last event; 0: it has none. */
export async function lastSeq(db: Db, applicationId: string): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select('seq')
    .where('application_id', '=', applicationId)
    .where('seq', 'is not', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.seq ?? 0
}

/** What was announced last: what counts, whatever older events say. */
export async function findAnnounced(
  db: Db,
  of: { applicationId: string; userId: string; companyId: string },
): Promise<{ version: number; permissions: string[] } | undefined> {
  const row = await db
    .selectFrom('announced')
    .select(['version', 'permissions'])
    .where('application_id', '=', of.applicationId)
    .where('user_id', '=', of.userId)
    .where('company_id', '=', of.companyId)
    .executeTakeFirst()
  return row && { version: row.version, permissions: row.permissions === '' ? [] : row.permissions.split(' ') }
}

type Row = {
  id: string
  seq: number | null
  type: string
  user_id: string | null
  company_id: string | null
  data: string
  changed: string | null
  created_at: number
}

function asEvent(row: Row): StoredEvent {
  return {
    id: row.id,
    seq: row.seq ?? 0,
    type: row.type as EventType, // As the outbox writes them.
    userId: row.user_id,
    companyId: row.company_id,
    data: JSON.parse(row.data),
    changed: row.changed === null ? null : JSON.parse(row.changed),
    createdAt: row.created_at,
  }
}
