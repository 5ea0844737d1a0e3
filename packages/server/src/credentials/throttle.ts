import { COMMAND_LINE } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { findAccount } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import {
  ACCOUNT_LIMIT,
  ADDRESS_LIMIT,
  forgiven,
  isCountedFirst,
  type Limit,
  type Throttle,
  waitOf,
  withoutTry,
  withTry,
} from '../domain/throttle.ts'
import { AppError } from '../errors.ts'
import { keyedHash } from '../keys/keyed-hash.ts'
import { findKnownAddress, noteAddress, trimAddresses } from './known-address-store.ts'
import {
  deleteAllThrottles,
  deleteThrottle,
  deleteThrottlesOfAddress,
  deleteThrottlesOfUser,
  findThrottles,
  insertThrottle,
  setThrottle,
} from './throttle-store.ts'

const DAY = 86_400_000
/** Of one user, so that no application can grow the table without end. */
const KNOWN_ADDRESSES = 20
/** Since the last sign-in from there. */
export const KNOWN_FOR_MS = 90 * DAY
/** Names without an account share so many counts: more than can be hashed in the time that they are kept. */
const NAME_BITS = 20

/** Who tries: the account that the name is, and the end user's address where a proved application named it. */
export type Claimant = { userId: string | undefined; address: string | undefined }

/** One count that a try is on. */
type Count = { key: string; userId: string | null; address: string | null; limit: Limit }

/** A count that a try is on already, as it was before and after it. */
type Taken = { count: Count; before: Throttle; after: Throttle }

/** A try that may go on to the hashing. */
export type Try = {
  taken: readonly Taken[]
  /** On these it comes when it was wrong. */
  untaken: readonly Count[]
}

/**
 * The counts for a try, the name's first. An account has its own, also for each address that it signed in from before: whoever
 * guesses from elsewhere does not keep its owner out. Elsewhere the address is counted too, whatever name is tried from it.
 */
export async function countsOf(ctx: Context, claimant: Claimant, { key }: Counted): Promise<[Count, ...Count[]]> {
  const { userId = null, address = null } = claimant
  const ofName: Count = { key, userId, address: null, limit: ACCOUNT_LIMIT }
  if (address === null) return [ofName]
  // Asked for names without an account too: the time tells nothing.
  const knownAt = await findKnownAddress(ctx.db.read, userId ?? '', address, ctx.now() - KNOWN_FOR_MS)
  if (userId !== null && knownAt !== undefined)
    return [{ key: `${keyOfAccount(userId)} ${address}`, userId, address, limit: ACCOUNT_LIMIT }]
  return [ofName, { key: `address ${address}`, userId: null, address, limit: ADDRESS_LIMIT }]
}

/** Of an account's own count. arrival.ts has the same in its SQL. */
export function keyOfAccount(userId: string): string {
  return `user ${userId}`
}

/** Of the count that names without an account share with a few others. */
export function keyOfName(ctx: Context, username: string): string {
  // What is no address is of its own kind: lower case makes an address of some look-alikes, whose account does not wait with them.
  const name = canonicalEmail(username) ?? `no address ${username.trim().toLowerCase()}`
  // Keyed and cut: people type their password there, and nobody can find a name that shares another's count.
  const hash = Buffer.from(keyedHash(ctx.keys, 'names without an account', name), 'base64url')
  const bucket = hash.readUInt32BE() >>> (32 - NAME_BITS)
  return `name ${bucket}`
}

/** What was read of the name's count, and how many turns had ended before. */
export type Counted = { key: string; throttle: Throttle | undefined; turnsEnded: number }

/** @throws AppError `too_many_attempts` while one of the counts waits */
export async function requireNoWait(
  ctx: Context,
  counts: readonly Count[],
  counted?: Counted,
): Promise<Map<string, Throttle>> {
  const found = await currentThrottles(ctx, counts, counted)
  const wait = Math.max(0, ...[...found.values()].map((throttle) => waitOf(throttle, ctx.now())))
  if (wait > 0) throw tooManyAttempts(wait)
  return found
}

/** What was read already is asked for again where somebody's try has ended since: it may have been one on this account. */
async function currentThrottles(
  ctx: Context,
  counts: readonly Count[],
  counted: Counted | undefined,
): Promise<Map<string, Throttle>> {
  const keys = counts.map(({ key }) => key)
  const isCurrent = counted?.turnsEnded === ctx.turns.ended && keys.length === 1 && keys[0] === counted.key
  if (!isCurrent) return findThrottles(ctx.db.read, keys)
  return new Map(counted.throttle ? [[counted.key, counted.throttle]] : [])
}

/** Before the hashing, when it is its turn. @throws AppError `too_many_attempts` */
export async function takeTry(ctx: Context, counts: readonly Count[], counted: Counted): Promise<Try> {
  const found = await requireNoWait(ctx, counts, counted)
  const now = ctx.now()
  const first = counts.filter(({ key, limit }) => isCountedFirst(found.get(key), limit, now))
  // All or none: a refusal by one count takes the other one back.
  const taken = first.length === 0 ? [] : await ctx.db.transaction((tx) => addTry(ctx, tx, first, 'when_free'))
  return { taken, untaken: counts.filter((count) => !first.includes(count)) }
}

