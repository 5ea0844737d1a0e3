import type { Db } from '../db/database.ts'
import { findAnnounced } from '../outbox/announced-store.ts'
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

/** Today's set as an event that nobody stored: what `resend` sends. Undefined when it is announced no more. */
export async function findAsEvent(
  db: Db,
  of: { applicationId: string; userId: string; companyId: string },
): Promise<StoredEvent | undefined> {
  const { applicationId, userId, companyId } = of
  const announced = await findAnnounced(db, of)
  const user = await db.selectFrom('users').select(['id', 'email']).where('id', '=', userId).executeTakeFirst()
  const company = await db.selectFrom('companies').select(['id', 'name']).where('id', '=', companyId).executeTakeFirst()
  if (!announced || !user || !company) return undefined
  const { permissions, version } = announced
  const data = { user, company, application: applicationId, permissions, added: [], removed: [], version }
  return { id: '', seq: 0, type: 'permissions.updated', userId, companyId, data, changed: null, createdAt: version }
}

/** Those whose set is not empty, some at a time, behind a place. */
export async function listAnnouncedBehind(
  db: Db,
  applicationId: string,
  place: string,
  limit: number,
): Promise<{ user_id: string; company_id: string }[]> {
  const [user = '', company = ''] = place.split(' ')
  return db
    .selectFrom('announced')
    .select(['user_id', 'company_id'])
    .where('application_id', '=', applicationId)
    .where((e) => e(e.refTuple('user_id', 'company_id'), '>', e.tuple(user, company)))
    .where('permissions', '!=', '')
    .orderBy('user_id')
    .orderBy('company_id')
    .limit(limit)
    .execute()
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
