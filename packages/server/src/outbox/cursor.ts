import { createHash } from 'node:crypto'
import { v4 as uuid } from 'uuid'
import type { Db, Tx } from '../db/database.ts'
import { addFact, findFact } from '../db/house-facts.ts'

/**
 * Which history of the house a cursor is of. It is another one after a restore: events that were read before may never have happened
 * then, and their numbers are given again.
 */
const HISTORY = 'events_history'

export async function findHistory(db: Db): Promise<string> {
  return (await findFact(db, HISTORY)) ?? ''
}

/** Where there is none yet. */
export async function beginHistory(tx: Tx): Promise<void> {
  await addFact(tx, HISTORY, uuid())
}

/** All cursors of before are gone. */
export async function replaceHistory(tx: Tx): Promise<void> {
  await tx.updateTable('house').set({ value: uuid() }).where('name', '=', HISTORY).execute()
}

/** How far an application has read: behind the event with this number. No more than a place: nothing in it is secret, and it proves nothing. */
export function writeCursor(history: string, applicationId: string, seq: number): string {
  return Buffer.from(`${seq.toString(36)}.${ownMark(applicationId)}.${history}`).toString('base64url')
}

export type ReadCursor = { seq: number; isOfThisHistory: boolean }

/** Undefined for what is no cursor of this application. */
export function readCursor(text: string, history: string, applicationId: string): ReadCursor | undefined {
  const bytes = Buffer.from(text, 'base64url')
  const [number = '', mark, of] = bytes.toString('utf8').split('.')
  // One spelling only.
  if (bytes.toString('base64url') !== text) return undefined
  if (!/^[0-9a-z]{1,11}$/.test(number) || mark !== ownMark(applicationId) || of === undefined) return undefined
  const seq = Number.parseInt(number, 36)
  return Number.isSafeInteger(seq) ? { seq, isOfThisHistory: of === history } : undefined
}

function ownMark(applicationId: string): string {
  return createHash('sha256').update(applicationId).digest('base64url').slice(0, 12)
}
