import { markDue } from '../audit/touched.ts'
import type { Tx } from '../db/database.ts'
import { replaceHistory } from './cursor.ts'
import { AGAIN, listWanting } from './wanting.ts'

/** Has everybody's rights told once more, whatever was told before. */
async function sendAgain(tx: Tx, applicationId: string, now: number): Promise<void> {
  await markDue(tx, now, [{ applicationId }], AGAIN)
}

/** After a restore: applications may have been told what never happened in this house, and the numbers of that are given again. */
export async function restartEvents(tx: Tx, now: number): Promise<void> {
  await replaceHistory(tx)
  for (const id of (await listWanting(tx)).keys()) await sendAgain(tx, id, now)
}
