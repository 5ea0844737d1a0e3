import type { Db } from '../db/database.ts'
import type { EntryRow } from './entry.ts'

export type AuditQuery = {
  companyId?: string | undefined
  /** Who acted, or whom or what it was done to: an id. */
  actor?: string | undefined
  target?: string | undefined
  act?: string | undefined
  from?: number | undefined
  until?: number | undefined
  /** The id of the last one that was told. */
  before?: string | undefined
  limit: number
}

export type ReadEntry = EntryRow & { personal: string | null; source: string | null }

/** The newest first. */
export async function listEntries(db: Db, wanted: AuditQuery): Promise<ReadEntry[]> {
  let query = db
    .selectFrom('audit_entries as a')
    .leftJoin('audit_personal as p', (join) => join.onRef('p.entry_id', '=', 'a.id').on('p.part', '=', 'about'))
    .leftJoin('audit_personal as f', (join) => join.onRef('f.entry_id', '=', 'a.id').on('f.part', '=', 'source'))
    .selectAll('a')
    .select(['p.data as personal', 'f.data as source'])
    .orderBy('a.id', 'desc')
    .limit(wanted.limit)
  if (wanted.companyId !== undefined) query = query.where('a.company_id', '=', wanted.companyId)
  if (wanted.actor !== undefined) query = query.where('a.actor_id', '=', wanted.actor)
  if (wanted.target !== undefined) query = query.where('a.target_id', '=', wanted.target)
  if (wanted.act !== undefined) query = query.where('a.act', '=', wanted.act)
  if (wanted.from !== undefined) query = query.where('a.at', '>=', wanted.from)
  if (wanted.until !== undefined) query = query.where('a.at', '<', wanted.until)
  if (wanted.before !== undefined) query = query.where('a.id', '<', wanted.before)
  return query.execute()
}
