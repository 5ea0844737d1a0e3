import type { Db } from '../db/database.ts'
import { lastSealed } from './chain.ts'
import type { Act } from './entry.ts'

/** Where the house stands: every act that was stored by then. */
export type Standpoint = { seq: number; unsealed: ReadonlySet<string> }

/** By two indexes, whatever the size of the audit. */
export async function findStandpoint(db: Db): Promise<Standpoint> {
  // In this order: what is sealed between the two is known by its place then.
  const unsealed = await db.selectFrom('audit_entries').select('id').where('seq', 'is', null).execute()
  const { seq } = await lastSealed(db)
  return { seq, unsealed: new Set(unsealed.map(({ id }) => id)) }
}

export type Happening = { act: Act; applicationId: string | null }

/** What was stored since, each kind once; every act is written down in the transaction that stores it. */
export async function listHappenings(db: Db, since: Standpoint): Promise<Happening[]> {
  const columns = ['id', 'act', 'application_id'] as const
  const unsealed = await db.selectFrom('audit_entries').select(columns).where('seq', 'is', null).execute()
  const sealed = await db.selectFrom('audit_entries').select(columns).where('seq', '>', since.seq).execute()
  const found = new Map<string, Happening>()
  for (const { id, act, application_id: applicationId } of [...unsealed, ...sealed])
    if (!since.unsealed.has(id)) found.set(`${act} ${applicationId}`, { act: act as Act, applicationId }) // As they are written.
  return [...found.values()]
}
