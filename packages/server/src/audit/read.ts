import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { EntryRow } from './entry.ts'

export type AuditFilter = {
  companyId?: string | undefined
  /** Who acted, or whom or what it was done to: an id. */
  actor?: string | undefined
  target?: string | undefined
  act?: string | undefined
  from?: number | undefined
  until?: number | undefined
}

/** An entry's place in a list. */
export type EntryPlace = { at: number; id: string }

export type AuditQuery = AuditFilter & { after?: EntryPlace | undefined; limit: number }

export type ReadEntry = EntryRow & { personal: string | null; source: string | null }

const NAMES = { target_id: 'target', company_id: 'companyId', actor_id: 'actor', act: 'act' } as const
type Column = keyof typeof NAMES

/** Each is an index, in the order of time. The first of which all is asked for is read, the rest is looked for in it: the fewest entries first. */
const RANGES: readonly (readonly Column[])[] = [
  ['target_id'],
  ['company_id', 'act'],
  ['company_id'],
  ['actor_id'],
  ['act'],
]

/** What is asked for, by what leads to it and what is looked for there. */
type Way = { range: readonly Column[]; rest: readonly Column[] }

function wayOf(wanted: AuditFilter): Way {
  const asked = (Object.keys(NAMES) as Column[]).filter((column) => wanted[NAMES[column]] !== undefined) // Its own keys.
  const range = RANGES.find((columns) => columns.every((column) => asked.includes(column))) ?? []
  return { range, rest: asked.filter((column) => !range.includes(column)) }
}

/** So many entries are looked through by one statement, however few of them are asked for. */
const WINDOW = 2_000

/** The newest first. Fewer than the limit are all that there are. */
export async function listEntries(db: Db, wanted: AuditQuery): Promise<ReadEntry[]> {
  const way = wayOf(wanted)
  if (way.rest.length === 0) return readWindow(db, wanted, way, wanted.limit)
  const found: ReadEntry[] = []
  for (let { after } = wanted; ; ) {
    const left = { ...wanted, after, limit: wanted.limit - found.length }
    found.push(...(await readWindow(db, left, way, WINDOW)))
    after = found.length < wanted.limit ? await windowEnd(db, left, way) : undefined
    if (!after) return found
    // Others are served between two windows.
    await setImmediate()
  }
}

/** What is asked for of the next so many entries of the range. */
async function readWindow(db: Db, wanted: AuditQuery, way: Way, size: number): Promise<ReadEntry[]> {
  let query = db
    .selectFrom(windowOf(db, wanted, way).selectAll().limit(size).as('a'))
    .selectAll()
    .orderBy('a.at', 'desc')
    .orderBy('a.id', 'desc')
    .limit(wanted.limit)
  for (const column of way.rest) query = query.where(`a.${column}`, '=', wanted[NAMES[column]] ?? '')
  return withPersonal(db, await query.execute())
}

async function withPersonal(db: Db, entries: readonly EntryRow[]): Promise<ReadEntry[]> {
  if (entries.length === 0) return []
  const ids = entries.map(({ id }) => id)
  const rows = await db
    .selectFrom('audit_personal')
    .select(['entry_id', 'part', 'data'])
    .where('entry_id', 'in', ids)
    .execute()
  const parts = new Map(rows.map((row) => [`${row.part} ${row.entry_id}`, row.data]))
  const partOf = (part: string, { id }: EntryRow) => parts.get(`${part} ${id}`) ?? null
  return entries.map((entry) => ({ ...entry, personal: partOf('about', entry), source: partOf('source', entry) }))
}

/** The last place of that window; undefined where it is the last one. */
async function windowEnd(db: Db, wanted: AuditQuery, way: Way): Promise<EntryPlace | undefined> {
  return windowOf(db, wanted, way)
    .select(['at', 'id'])
    .offset(WINDOW - 1)
    .limit(1)
    .executeTakeFirst()
}

function windowOf(db: Db, { from, until, after, ...wanted }: AuditQuery, { range }: Way) {
  let query = db.selectFrom('audit_entries').orderBy('at', 'desc').orderBy('id', 'desc')
  for (const column of range) query = query.where(column, '=', wanted[NAMES[column]] ?? '')
  if (from !== undefined) query = query.where('at', '>=', from)
  // One end, where the index is entered: of two SQLite may take the one that is further off.
  if (after && (until === undefined || after.at < until))
    return query.where(sql<boolean>`(at, id) < (${after.at}, ${after.id})`)
  return until === undefined ? query : query.where('at', '<', until)
}

export type AuditState = {
  oldest: number | null
  /** Written, and not in the chain yet: seconds, while all is well. Counted up to a thousand. */
  unsealed: number
  end: { seq: number; at: number; mac: string } | null
}

const COUNTED_TO = 1_000

export async function auditState(db: Db): Promise<AuditState> {
  const oldest = await db
    .selectFrom('audit_entries')
    .select('at')
    .orderBy('at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  const unsealed = await db
    .selectFrom((e) => e.selectFrom('audit_entries').select('id').where('seq', 'is', null).limit(COUNTED_TO).as('u'))
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  const end = await db
    .selectFrom('audit_entries')
    .select(['seq', 'at', 'mac'])
    .where('seq', 'is not', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return {
    oldest: oldest?.at ?? null,
    unsealed: Number(unsealed.count),
    end: end ? { seq: end.seq ?? 0, at: end.at, mac: end.mac ?? '' } : null,
  }
}
