import type { Db } from '../db/database.ts'
import { findAnnounced } from '../outbox/announced-store.ts'
import { findEvent, listEvents, type StoredEvent } from '../outbox/event-store.ts'

/** An event, or what is sent like one: `data` of the standard form, parsed. */
export type Occasion = Omit<StoredEvent, 'data'> & { data: Record<string, unknown> }

/** An application's events from this number on, in their order. */
export async function listOccasionsFrom(
  db: Db,
  applicationId: string,
  seq: number,
  limit: number,
): Promise<Occasion[]> {
  return (await listEvents(db, applicationId, { after: seq - 1, limit })).map(parsed)
}

/** Of an event; undefined once it is kept no longer. */
export async function findEventOccasion(db: Db, id: string): Promise<Occasion | undefined> {
  const event = await findEvent(db, id)
  return event && parsed(event)
}

function parsed({ data, ...event }: StoredEvent): Occasion {
  return { ...event, data: JSON.parse(data) }
}

/** Today's set as an event that nobody stored: what `resend` sends. Undefined when it is announced no more. */
export async function findAsEvent(
  db: Db,
  of: { applicationId: string; userId: string; companyId: string },
): Promise<Occasion | undefined> {
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
