import { type RawBuilder, sql } from 'kysely'
import type { Touched } from '../audit/touched.ts'
import type { Db, Tx } from '../db/database.ts'
import { findFact, setFact } from '../db/house-facts.ts'
import { END_OF_TIME, START_OF_TIME } from '../domain/interval.ts'

/** Where the clock was: all that began or ended up to there is marked, of one moment in the order of keys. */
type Place = { at: number; key: readonly (string | number)[] }
type Places = Record<string, Place>

export type Ticked = { touched: Touched[]; places: Places; isNews: boolean }

const FACT = 'events_clock'
/** Of one kind, at a time. */
const LIMIT = 500
/** So often it notes where it is though nothing was due: what was stored meanwhile for a time before is not looked at again. */
const NOTED_MS = 60_000

const STARTS = sql`starts_at > ${sql.lit(START_OF_TIME)}`
const ENDS = sql`ends_at < ${sql.raw(String(END_OF_TIME))}`
const OF_PERSON = sql`user_id, company_id, application_id`

/** Each as its index has it (db/migrations/0007-events.ts): none reads more rows than are due. */
const SOURCES: readonly [name: string, table: string, moment: RawBuilder<unknown>, where: RawBuilder<unknown>][] = [
  ['seats_starts', 'seats', sql`starts_at`, STARTS],
  ['seats_ends', 'seats', sql`ends_at`, ENDS],
  ['grants_starts', 'grants', sql`starts_at`, sql`${STARTS} and revoked_at = 0`],
  ['grants_ends', 'grants', sql`ends_at`, sql`${ENDS} and revoked_at = 0`],
  ['licenses_starts', 'licenses', sql`starts_at`, STARTS],
  ['licenses_ends', 'licenses', sql`ends_at`, ENDS],
  ['licenses_grace', 'licenses', sql`(ends_at + cast(grace_days as bigint) * 86400000)`, ENDS],
]
const KEYS: Record<string, readonly string[]> = {
  seats: ['number'],
  grants: ['id'],
  licenses: ['company_id', 'application_id'],
}

/** The statement of each source, for what began or ended after a place and up to a moment. */
function clockQueries(places: Places, now: number): { name: string; query: RawBuilder<Found> }[] {
  return SOURCES.map(([name, table, moment, where]) => {
    const keys = KEYS[table] ?? []
    const { at, key } = places[name] ?? { at: now + 1, key: firstKey(name) }
    const columns = sql.join([moment, ...keys.map((each) => sql.ref(each))])
    const values = sql.join([at, ...keys.map((_, nth) => key[nth] ?? '')].map((each) => sql`${each}`))
    const of = table === 'licenses' ? sql`company_id, application_id` : OF_PERSON
    const query = sql<Found>`select ${of}, ${moment} as moment, ${sql.ref(keys[0] ?? '')} as place_key
      from ${sql.table(table)} where ${where} and ${moment} <= ${now} and (${columns}) > (${values})
      order by ${columns} limit ${sql.lit(LIMIT)}`
    return { name, query }
  })
}

type Found = {
  user_id?: string
  company_id: string
  application_id: string
  moment: number
  place_key: string | number
}

/** What began or ended by itself since the clock was last here, whether or not a server ran meanwhile. */
export async function tick(db: Db, now: number, wanted: ReadonlySet<string>): Promise<Ticked> {
  const places = await findPlaces(db)
  // Before it nobody was told anything.
  if (!places) return { touched: [], places: placesAt(now), isNews: true }
  const after: Places = {}
  const touched: Touched[] = []
  let isNews = Object.values(places).some(({ at }) => at < now - NOTED_MS)
  for (const { name, query } of clockQueries(places, now)) {
    const { rows } = await query.execute(db)
    const last = rows.at(-1)
    after[name] = last && rows.length === LIMIT ? placeOf(name, last) : { at: now + 1, key: firstKey(name) }
    if (last) isNews = true
    for (const row of rows)
      if (wanted.has(row.application_id))
        touched.push({
          ...(row.user_id === undefined ? {} : { userId: row.user_id }),
          companyId: row.company_id,
          applicationId: row.application_id,
        })
  }
  return { touched, places: after, isNews }
}

/** The latest moment that anything was judged at: no node whose own clock is behind judges by an earlier one. */
export async function clockTime(db: Db, now: number): Promise<number> {
  const places = await findPlaces(db)
  return Math.max(now, ...Object.values(places ?? {}).map(({ at }) => at - 1))
}

function placesAt(now: number): Places {
  return Object.fromEntries(SOURCES.map(([name]) => [name, { at: now + 1, key: firstKey(name) }]))
}

function placeOf(name: string, row: Found): Place {
  return { at: row.moment, key: name.startsWith('licenses') ? [row.company_id, row.application_id] : [row.place_key] }
}

/** Before all others of a moment. */
function firstKey(name: string): Place['key'] {
  return name.startsWith('seats') ? [0] : ['', '']
}

async function findPlaces(db: Db): Promise<Places | undefined> {
  const value = await findFact(db, FACT)
  return value === undefined ? undefined : (JSON.parse(value) as Places) // As `setPlaces` wrote it.
}

export async function setPlaces(tx: Tx, places: Places): Promise<void> {
  await setFact(tx, FACT, JSON.stringify(places))
}

export async function forgetClock(tx: Tx): Promise<void> {
  await tx.deleteFrom('house').where('name', '=', FACT).execute()
}
