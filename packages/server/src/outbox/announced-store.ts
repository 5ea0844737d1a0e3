import { sql } from 'kysely'
import type { Db, Tx } from '../db/database.ts'

/** One person in one company and one application. */
export type RightsKey = { applicationId: string; userId: string; companyId: string }
export type Announced = RightsKey & { version: number; permissions: readonly string[] }

type Row = { application_id: string; user_id: string; company_id: string; version: number; permissions: string }

const COLUMNS = ['application_id', 'user_id', 'company_id', 'version', 'permissions'] as const

/** What was announced last, also that it is nothing; undefined where nothing ever was. */
export async function findAnnounced(db: Db, of: RightsKey): Promise<Announced | undefined> {
  const row = await db
    .selectFrom('announced')
    .select(COLUMNS)
    .where('application_id', '=', of.applicationId)
    .where('user_id', '=', of.userId)
    .where('company_id', '=', of.companyId)
    .executeTakeFirst()
  return row && read(row)
}

/** Of these people, in these applications, some of all. */
export async function listAnnouncedOf(
  db: Db,
  userIds: readonly string[],
  applicationIds: readonly string[],
  limit: number,
): Promise<Announced[]> {
  const rows = await db
    .selectFrom('announced')
    .select(COLUMNS)
    .where('user_id', 'in', userIds)
    .where('application_id', 'in', applicationIds)
    .limit(limit)
    .execute()
  return rows.map(read)
}

/** By application, in how many companies somebody may do something, as it was announced. */
export async function countAnnounced(db: Db, userId: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('announced')
    .select('application_id')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('user_id', '=', userId)
    .where('permissions', '<>', '')
    .groupBy('application_id')
    .execute()
  return new Map(rows.map((row) => [row.application_id, Number(row.count)]))
}

/** Of these people, in these companies and applications. */
export async function listAnnouncedIn(
  db: Db,
  {
    applicationIds,
    companyIds,
    userIds,
  }: { applicationIds: readonly string[]; companyIds: readonly string[]; userIds: readonly string[] },
): Promise<Announced[]> {
  if (userIds.length === 0) return []
  const rows = await db
    .selectFrom('announced')
    .select(COLUMNS)
    .where('application_id', 'in', applicationIds)
    .where('user_id', 'in', userIds)
    .where('company_id', 'in', companyIds)
    .execute()
  return rows.map(read)
}

function read(row: Row): Announced {
  return {
    applicationId: row.application_id,
    userId: row.user_id,
    companyId: row.company_id,
    version: row.version,
    permissions: row.permissions === '' ? [] : row.permissions.split(' '),
  }
}

/** Of one statement. */
const BATCH = 100

export async function setAnnounced(
  tx: Tx,
  all: readonly Announced[],
  { onlyNew = false }: { onlyNew?: boolean } = {},
): Promise<void> {
  for (let from = 0; from < all.length; from += BATCH) {
    const rows = all.slice(from, from + BATCH).map((each) => ({
      application_id: each.applicationId,
      user_id: each.userId,
      company_id: each.companyId,
      version: each.version,
      permissions: each.permissions.join(' '),
    }))
    await tx
      .insertInto('announced')
      .values(rows)
      .onConflict((c) => {
        const there = c.columns(['application_id', 'user_id', 'company_id'])
        if (onlyNew) return there.doNothing()
        return there.doUpdateSet((e) => ({
          version: e.ref('excluded.version'),
          permissions: e.ref('excluded.permissions'),
        }))
      })
      .execute()
  }
}

/** Whom there is nothing left to tell of, since before a moment; some at a time. Tells how many. */
export async function purgeAnnounced(tx: Tx, before: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from announced where (application_id, user_id, company_id) in (
    select application_id, user_id, company_id from announced
    where permissions = '' and version < ${before} order by version limit ${limit})`.execute(tx)
  return Number(numAffectedRows)
}
