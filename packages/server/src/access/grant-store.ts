import type { Db } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'
import type { SeatKey } from './seat-store.ts'

/** All that a seat's holder was granted and that was not taken away. */
export async function endGrants(db: Db, key: SeatKey, now: number): Promise<void> {
  await db
    .updateTable('grants')
    .set({ revoked_at: now })
    .where('seat', '=', (e) =>
      e
        .selectFrom('seats')
        .select('number')
        .where('user_id', '=', key.user_id)
        .where('application_id', '=', key.application_id)
        .where('company_id', '=', key.company_id),
    )
    .where('revoked_at', '=', STANDS)
    .execute()
}
