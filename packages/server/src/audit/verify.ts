import type { Db } from '../db/database.ts'
import type { KeyRing } from '../keys/ring.ts'
import { type Anchor, chainKey, chainMac, chainStart } from './chain.ts'
import { type EntryRow, personalHash } from './entry.ts'

export type Verdict = {
  /** Entries that were looked at, and the place of the last one. */
  entries: number
  last: Anchor
  /** Written, and not sealed yet. */
  unsealed: number
  /** The first link that does not hold; null when all do. */
  broken: { seq: number; id: string | null; says: string } | null
}

const PAGE = 1_000

/** Goes through the whole chain from its beginning. An anchor that was kept elsewhere must be in it. */
export async function verifyChain(db: Db, ring: KeyRing, anchors: readonly Anchor[] = []): Promise<Verdict> {
  const start = await chainStart(db)
  const wanted = new Map(anchors.map((anchor) => [anchor.seq, anchor.mac]))
  const { unsealed } = await db
    .selectFrom('audit_entries')
    .select((e) => e.fn.countAll<number>().as('unsealed'))
    .where('seq', 'is', null)
    .executeTakeFirstOrThrow()
  let last = start
  let entries = 0
  const verdict = (broken: Verdict['broken']): Verdict => ({ entries, last, unsealed: Number(unsealed), broken })
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

type Read = EntryRow & { salt: string | null; personal: string | null }

function readPage(db: Db, after: number): Promise<Read[]> {
  return db
    .selectFrom('audit_entries as a')
    .leftJoin('audit_personal as p', 'p.entry_id', 'a.id')
    .selectAll('a')
    .select(['p.salt', 'p.data as personal'])
    .where('a.seq', '>', after)
    .orderBy('a.seq')
    .limit(PAGE)
    .execute()
}

function linkFault(ring: KeyRing, before: Anchor, row: Read): string | undefined {
  if (row.seq !== before.seq + 1) return `the next entry that is there is ${row.seq}: what stood between is gone`
  const key = chainKey(ring, row.key_id ?? '')
  if (!key) return `it was sealed with the key ${row.key_id}, which the key ring lacks`
  if (chainMac(key, before.mac, row) !== row.mac) return 'it was changed, or the one before it was'
  // Erased is no fault; changed is.
  if (row.personal === null || row.salt === null) return undefined
  if (personalHash(row.id, row.salt, row.personal) !== row.personal_hash) return 'its personal part was changed'
  return undefined
}

function anchorFault(wanted: Map<number, string>, { seq, mac }: Anchor): string | undefined {
  const anchor = wanted.get(seq)
  return anchor === undefined || anchor === mac ? undefined : 'it is not the one that the anchor is of'
}
