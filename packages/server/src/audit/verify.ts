import type { Db } from '../db/database.ts'
import type { KeyRing } from '../keys/ring.ts'
import { type Anchor, chainKey, chainMac, readStart } from './chain.ts'
import { type EntryRow, personalHash } from './entry.ts'

export type Verdict = {
  /** Entries that were looked at, and the place of the last one. */
  entries: number
  last: Anchor
  /** Written, and not sealed yet. */
  unsealed: number
  /** Anchors of what was cleared away since, which nothing is left to be compared with. */
  outdated: number
  /** The first link that does not hold; null when all do. */
  broken: { seq: number; id: string | null; says: string } | null
}

const PAGE = 1_000

/** Goes through the whole chain from its beginning. An anchor that was kept elsewhere must be in it. */
export async function verifyChain(db: Db, ring: KeyRing, anchors: readonly Anchor[] = []): Promise<Verdict> {
  const { start, isSigned } = await readStart(db, ring)
  const outdated = anchors.filter((anchor) => anchor.seq < start.seq).length
  const wanted = new Map(anchors.map((anchor) => [anchor.seq, anchor.mac]))
  const { unsealed } = await db
    .selectFrom('audit_entries')
    .select((e) => e.fn.countAll<number>().as('unsealed'))
    .where('seq', 'is', null)
    .executeTakeFirstOrThrow()
  let last = start
  let entries = 0
  const verdict = (broken: Verdict['broken']): Verdict => ({
    entries,
    last,
    unsealed: Number(unsealed),
    outdated,
    broken,
  })
  if (!isSigned)
    return verdict({
      seq: start.seq + 1,
      id: null,
      says: 'where it begins was changed, or noted with a key that the ring lacks',
    })
  const startFault = anchorFault(wanted, last)
  if (startFault !== undefined) return verdict({ seq: last.seq, id: null, says: startFault })
  for (;;) {
    const rows = await readPage(db, last.seq)
    for (const row of rows) {
      const says = linkFault(ring, last, row) ?? anchorFault(wanted, { seq: row.seq ?? 0, mac: row.mac ?? '' })
      if (says !== undefined) return verdict({ seq: last.seq + 1, id: row.id, says })
      last = { seq: row.seq ?? 0, mac: row.mac ?? '' }
      entries++
    }
    if (rows.length < PAGE) break
  }
  for (const [seq] of wanted)
    if (seq > last.seq)
      return verdict({
        seq: last.seq + 1,
        id: null,
        says: `the chain ends here, and the anchor is of the entry ${seq}`,
      })
  return verdict(null)
}

type Read = EntryRow & { parts: { part: 'about' | 'source'; salt: string; data: string }[] }

async function readPage(db: Db, after: number): Promise<Read[]> {
  const rows = await db
    .selectFrom('audit_entries')
    .selectAll()
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(PAGE)
    .execute()
  if (rows.length === 0) return []
  const parts = await db
    .selectFrom('audit_personal')
    .select(['entry_id', 'part', 'salt', 'data'])
    .where(
      'entry_id',
      'in',
      rows.map((row) => row.id),
    )
    .execute()
  const byEntry = Map.groupBy(parts, (each) => each.entry_id)
  return rows.map((row) => ({ ...row, parts: byEntry.get(row.id) ?? [] }))
}

function linkFault(ring: KeyRing, before: Anchor, row: Read): string | undefined {
  if (row.seq !== before.seq + 1) return `the next entry that is there is ${row.seq}: what stood between is gone`
  const key = chainKey(ring, row.key_id ?? '')
  if (!key) return `it was sealed with the key ${row.key_id}, which the key ring lacks`
  if (chainMac(key, before.mac, row) !== row.mac) return 'it was changed, or the one before it was'
  // Erased is no fault; changed is.
  const isChanged = row.parts.some(
    ({ part, salt, data }) =>
      personalHash(row.id, salt, data) !== (part === 'about' ? row.personal_hash : row.source_hash),
  )
  return isChanged ? 'its personal part was changed' : undefined
}

function anchorFault(wanted: Map<number, string>, { seq, mac }: Anchor): string | undefined {
  const anchor = wanted.get(seq)
  return anchor === undefined || anchor === mac ? undefined : 'it is not the one that the anchor is of'
}
