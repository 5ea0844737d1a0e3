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
