import type { Database } from '../db/database.ts'
import { makeKeyFile, setKeyFileAside } from './key-file.ts'
import { type KeyRing, open } from './ring.ts'
import { findRing, type RingPlace } from './ring-place.ts'
import { findMark, opensMark, SEALED, type SealedKind, sealedRows } from './sealed.ts'

/**
 * Gives up what the ring of now can't open, so that the house works without it. The ring that is there stays where it is
 * the right one, or was set by the operator; a wrong file is kept aside, and a new ring made.
 */
export async function forgetLost(
  database: Database,
  place: RingPlace,
  options: { isGiven: boolean; now: number; kinds?: readonly SealedKind[] },
): Promise<{ aside: string | undefined }> {
  const { ring, aside } = await takeRing(database, place, options)
  // The ring first: stopped between, the same is asked for again, and does it.
  for await (const { kind, rows } of sealedRows(database.read, options.kinds ?? SEALED)) {
    const lost = rows.filter((row) => open(ring, row.purpose, row.sealed) === undefined)
    await database.transaction(async (tx) => {
      for (const row of lost) await kind.forget(tx, row, ring)
    })
  }
  return { aside }
}

async function takeRing(
  database: Database,
  place: RingPlace,
  { isGiven, now }: { isGiven: boolean; now: number },
): Promise<{ ring: KeyRing; aside: string | undefined }> {
  if (place.kind === 'setting') return { ring: place.ring, aside: undefined }
  const found = findReadable(place)
  const sealed = await findMark(database.read)
  if (found && (isGiven || (sealed !== undefined && opensMark(found, sealed)))) return { ring: found, aside: undefined }
  const aside = setKeyFileAside(place.file, now)
  makeKeyFile(place.file)
  const made = findRing(place)
  if (!made) throw new Error(`${place.file} was made, and is gone`)
  return { ring: made, aside }
}

function findReadable(place: RingPlace): KeyRing | undefined {
  try {
    return findRing(place)
  } catch {
    return undefined
  }
}
