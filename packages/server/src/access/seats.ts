import type { Tx } from '../db/database.ts'
import { endGrants } from './grant-store.ts'
import { deleteSeat, giveBackSeat, type SeatKey } from './seat-store.ts'

/** Takes a member's seat away: all grants under it end with it, and stay as ended. False when there was none. */
export async function takeSeatAway(tx: Tx, key: SeatKey, now: number): Promise<boolean> {
  // First, since grants are found by their seat.
  await endGrants(tx, key, now)
  if (!(await deleteSeat(tx, key))) return false
  await giveBackSeat(tx, key.company_id, key.application_id)
  return true
}