/** After a wrong password. */
export async function keepTry(ctx: Context, { untaken }: Try): Promise<void> {
  if (untaken.length > 0) await ctx.db.transaction((tx) => addTry(ctx, tx, untaken, 'always'))
}

/** When nothing was hashed after all. */
export async function returnTry(ctx: Context, { taken }: Try): Promise<void> {
  if (taken.length > 0) await ctx.db.transaction((tx) => takeBack(ctx, tx, taken))
}

/** After the right one, in the transaction that gives the token. */
export async function forgiveTry(ctx: Context, tx: Tx, { taken }: Try): Promise<void> {
  await takeBack(
    ctx,
    tx,
    taken.map((each) => ({ ...each, before: forgiven(each.before, each.count.limit) })),
  )
}

/** Where a user signed in from, when that is new or was long ago. */
export async function rememberAddress(tx: Tx, { userId, address }: Claimant, now: number): Promise<void> {
  if (userId === undefined || address === undefined) return
  const knownAt = await findKnownAddress(tx, userId, address, 0)
  if (knownAt !== undefined && now - knownAt < DAY) return
  await noteAddress(tx, userId, address, now)
  if (knownAt === undefined) await trimAddresses(tx, userId, KNOWN_ADDRESSES)
}

/** Forgets the wrong passwords of a name, wherever they were typed. Tells how many counts that were. */
export async function liftAccount(ctx: Context, username: string): Promise<number> {
  const email = canonicalEmail(username)
  const account = email === undefined ? undefined : await findAccount(ctx.db.read, email)
  return ctx.db.transaction(async (tx) => {
    // Also what was counted before there was an account.
    const ofName = Number(await deleteThrottle(tx, keyOfName(ctx, username)))
    const lifted = account ? ofName + (await deleteThrottlesOfUser(tx, account.id)) : ofName
    await noteLift(ctx, tx, account?.id ?? 'a name without an account', lifted)
    return lifted
  })
}

/** The same for one address, whoever was tried from there. */
export async function liftAddress(ctx: Context, address: string): Promise<number> {
  return ctx.db.transaction(async (tx) => {
    const lifted = await deleteThrottlesOfAddress(tx, address)
    await noteLift(ctx, tx, 'an address', lifted)
    return lifted
  })
}

export async function liftAll(ctx: Context): Promise<number> {
  return ctx.db.transaction(async (tx) => {
    const lifted = await deleteAllThrottles(tx)
    await noteLift(ctx, tx, 'all', lifted)
    return lifted
  })
}

async function noteLift(ctx: Context, tx: Tx, id: string, lifted: number): Promise<void> {
  if (lifted > 0) await audit(ctx, tx, COMMAND_LINE, { act: 'throttle.lifted', target: { kind: 'throttle', id } })
}

async function takeBack(ctx: Context, tx: Tx, taken: readonly Taken[]): Promise<void> {
  for (const each of taken) {
    const { key } = each.count
    const found = await lockThrottle(ctx, tx, key)
    if (found) await setThrottle(tx, key, withoutTry(found, each))
  }
}

async function addTry(ctx: Context, tx: Tx, counts: readonly Count[], when: 'when_free' | 'always'): Promise<Taken[]> {
  const taken: Taken[] = []
  for (const count of counts) {
    const before = await lockOrMake(ctx, tx, count)
    // After the wait for the lock, in which time went by.
    const now = ctx.now()
    const wait = waitOf(before, now)
    if (when === 'when_free' && wait > 0) throw tooManyAttempts(wait)
    const after = withTry(before, count.limit, now)
    await setThrottle(tx, count.key, after)
    taken.push({ count, before, after })
  }
  return taken
}

async function lockOrMake(ctx: Context, tx: Tx, { key, userId: user_id, address }: Count): Promise<Throttle> {
  const found = await lockThrottle(ctx, tx, key)
  if (found) return found
  const now = ctx.now()
  await insertThrottle(tx, { key, user_id, address, tries: 0, last_at: now, next_at: now })
  // Whoever made it: the lock is ours now.
  return (await lockThrottle(ctx, tx, key)) ?? { tries: 0, lastAt: now, nextAt: now }
}

/** Held until the end of the transaction: another node waits for what became of this try. */
async function lockThrottle(ctx: Context, tx: Tx, key: string): Promise<Throttle | undefined> {
  return (await findThrottles(tx, [key], { locks: ctx.db.kind === 'postgres' })).get(key)
}

function tooManyAttempts(wait: number): AppError {
  const seconds = Math.ceil(wait / 1000)
  return new AppError('too_many_attempts', {
    detail: `There were too many wrong passwords. Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`,
    retryAfter: seconds,
  })
}
