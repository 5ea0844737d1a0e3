import { sql } from 'kysely'
import type { Context } from '../context.ts'
import type { Database, PreparedQuery } from '../db/database.ts'
import { readApplication, type StoredApplication } from '../directory/application-store.ts'
import { type Account, readAccount } from '../directory/user-store.ts'
import type { Dialect } from '../domain/dialect.ts'
import { canonicalEmail } from '../domain/email.ts'
import { type Counted, keyOfAccount, keyOfName } from './throttle.ts'

/** What a sign-in begins with: who asks, for whom, and the wrong passwords that were counted for that name. */
export type Arrival = { application: StoredApplication | undefined; account: Account | undefined; counted: Counted }

/** By the application's id and the address as typed, in any case and with surrounding blanks. */
export type FindArrival = (ctx: Context, applicationId: string, username: string) => Promise<Arrival>

/** One look at the database in place of three: a sign-in's turns with it are what hashing leaves room for. */
export function prepareArrivals(db: Database): FindArrival {
  const query = db.prepare('arrival', arrivalSql().compile(db.read))
  return (ctx, applicationId, username) => findArrival(query, ctx, applicationId, username)
}

/** Every part may be missing: a name without an account is asked for alike. Keys as throttle.ts makes them. */
export function arrivalSql() {
  const text = sql`cast(${''} as text)`
  return sql`select a.id, a.name, a.active, a.dialect, a.secret_hash, a.token_days, a.token_idle_days, a.source_networks,
      u.id, u.email, u.active, u.operator, u.password_hash, u.password_foreign,
      t.key, t.tries, t.last_at, t.next_at
    from (select 1 as one) always
    left join applications a on a.id = ${text}
    left join users u on u.email = ${text}
    left join throttles t on t.key = coalesce('user ' || u.id, ${text})`
}

const APPLICATION = 8
const ACCOUNT = 6

type ApplicationPart = [
  string | null,
  string,
  0 | 1,
  Dialect,
  string | null,
  number | null,
  number | null,
  string | null,
]
type AccountPart = [string | null, string, 0 | 1, 0 | 1, string | null, 0 | 1]
type ThrottlePart = [string | null, number, number, number]

async function findArrival(
  query: PreparedQuery,
  ctx: Context,
  applicationId: string,
  username: string,
): Promise<Arrival> {
  const turnsEnded = ctx.turns.ended
  const keyWithoutAccount = keyOfName(ctx, username)
  // An empty address is nobody's.
  const rows = await query([applicationId, canonicalEmail(username) ?? '', keyWithoutAccount])
  const row = rows[0] ?? []
  // In the order of the text.
  const application = readApplicationPart(row.slice(0, APPLICATION) as ApplicationPart)
  const account = readAccountPart(row.slice(APPLICATION, APPLICATION + ACCOUNT) as AccountPart)
  const [found, tries, lastAt, nextAt] = row.slice(APPLICATION + ACCOUNT) as ThrottlePart
  const throttle = found === null ? undefined : { tries, lastAt, nextAt }
  const key = account ? keyOfAccount(account.id) : keyWithoutAccount
  return { application, account, counted: { key, throttle, turnsEnded } }
}

function readApplicationPart(part: ApplicationPart): StoredApplication | undefined {
  const [id, name, active, dialect, secret_hash, token_days, token_idle_days, source_networks] = part
  if (id === null) return undefined
  return readApplication({ id, name, active, dialect, secret_hash, token_days, token_idle_days, source_networks })
}

function readAccountPart([id, email, active, operator, password_hash, password_foreign]: AccountPart) {
  return id === null ? undefined : readAccount({ id, email, active, operator, password_hash, password_foreign })
}
