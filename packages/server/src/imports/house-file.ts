import { createHmac, hkdfSync } from 'node:crypto'
import { Type } from 'typebox'
import type { HouseOutline } from '../db/house-reader.ts'
import type { KeyRing } from '../keys/ring.ts'

// A whole house as lines of JSON: a header, every row of every table, and an end by which a file that was cut off or changed shows.

export const FORMAT = 'cloudspot-license-house'
export const VERSION = 1

export type Header = HouseOutline & { format: typeof FORMAT; version: number; made_at: string }

const COUNT = Type.Integer({ minimum: 0 })

export const HEADER = Type.Object({
  format: Type.Literal(FORMAT),
  version: Type.Integer(),
  made_at: Type.String(),
  step: Type.String(),
  mark: Type.Union([Type.String(), Type.Null()]),
  numbers: Type.Object({ permissions: COUNT, roles: COUNT, seats: COUNT }),
  tables: Type.Array(Type.Object({ name: Type.String(), columns: Type.Array(Type.String()), rows: COUNT })),
})

const SUM = Type.Object({ rows: COUNT, hash: Type.String() })

export const END = Type.Object({
  end: Type.Literal(true),
  tables: Type.Record(Type.String(), SUM),
  /** SHA-256 of all lines before, in hex. */
  hash: Type.String(),
  /** Of the ring, by its id; whoever lacks it can't make the MAC. */
  key: Type.String(),
  mac: Type.String(),
})

/** By which a file is known to come from this house: a key of the ring, and its id. */
export type FileKey = { id: string; key: Uint8Array }

export function fileKey(ring: KeyRing, id = ring.current): FileKey | undefined {
  const key = ring.keys.get(id)
  return key && { id, key: new Uint8Array(hkdfSync('sha256', key, Buffer.alloc(0), 'house file', 32)) }
}

export function fileMac({ key }: FileKey, hash: string): string {
  return createHmac('sha256', key).update(hash).digest('base64url')
}
