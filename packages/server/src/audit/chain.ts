import { createHmac, hkdfSync } from 'node:crypto'
import { sql } from 'kysely'
import type { Context } from '../context.ts'
import type { Database, Db, Tx } from '../db/database.ts'
import { findFact, setFact } from '../db/house-facts.ts'
import type { KeyRing } from '../keys/ring.ts'
import { bySystem } from './actor.ts'
import { type EntryRow, sealedText } from './entry.ts'
import { audit } from './write.ts'

/** Any number of ours: one process seals at a time, whichever. */
const SEAL_LOCK = 7_313_003
const BATCH = 500
/** Where the chain begins when its beginning was cleared away: `<seq> <mac> <key id> <mac of these>` of the last one that went. */
const START = 'audit_start'
const PURPOSE = 'audit chain'

/** A place in the chain, and what is proved by it. */
export type Anchor = { seq: number; mac: string }

const NOTHING_SEALED: Anchor = { seq: 0, mac: '' }

/**
 * The MAC of an entry in its place: HMAC-SHA-256, keyed by the house, over the one before and the entry. Whoever edits the database
 * without the key ring can't make it again, and no entry can go without the next one showing it.
 */
export function chainMac(key: Buffer, before: string, row: EntryRow): string {
  return createHmac('sha256', key).update(before).update('\n').update(sealedText(row)).digest('base64url')
}

export function chainKey(ring: KeyRing, keyId: string): Buffer | undefined {
  const key = ring.keys.get(keyId)
  return key && Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), PURPOSE, 32))
}

/** Seals all that was written since, unless another process is at it. */
export async function sealAll(database: Database, ring: KeyRing): Promise<void> {
  let sealed: number
  do sealed = await sealSome(database, ring)
  while (sealed > 0)
}

/** Seals some of what was written since, in the order in which it is found. Tells how many; 0 also when another process is at it. */
async function sealSome(database: Database, ring: KeyRing): Promise<number> {
  return database.transaction(async (tx) => {
    if (database.kind === 'postgres' && !(await takeLock(tx))) return 0
    const rows = await tx
      .selectFrom('audit_entries')
      .selectAll()
      .where('seq', 'is', null)
      .orderBy('id')
      .limit(BATCH)
      .execute()
    if (rows.length === 0) return 0
    const keyId = ring.current
    const key = chainKey(ring, keyId)
    if (!key) throw new Error('the current key is not in the ring')
    let last = await lastSealed(tx)
    // Made once: of much that is sealed at a time, making the statement is the larger part of the work.
    const change = tx
      .updateTable('audit_entries')
      .set({ seq: 0, mac: '', key_id: keyId })
      .where('id', '=', '')
      .compile()
    for (const row of rows) {
      const seq = last.seq + 1
      const mac = chainMac(key, last.mac, { ...row, seq })
      // In the order of the text.
      await tx.executeQuery({ ...change, parameters: [seq, mac, keyId, row.id] })
      last = { seq, mac }
    }
    return rows.length
  })
}

async function takeLock(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{
    taken: boolean
  }>`select pg_try_advisory_xact_lock(${sql.lit(SEAL_LOCK)}) as taken`.execute(tx)
  return rows[0]?.taken === true
}

/** The end of the chain. */
export async function lastSealed(db: Db): Promise<Anchor> {
  const row = await db
    .selectFrom('audit_entries')
    .select(['seq', 'mac'])
    .where('seq', 'is not', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.seq && row.mac !== null ? { seq: row.seq, mac: row.mac } : chainStart(db)
}

/** What the first entry that is there follows on, and whether the house itself noted that. */
export async function readStart(db: Db, ring: KeyRing): Promise<{ start: Anchor; isSigned: boolean }> {
  const noted = await findFact(db, START)
  if (noted === undefined) return { start: NOTHING_SEALED, isSigned: true }
  const [seq = '', mac = '', keyId = '', signature = ''] = noted.split(' ')
  const start = { seq: Number(seq), mac }
  return { start, isSigned: signature !== '' && signature === signStart(ring, keyId, start) }
}

async function chainStart(db: Db): Promise<Anchor> {
  const [seq = '', mac = ''] = (await findFact(db, START))?.split(' ') ?? []
  return seq === '' ? NOTHING_SEALED : { seq: Number(seq), mac }
}

function signStart(ring: KeyRing, keyId: string, { seq, mac }: Anchor): string | undefined {
  const key = chainKey(ring, keyId)
  return key && createHmac('sha256', key).update(`begins after ${seq} ${mac}`).digest('base64url')
}

/** Clears away sealed entries of before a moment, some at a time; the chain begins after them. Tells how many. */
export async function purgeSealed(
  ctx: Pick<Context, 'now' | 'keys'>,
  tx: Tx,
  before: number,
  limit: number,
): Promise<number> {
  const rows = await tx
    .selectFrom('audit_entries')
    .select(['id', 'at', 'seq', 'mac'])
    .where('seq', 'is not', null)
    .orderBy('seq')
    .limit(limit)
    .execute()
  // The chain has no holes: what follows one that stays, stays.
  const end = rows.findIndex((row) => row.at >= before)
  const old = end < 0 ? rows : rows.slice(0, end)
  const last = old.at(-1)
  if (!last) return 0
  const ids = old.map((row) => row.id)
  await tx.deleteFrom('audit_personal').where('entry_id', 'in', ids).execute()
  await tx.deleteFrom('audit_entries').where('id', 'in', ids).execute()
  const start = { seq: last.seq ?? 0, mac: last.mac ?? '' }
  const value = `${start.seq} ${start.mac} ${ctx.keys.current} ${signStart(ctx.keys, ctx.keys.current, start)}`
  await setFact(tx, START, value)
  await audit(ctx, tx, bySystem('clearing away'), {
    act: 'audit.purged',
    target: { kind: 'audit', id: 'audit' },
    data: { entries: old.length, up_to: last.seq },
  })
  return old.length
}
