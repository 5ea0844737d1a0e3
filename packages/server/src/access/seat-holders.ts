import type { Db } from '../db/database.ts'

export type MiscountedLicense = { company: string; application: string; noted: number; held: number }

/** Licenses whose count of held seats is not the number of seats; empty in a sound house. */
export async function listMiscountedLicenses(db: Db): Promise<MiscountedLicense[]> {
  return db
    .selectFrom('licenses as l')
    .innerJoin('companies as c', 'c.id', 'l.company_id')
    .leftJoin('seats as s', (join) =>
      join.onRef('s.company_id', '=', 'l.company_id').onRef('s.application_id', '=', 'l.application_id'),
    )
    .select(['c.name as company', 'l.application_id as application', 'l.seats_held as noted'])
    .select((e) => e.fn.count<number>('s.user_id').as('held'))
    .groupBy(['l.company_id', 'l.application_id', 'c.name', 'l.seats_held'])
    .having((e) => e(e.fn.count<number>('s.user_id'), '<>', e.ref('l.seats_held')))
    .orderBy('c.name')
    .execute()
}

/** Grants in force that name no seat or another's: answers and `explain` would not say the same of them. */
export async function countStrayGrants(db: Db): Promise<number> {
  const { count } = await db
    .selectFrom('grants as g')
    .leftJoin('seats as s', 's.number', 'g.seat')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('g.revoked_at', '=', 0)
    .where((e) =>
      e.or([
        e('s.number', 'is', null),
        e('s.user_id', '<>', e.ref('g.user_id')),
        e('s.application_id', '<>', e.ref('g.application_id')),
        e('s.company_id', '<>', e.ref('g.company_id')),
      ]),
    )
    .executeTakeFirstOrThrow()
  return Number(count)
}
