import { sql } from 'kysely'
import type { Database, Tx } from '../db/database.ts'
import { CommandError } from '../errors.ts'
import type { HouseKeys } from './house-keys.ts'
import { replaceKeyFile } from './key-file.ts'
import { NAMED } from './named.ts'
import { type KeyRing, withNewKey } from './ring.ts'
import { findRing, IF_GONE, type RingPlace, wrongRing } from './ring-place.ts'
import { countByKey, findMark, opensMark, SEALED, type SealedKind, sealedRows } from './sealed.ts'

/** What became of the ring: written to its file, or only to be set by the operator, because we can't write there. */
export type ChangedRing = { ring: KeyRing; id: string; written: boolean }

/** Adds a key that is not current yet: for houses whose nodes get the ring one after the other. */
export function addKey(database: Database, place: RingPlace): Promise<ChangedRing> {
  return changeRing(database, place, async (ring) => withNewKey(ring))
}

/** Makes a key of the ring the current one. @throws CommandError when the ring lacks it */
export function makeCurrent(database: Database, place: RingPlace, id: string): Promise<ChangedRing> {
  return changeRing(database, place, async (ring) => {
    requireKey(ring, place, id)
    return { id, ring: { current: id, keys: ring.keys } }
  })
}

/** Adds a key and makes it the current one, at once. */
export function addCurrentKey(database: Database, place: RingPlace): Promise<ChangedRing> {
  return changeRing(database, place, async (before) => {
    const { ring, id } = withNewKey(before)
    return { id, ring: { current: id, keys: ring.keys } }
  })
}

/**
 * Takes a key out of the ring with which nothing is sealed any more. The first one also makes keyed hashes: it stays until
 * `evenFirst` says that those may be lost. @throws CommandError when it is still needed
 */
export function removeKey(
  database: Database,
  place: RingPlace,
  id: string,
  { kinds = SEALED, evenFirst = false }: { kinds?: readonly SealedKind[]; evenFirst?: boolean } = {},
): Promise<ChangedRing> {
  return changeRing(database, place, async (ring, tx) => {
    requireKey(ring, place, id)
    if (id === ring.current)
      throw new CommandError(
        `${id} is the current key. Make another one current first: \`license-server keys rotate\`.`,
      )
    const sealed = (await countByKey(tx, kinds)).get(id) ?? 0
    if (sealed > 0) {
      throw new CommandError(
        `${sealed === 1 ? 'One thing is' : `${sealed} things are`} still sealed with ${id}. Run \`license-server keys use ${ring.current}\`, which seals them anew, then remove it.`,
      )
    }
    const [first] = ring.keys.keys()
    if (id === first && !evenFirst) await requireNothingNamed(tx, id)
    const keys = new Map(ring.keys)
    keys.delete(id)
    return { id, ring: { current: ring.current, keys } }
  })
}

async function requireNothingNamed(tx: Tx, id: string): Promise<void> {
  for (const kind of NAMED) {
    const count = await kind.count(tx)
    if (count === 0) continue
    throw new CommandError(
      `${id} is the first key of the ring, and more hangs on it than what it sealed: ${kind.name} (${count}). ${kind.costs}`,
      `Best keep it: it seals nothing any more. If it must go: \`license-server keys remove ${id} --even-first\`.`,
    )
  }
}

function requireKey(ring: KeyRing, place: RingPlace, id: string): void {
  if (ring.keys.has(id)) return
  throw new CommandError(`The key ring (${place.name}) has no key ${id}. It has: ${[...ring.keys.keys()].join(', ')}.`)
}

/** Any number of ours. */
const RING_LOCK = 7_313_002

/**
 * One change at a time: two that both added a key to what they had read would lose one, with all that it sealed by then.
 * The database holds the lock, and lets it go with a process that dies.
 */
function changeRing(
  database: Database,
  place: RingPlace,
  change: (ring: KeyRing, tx: Tx) => Promise<{ ring: KeyRing; id: string }>,
): Promise<ChangedRing> {
  return database.transaction(async (tx) => {
    if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(RING_LOCK)})`.execute(tx)
    const before = await getRing(tx, place)
    const changed = await change(before, tx)
    return { ...changed, written: changed.ring !== before && writeRing(place, changed.ring) }
  })
}

/** The ring as it is kept now, proven on the house. */
async function getRing(tx: Tx, place: RingPlace): Promise<KeyRing> {
  const ring = findRing(place)
  if (!ring) throw new CommandError(`The key ring ${place.name} is missing. Bring it back from your backup.`, IF_GONE)
  const sealed = await findMark(tx)
  if (sealed !== undefined && !opensMark(ring, sealed)) throw wrongRing(place, ring, sealed)
  return ring
}

/** False where only the operator can: a setting, or a file of the platform that is not ours to write. */
function writeRing(place: RingPlace, ring: KeyRing): boolean {
  if (place.kind === 'setting') return false
  try {
    replaceKeyFile(place.file, ring)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException // What the file system throws.
    if (['EROFS', 'EACCES', 'EPERM', 'EBUSY'].includes(code)) return false
    throw error
  }
}

export type Resealed = { sealed: number; unopened: number }

/**
 * Seals with the current key what an older one sealed, a batch in a transaction. What is done stays done: stopped
 * anywhere, it goes on from there when it is run again.
 */
export async function sealAnew(
  database: Database,
  keys: HouseKeys,
  kinds: readonly SealedKind[] = SEALED,
): Promise<Resealed> {
  const total: Resealed = { sealed: 0, unopened: 0 }
  await keys.prove()
  for await (const { kind, rows } of sealedRows(database.read, kinds)) {
    const old = rows.filter((row) => !row.sealed.startsWith(`${keys.current}.`))
    if (old.length === 0) continue
    // Opened and sealed before the transaction, which then only writes.
    const anew = await Promise.all(
      old.map(async (row) => ({ row, sealed: await sealOneAnew(keys, row.purpose, row.sealed) })),
    )
    await database.transaction(async (tx) => {
      for (const { row, sealed } of anew) {
        if (sealed === undefined) total.unopened++
        // Whoever changed it meanwhile sealed it with a ring of now.
        else if (await kind.replace(tx, row, sealed)) total.sealed++
      }
    })
  }
  return total
}

async function sealOneAnew(keys: HouseKeys, purpose: string, sealed: string): Promise<string | undefined> {
  try {
    return await keys.seal(purpose, await keys.open(purpose, sealed))
  } catch (error) {
    if (error instanceof CommandError) return undefined
    throw error
  }
}
