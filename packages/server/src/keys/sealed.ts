import type { Db, Tx } from '../db/database.ts'
import { addFact, findFact } from '../db/house-facts.ts'
import { type KeyRing, keyIdOf, open, seal } from './ring.ts'
import { endpointSecrets, endpointSecretsBefore } from './sealed-endpoints.ts'
import { lastTokens } from './sealed-tokens.ts'

/** One sealed value: the name of its row, for what it was sealed, and the value itself. */
export type SealedRow = { row: string; purpose: string; sealed: string }

/** What is sealed in one place. By its entry in SEALED a table joins rotation, `keys check`, and what a lost ring costs. */
export type SealedKind = {
  /** In the words of an operator. */
  name: string
  /** What it costs when it can't be opened any more, as a sentence. */
  costs: string
  /** At most `limit` of them in the order of `row`, after that one; '' begins. */
  list(db: Db, after: string, limit: number): Promise<SealedRow[]>
  /** Puts a new value in the place of that very one. False when it has changed meanwhile. */
  replace(tx: Tx, old: SealedRow, sealed: string): Promise<boolean>
  /** Gives up what can't be opened any more, so that the house works without it. */
  forget(tx: Tx, lost: SealedRow, ring: KeyRing): Promise<void>
}

const MARK = 'key_check'
const MARK_TEXT = 'this house'

const mark: SealedKind = {
  name: 'mark of the house',
  costs: 'By it the house knows its key ring. A new one is made; nobody will notice.',
  async list(db, after) {
    const sealed = after === '' ? await findMark(db) : undefined
    return sealed === undefined ? [] : [{ row: MARK, purpose: MARK, sealed }]
  },
  replace: replaceMark,
  async forget(tx, lost, ring) {
    await replaceMark(tx, lost, sealMark(ring))
  },
}

export const SEALED: readonly SealedKind[] = [mark, endpointSecrets, endpointSecretsBefore, lastTokens]

/** At a time, so that nobody waits for it. */
const BATCH = 200

/** Every sealed value, in the same order each time, a batch at a time. */
export async function* sealedRows(db: Db, kinds: readonly SealedKind[]) {
  for (const kind of kinds) {
    for (let after = ''; ; ) {
      const rows = await kind.list(db, after, BATCH)
      const last = rows.at(-1)
      if (!last) break
      yield { kind, rows }
      after = last.row
    }
  }
}

/** Counts what is sealed with each key. Undefined stands for what was never sealed. */
export async function countByKey(db: Db, kinds: readonly SealedKind[]): Promise<Map<string | undefined, number>> {
  const counts = new Map<string | undefined, number>()
  for await (const { rows } of sealedRows(db, kinds)) {
    for (const { sealed } of rows) counts.set(keyIdOf(sealed), (counts.get(keyIdOf(sealed)) ?? 0) + 1)
  }
  return counts
}

export function sealMark(ring: KeyRing): string {
  return seal(ring, MARK, MARK_TEXT)
}

export function opensMark(ring: KeyRing, sealed: string): boolean {
  return open(ring, MARK, sealed) === MARK_TEXT
}

/** Notes the mark where there is none yet. */
export async function noteMark(tx: Tx, sealed: string): Promise<void> {
  await addFact(tx, MARK, sealed)
}

export async function findMark(db: Db): Promise<string | undefined> {
  return findFact(db, MARK)
}

async function replaceMark(tx: Tx, old: SealedRow, sealed: string): Promise<boolean> {
  const replaced = await tx
    .updateTable('house')
    .set({ value: sealed })
    .where('name', '=', MARK)
    .where('value', '=', old.sealed)
    .executeTakeFirst()
  return replaced.numUpdatedRows === 1n
}
