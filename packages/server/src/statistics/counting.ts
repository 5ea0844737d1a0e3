import { setImmediate } from 'node:timers/promises'
import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { type ApplicationFigures, type SignedIn, Tally } from './figures.ts'
import {
  countSomeCompanies,
  countSomeMembers,
  countSomeUsers,
  countThrottled,
  type LicensePlace,
  listSomeHoldersSignIns,
  listSomeLicenses,
  listSomeSignIns,
  type SeatsSignIn,
  type SignIn,
} from './statistics-store.ts'

/** What is told of the house, or of one company in it, as it was at one moment. */
export type Figures = {
  at: number
  users: { all: number; active: number; withPassword: number; operators?: number; support?: number }
  companies: { all: number; active: number } | undefined
  signedIn: SignedIn | undefined
  lastSignIn: number | null
  throttled: number
  applications: ReadonlyMap<string, ApplicationFigures>
}

/** Goes through what it counts piece by piece, with turns for others between: of a million users it takes seconds. */
export async function countHouse(ctx: Context): Promise<Figures> {
  const { read } = ctx.db
  const at = ctx.now()
  const tally = new Tally(at)
  const users = { all: 0, active: 0, withPassword: 0, operators: 0, support: 0 }
  await goThrough(
    (after: string = '') => countSomeUsers(read, after),
    (found) => add(users, found),
  )
  const companies = { all: 0, active: 0 }
  await goThrough(
    (after: string = '') => countSomeCompanies(read, after),
    (found) => add(companies, found),
  )
  await goThrough(
    (after: SignIn | undefined) => listSomeSignIns(read, after),
    (found) => {
      for (const each of found) tally.addSignIn(each.user_id, each.application_id, each.issued_at)
    },
  )
  return finish(read, undefined, tally, { at, users, companies, signedIn: tally.signedIn })
}

/** The same of one company: its members, its licenses, and those who hold a seat of them. */
export async function countCompany(ctx: Context, companyId: string): Promise<Figures> {
  const { read } = ctx.db
  const at = ctx.now()
  const tally = new Tally(at)
  const users = { all: 0, active: 0, withPassword: 0 }
  await goThrough(
    (after: string = '') => countSomeMembers(read, companyId, after),
    (found) => add(users, found),
  )
  await goThrough(
    (after: SeatsSignIn | undefined) => listSomeHoldersSignIns(read, companyId, after),
    (found) => {
      for (const each of found) if (each.issued_at !== null) tally.addHolder(each.application_id, each.issued_at)
    },
  )
  return finish(read, companyId, tally, { at, users, companies: undefined, signedIn: undefined })
}

async function finish(
  db: Db,
  companyId: string | undefined,
  tally: Tally,
  counted: Pick<Figures, 'at' | 'users' | 'companies' | 'signedIn'>,
): Promise<Figures> {
  await goThrough(
    (after: LicensePlace | undefined) => listSomeLicenses(db, companyId, after),
    (found) => {
      for (const row of found)
        tally.addLicense({
          companyId: row.company_id,
          applicationId: row.application_id,
          startsAt: row.starts_at,
          endsAt: row.ends_at,
          graceDays: row.grace_days,
          seats: row.seats,
          seatsHeld: row.seats_held,
          isSuspended: row.suspended === 1,
        })
    },
  )
  return {
    ...counted,
    lastSignIn: lastOf(tally),
    throttled: await countThrottled(db, companyId, counted.at),
    applications: tally.applications,
  }
}

function lastOf({ applications }: Tally): number | null {
  return (
    Array.from(applications.values(), ({ signedIn }) => signedIn.last ?? 0).reduce((a, b) => Math.max(a, b), 0) || null
  )
}

/** Window by window, to the end. */
async function goThrough<T, P>(
  look: (after: P | undefined) => Promise<{ found: T; next: P | undefined }>,
  take: (found: T) => void,
): Promise<void> {
  let after: P | undefined
  do {
    const { found, next } = await look(after)
    take(found)
    after = next
    await setImmediate()
  } while (after !== undefined)
}

function add<K extends string>(to: Record<K, number>, some: Record<K, number>): void {
  for (const key of Object.keys(to) as K[]) to[key] += some[key] // Keys of the very same.
}
