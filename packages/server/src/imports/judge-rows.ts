import { setImmediate } from 'node:timers/promises'
import { emailHasher } from '../credentials/email-hash.ts'
import type { Db } from '../db/database.ts'
import { listDeletedEmails, listEmails, listUserIds } from '../directory/user-store.ts'
import type { KeyRing } from '../keys/ring.ts'
import { type ImportRow, type ReadyRow, readRow } from './import-row.ts'

export type Outcome = { outcome: 'created' | 'existing' } | { outcome: 'refused'; reason: string }

/** `ready` where it is to be created. */
export type JudgedRow = { outcome: Outcome; ready?: ReadyRow }

export const ID_TAKEN = 'its id is taken'

/** What becomes of each row, as the house is now: four statements, however many rows. */
export async function judgeRows(
  db: Db,
  keys: KeyRing,
  rows: readonly ImportRow[],
  { takesUpDeleted, now }: { takesUpDeleted: boolean; now: number },
): Promise<JudgedRow[]> {
  const read = withoutRepeated(rows.map((row) => readRow(row, now)))
  const ready = read.filter((each) => typeof each !== 'string')
  const emails = ready.map(({ email }) => email)
  await setImmediate() // Reading so many rows takes as long as many an answer.
  const present = await listEmails(db, emails)
  const missing = emails.filter((email) => !present.has(email))
  const ids = await listUserIds(
    db,
    ready.flatMap(({ id }) => id ?? []),
  )
  const hashOf = emailHasher(keys)
  const hashes = takesUpDeleted ? new Map() : new Map(missing.map((email) => [email, hashOf(email)]))
  const deleted = await listDeletedEmails(db, [...hashes.values()])
  return read.map((each) => {
    if (typeof each === 'string') return refused(each)
    if (present.has(each.email)) return { outcome: { outcome: 'existing' } }
    if (each.id !== undefined && ids.has(each.id)) return refused(ID_TAKEN)
    if (deleted.has(hashes.get(each.email) ?? ''))
      return refused('its address belonged to a user who was deleted: it is given again where that is said')
    return { outcome: { outcome: 'created' }, ready: each }
  })
}

function refused(reason: string): JudgedRow {
  return { outcome: { outcome: 'refused', reason } }
}

/** Two rows with one address can't both be right: the first one counts. */
function withoutRepeated(read: readonly (ReadyRow | string)[]): (ReadyRow | string)[] {
  const emails = new Set<string>()
  const ids = new Set<string>()
  return read.map((each) => {
    if (typeof each === 'string') return each
    if (emails.has(each.email)) return 'its address stands in an earlier row'
    if (each.id !== undefined && ids.has(each.id)) return 'its id stands in an earlier row'
    emails.add(each.email)
    if (each.id !== undefined) ids.add(each.id)
    return each
  })
}
