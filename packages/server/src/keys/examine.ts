import { createHash } from 'node:crypto'
import type { Db } from '../db/database.ts'
import { CommandError } from '../errors.ts'
import { keyFileStamp } from './key-file.ts'
import { NAMED } from './named.ts'
import { type KeyRing, keyIdOf, open } from './ring.ts'
import { findRing, IF_GONE, type RingPlace, wrongRing } from './ring-place.ts'
import { findMark, opensMark, SEALED, type SealedKind, sealedRows } from './sealed.ts'

export type KeyUse = {
  id: string
  isInRing: boolean
  isCurrent: boolean
  /** What is sealed with it: how many of which kind. */
  sealed: Record<string, number>
}

/** What can't be opened, or found again, and what that costs. */
export type Loss = { what: string; count: number; costs: string }

export type KeyReport = {
  ring: string
  /** Why the ring is not the one of this house, if so, and what to do. */
  fault: string | undefined
  keys: KeyUse[]
  sealed: number
  lost: Loss[]
  /** Of exactly what can't be opened: two reports with the same one are of the same loss. */
  lossCode: string
}

/** Tries every sealed value, and says what opens and what does not. Changes nothing. */
export async function examineKeys(db: Db, place: RingPlace, kinds: readonly SealedKind[] = SEALED): Promise<KeyReport> {
  const stamp = stampOf(place)
  const report = await examine(db, place, kinds)
  // Rotated meanwhile: what the new key sealed by then was tried with the ring of before.
  return stampOf(place) === stamp ? report : examine(db, place, kinds)
}

function stampOf(place: RingPlace): string | undefined {
  return place.kind === 'file' ? keyFileStamp(place.file) : undefined
}

async function examine(db: Db, place: RingPlace, kinds: readonly SealedKind[]): Promise<KeyReport> {
  const mark = await findMark(db)
  const { ring, fault } = readRing(place, mark)
  const uses = new Map<string, KeyUse>()
  const use = (id: string): KeyUse => {
    const known = uses.get(id)
    if (known) return known
    const made = { id, isInRing: ring?.keys.has(id) ?? false, isCurrent: ring?.current === id, sealed: {} }
    uses.set(id, made)
    return made
  }
  for (const id of ring?.keys.keys() ?? []) use(id)
  const lost = new Map<SealedKind, number>()
  const digest = createHash('sha256')
  let sealed = 0
  for await (const { kind, rows } of sealedRows(db, kinds)) {
    for (const row of rows) {
      sealed++
      const { sealed: counts } = use(keyIdOf(row.sealed) ?? UNKNOWN)
      counts[kind.name] = (counts[kind.name] ?? 0) + 1
      if (ring && open(ring, row.purpose, row.sealed) !== undefined) continue
      lost.set(kind, (lost.get(kind) ?? 0) + 1)
      digest.update(`${JSON.stringify([kind.name, row.row, row.sealed])}\n`)
    }
  }
  const losses = [...lost].map(([kind, count]) => ({ what: kind.name, count, costs: kind.costs }))
  // Without the ring its first key is gone as well; a ring that opens the mark is taken at its word.
  if (ring === undefined || (mark !== undefined && !opensMark(ring, mark))) losses.push(...(await namedLosses(db)))
  return {
    ring: place.name,
    fault: fault ?? partFault(lost),
    keys: [...uses.values()],
    sealed,
    lost: losses,
    lossCode: digest.digest('hex').slice(0, 8),
  }
}

/** Why the ring does not open a mark, if so, and what to do. */
export function ringFault(place: RingPlace, mark: string | undefined): string | undefined {
  return readRing(place, mark).fault
}

async function namedLosses(db: Db): Promise<Loss[]> {
  const counted = await Promise.all(
    NAMED.map(async (kind) => ({ what: kind.name, count: await kind.count(db), costs: kind.costs })),
  )
  return counted.filter(({ count }) => count > 0)
}

/** In place of the id where none can be read. */
const UNKNOWN = '(none)'

function readRing(
  place: RingPlace,
  mark: string | undefined,
): { ring: KeyRing | undefined; fault: string | undefined } {
  try {
    const ring = findRing(place)
    if (mark === undefined) return { ring, fault: undefined }
    if (!ring) return { ring, fault: missing(place) }
    return { ring, fault: opensMark(ring, mark) ? undefined : wrongRing(place, ring, mark).message }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return { ring: undefined, fault: mark === undefined ? error.message : `${error.message}\n${IF_GONE}` }
  }
}

function missing(place: RingPlace): string {
  return `The key ring ${place.name} is missing, but this database was sealed with one. Bring it back from your backup, or set LICENSE_KEYS.\n${IF_GONE}`
}

/** The ring is the house's, but not whole: a key was taken out of it too early. */
function partFault(lost: ReadonlyMap<SealedKind, number>): string | undefined {
  if (lost.size === 0) return undefined
  const list = [...lost].map(([kind, count]) => `${kind.name}: ${count}`).join(', ')
  return `Not everything that is sealed opens with this key ring (${list}). Bring back the ring that still has the missing keys; \`license-server keys check\` names them.\n${IF_GONE}`
}
