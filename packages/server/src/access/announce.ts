import { sql } from 'kysely'
import { markDue } from '../audit/touched.ts'
import type { Context } from '../context.ts'
import type { Db, Tx } from '../db/database.ts'
import { setAnnounced } from '../outbox/announced-store.ts'
import { clockTime, setPlaces, tick } from '../outbox/clock.ts'
import {
  type Due,
  deleteDue,
  divideDue,
  divideUserDue,
  listLargeDue,
  listSmallDue,
  setPlace,
} from '../outbox/due-store.ts'
import { insertEvents, markForErasing, numberEvents } from '../outbox/event-store.ts'
import { forgetToldUser, setTold } from '../outbox/told-store.ts'
import { listWanting, setReady, type Wanting } from '../outbox/wanting.ts'
import { lookAtPeople } from './announce-due.ts'
import { lookAtMany } from './announce-many.ts'
import type { Announcement } from './announce-people.ts'

/** Any number of ours: one process announces at a time, whichever. */
const ANNOUNCE_LOCK = 7_313_005
/** Marks of single people that are looked at at once, and of many, of which one is worked on. */
const MARKS = 200
const LARGE_MARKS = 100

/** What is to be stored of what was seen; and whether there was anything. */
type Store = ((tx: Tx) => Promise<void>) | undefined

/**
 * Works off some of what is due: what the clock brings, then marks of single people, then a part of one that concerns many. Each is
 * looked at and stored before the next is looked at, by one process at a time, so that a set is compared with what was announced last,
 * and a change that is stored meanwhile has its mark looked at after it. False when there was nothing, or another process is at it.
 */
export async function announceSome(ctx: Context, wants: { clock: boolean }): Promise<boolean> {
  const isNews = wants.clock && (await inTurn(ctx, (db) => lookAtClock(ctx, db)))
  const isSmall = await inTurn(ctx, (db) => lookAtSmall(ctx, db))
  const isLarge = await inTurn(ctx, (db) => lookAtLarge(ctx, db))
  return isNews || isSmall || isLarge
}

/**
 * Looks, then stores, while nobody else does. On PostgreSQL both are one transaction, which holds a lock: what is looked at is read by
 * its connection, statement by statement as it is then. On SQLite there is no other process that announces, and nobody waits for the
 * looking.
 */
async function inTurn(ctx: Context, look: (db: Db) => Promise<Store>): Promise<boolean> {
  return ctx.outbox.inTurn(async () => {
    if (ctx.db.kind === 'sqlite') {
      const store = await look(ctx.db.read)
      if (store) await ctx.db.transaction(store)
      return number(ctx, store)
    }
    const store = await ctx.db.transaction(async (tx) => {
      if (!(await takeLock(tx))) return undefined
      const stores = await look(tx)
      await stores?.(tx)
      return stores
    })
    return number(ctx, store)
  })
}

/** Before the next is looked at: what is stored first is read first, whichever process stores. */
async function number(ctx: Context, store: Store): Promise<boolean> {
  if ((await numberEvents(ctx.db)) > 0) ctx.outbox.events()
  return store !== undefined
}

async function takeLock(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{
    taken: boolean
  }>`select pg_try_advisory_xact_lock(${sql.lit(ANNOUNCE_LOCK)}) as taken`.execute(tx)
  return rows[0]?.taken === true
}

async function lookAtClock(ctx: Context, db: Db): Promise<Store> {
  const wanting = await listWanting(db)
  if (wanting.size === 0) return undefined
  const now = await clockTime(db, ctx.now())
  const { touched, places, isNews } = await tick(db, now, new Set(wanting.keys()))
  if (!isNews) return undefined
  return async (tx) => {
    await markDue(tx, now, touched)
    await setPlaces(tx, places)
  }
}

async function lookAtSmall(ctx: Context, db: Db): Promise<Store> {
  const marks = await listSmallDue(db, MARKS)
  const found = await beginLooking(ctx, db, marks)
  if (!found) return undefined
  const { wanting, now } = found
  if (wanting.size === 0) return (tx) => deleteDue(tx, marks.map(idOf))
  const looked = await lookAtPeople(ctx, db, marks, wanting, now)
  return async (tx) => {
    await storeAnnouncement(tx, looked.announcement, now)
    await deleteDue(tx, looked.done.map(idOf))
    for (const mark of looked.divided) await divideUserDue(tx, mark, now)
  }
}

async function lookAtLarge(ctx: Context, db: Db): Promise<Store> {
  const marks = await listLargeDue(db, LARGE_MARKS)
  const found = await beginLooking(ctx, db, marks)
  if (!found) return undefined
  const { wanting, now } = found
  if (wanting.size === 0) return (tx) => deleteDue(tx, marks.map(idOf))
  const looked = await lookAtMany(ctx, db, marks, wanting, now)
  if (!looked) return undefined
  const { mark, outcome, place, announcement, notes } = looked
  return async (tx) => {
    await storeAnnouncement(tx, announcement, now, { onlyNew: notes })
    if (outcome === 'divides') await divideDue(tx, mark, now)
    else if (outcome === 'done') await finish(tx, mark, notes, wanting, now)
    else await setPlace(tx, mark.id, place, now)
  }
}

/**
 * Who wants to hear of some marks, and the moment that all is judged at. Asked after the marks were read: an application that began
 * meanwhile is among them, so that no mark that was made after it began is taken for one that it need not hear of.
 */
async function beginLooking(ctx: Context, db: Db, marks: readonly Due[]) {
  if (marks.length === 0) return undefined
  return { wanting: await listWanting(db), now: await clockTime(db, ctx.now()) }
}

function idOf({ id }: Due): string {
  return id
}

async function finish(
  tx: Tx,
  { id, applicationId }: { id: string; applicationId: string | null },
  notes: boolean,
  wanting: ReadonlyMap<string, Wanting>,
  now: number,
): Promise<void> {
  await deleteDue(tx, [id])
  if (notes && applicationId !== null && wanting.has(applicationId)) await setReady(tx, applicationId, now)
}

async function storeAnnouncement(
  tx: Tx,
  { events, announced, told, gone }: Announcement,
  now: number,
  options: { onlyNew?: boolean } = {},
): Promise<void> {
  // First, since it is for what was stored before.
  for (const userId of new Set(gone.map((each) => each.userId))) await markForErasing(tx, userId, now)
  await insertEvents(tx, now, events)
  await setAnnounced(tx, announced, options)
  await setTold(tx, told, options)
  for (const { userId, applicationId } of gone) await forgetToldUser(tx, userId, applicationId)
}
