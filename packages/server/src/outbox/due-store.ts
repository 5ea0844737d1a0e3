import { type Selectable, sql } from 'kysely'
import type { Db, Tx } from '../db/database.ts'
import type { Tables } from '../db/tables.ts'

export type Due = {
  id: string
  userId: string | null
  companyId: string | null
  applicationId: string | null
  place: string | null
}

/** Marks of one person each, the oldest first. */
export async function listSmallDue(db: Db, limit: number): Promise<Due[]> {
  const rows = await db
    .selectFrom('due')
    .selectAll()
    .where('user_id', 'is not', null)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(readDue)
}

/** Marks that concern many: whose turn it is first. */
export async function listLargeDue(db: Db, limit: number): Promise<Due[]> {
  const rows = await db
    .selectFrom('due')
    .selectAll()
    .where('user_id', 'is', null)
    .orderBy('worked_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(readDue)
}

function readDue(row: Selectable<Tables['due']>): Due {
  return {
    id: row.id,
    userId: row.user_id,
    companyId: row.company_id,
    applicationId: row.application_id,
    place: row.place,
  }
}

export async function deleteDue(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await tx.deleteFrom('due').where('id', 'in', ids).execute()
}

/** Where to go on, after the others have had their turn. */
export async function setPlace(tx: Tx, id: string, place: string | null, workedAt: number): Promise<void> {
  await tx.updateTable('due').set({ place, worked_at: workedAt }).where('id', '=', id).execute()
}

/** A mark of everything becomes one for each application that is told of events; a company's, one for each license. */
export async function divideDue(tx: Tx, { id, companyId }: Due, now: number): Promise<void> {
  const parts =
    companyId === null
      ? sql`select ${id} || ':' || a.id, null, null, a.id, null, ${now}, ${now}
          from applications a where a.events_since is not null`
      : sql`select ${id} || ':' || l.application_id, null, l.company_id, l.application_id, null, ${now}, ${now}
          from licenses l join applications a on a.id = l.application_id
          where l.company_id = ${companyId} and a.events_since is not null`
  await sql`insert into due (id, user_id, company_id, application_id, place, at, worked_at) ${parts}`.execute(tx)
  await deleteDue(tx, [id])
}

/** In a mark's place: it is a part of what concerns all of a person. */
export const WHOLE = 'whole'

/** Of a person with so much that it can't be looked at at once: one mark for each of it. */
export async function divideUserDue(tx: Tx, { id, userId, companyId }: Due, now: number): Promise<void> {
  const ofCompany = companyId === null ? sql`` : sql`and k.company_id = ${companyId}`
  for (const [table, mark] of [
    ['seats', 's'],
    ['announced', 'a'],
  ] as const)
    await sql`insert into due (id, user_id, company_id, application_id, place, at, worked_at)
      select ${id} || ${`:${mark}:`} || k.application_id || ':' || k.company_id,
        k.user_id, k.company_id, k.application_id, ${companyId === null ? WHOLE : null}, ${now}, ${now}
      from ${sql.table(table)} k where k.user_id = ${userId} ${ofCompany}`.execute(tx)
  await deleteDue(tx, [id])
}
