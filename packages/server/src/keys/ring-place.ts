import { CommandError } from '../errors.ts'
import { findKeyFile } from './key-file.ts'
import { type KeyRing, keyIdOf } from './ring.ts'

/** Where the ring of this process is kept. A file can be read again, and written; a setting can't. */
export type RingPlace = { kind: 'file'; file: string; name: string } | { kind: 'setting'; ring: KeyRing; name: string }

/** @throws CommandError when the file is damaged */
export function findRing(place: RingPlace): KeyRing | undefined {
  return place.kind === 'setting' ? place.ring : findKeyFile(place.file)
}

export function wrongRing(place: RingPlace, ring: KeyRing, sealed: string): CommandError {
  const id = keyIdOf(sealed)
  const lacks = id !== undefined && !ring.keys.has(id) ? `: it lacks the key ${id}` : ''
  return new CommandError(
    `The key ring (${place.name}) is not the one that this database was sealed with${lacks}. Bring the right one back from your backup, or copy it from the node that started this house, or where it was rotated.`,
    IF_GONE,
  )
}

export const IF_GONE =
  'If it is gone for good, `license-server keys forget-lost` says what is lost with it, and makes a new one when told to.'
