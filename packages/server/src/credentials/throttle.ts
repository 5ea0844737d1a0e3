import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { findAccount } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { ACCOUNT_FREE, ADDRESS_FREE, waitOf, withoutTry, withTry } from '../domain/throttle.ts'
import { AppError } from '../errors.ts'
import { keyedHash } from '../keys/keyed-hash.ts'
import { findKnownAddress, noteAddress, trimAddresses } from './known-address-store.ts'
import {
  deleteThrottle,
  deleteThrottlesOfAddress,
  deleteThrottlesOfUser,
  findThrottles,
  insertThrottle,
  moveThrottle,
} from './throttle-store.ts'

const DAY = 86_400_000
/** Of one user, so that no application can grow the table without end. */
const KNOWN_ADDRESSES = 20
/** Names without an account share so many counts: more than can be hashed in the time that they are kept. */
const NAME_BITS = 20
const MAX_MOVES = 10

/** Who tries: the name as typed, the account that it is, and the end user's address where a proved application named it. */
export type Claimant = { username: string; userId: string | undefined; address: string | undefined }

/** One count that a try is on. */
type Count = { key: string; userId: string | null; address: string | null; free: number }

/** A try that may go on to the hashing. */
export type Try = {
  counts: readonly Count[]
  /** Wrong passwords came before: this one is counted already, so that no crowd of tries slips in at once. */
  isCounted: boolean
}

/**
 * The counts for a try, the name's first. An account has its own, also for each address that it signed in from before: whoever
 * guesses from elsewhere does not keep its owner out. Elsewhere the address is counted too, whatever name is tried from it.
 */
export async function countsOf(ctx: Context, claimant: Claimant): Promise<[Count, ...Count[]]> {
  const { userId = null, address = null } = claimant
  if (address === null) return [nameCount(ctx, claimant)]
  // Asked for names without an account too: the time tells nothing.
  const knownAt = await findKnownAddress(ctx.db.read, userId ?? '', address)
  if (userId !== null && knownAt !== undefined)
    return [{ key: `user ${userId} ${address}`, userId, address, free: ACCOUNT_FREE }]
  return [nameCount(ctx, claimant), { key: `address ${address}`, userId: null, address, free: ADDRESS_FREE }]
}

function nameCount(ctx: Context, { username, userId }: Claimant): Count {
  if (userId !== undefined) return { key: `user ${userId}`, userId, address: null, free: ACCOUNT_FREE }
  const name = canonicalEmail(username) ?? username.trim().toLowerCase()
  // Keyed and cut: people type their password there, and nobody can find a name that shares another's count.
  const hash = Buffer.from(keyedHash(ctx.keys, 'names without an account', name), 'base64url')
  const bucket = hash.readUInt32BE() >>> (32 - NAME_BITS)
  return { key: `name ${bucket}`, userId: null, address: null, free: ACCOUNT_FREE }
}

/** @throws AppError `too_many_attempts` while one of the counts waits */
export async function requireNoWait(ctx: Context, counts: readonly Count[]): Promise<{ hasTries: boolean }> {
  const keys = counts.map(({ key }) => key)
  const found = await findThrottles(ctx.db.read, keys)
  const wait = Math.max(0, ...[...found.values()].map((throttle) => waitOf(throttle, ctx.now())))
  if (wait > 0) throw tooManyAttempts(wait)
  return { hasTries: found.size > 0 }
}

/**
 * Before the hashing. A first try is counted afterwards, when it was wrong, so that a right one costs no write.
 * @throws AppError `too_many_attempts`
 */
export async function takeTry(ctx: Context, counts: readonly Count[]): Promise<Try> {
  const { hasTries } = await requireNoWait(ctx, counts)
  // All or none: a refusal by one count takes the other one back.
  if (hasTries) await ctx.db.transaction((tx) => addTry(tx, counts, ctx.now(), 'when_free'))
  return { counts, isCounted: hasTries }
}

/** After a wrong password. */
export async function keepTry(ctx: Context, { counts, isCounted }: Try): Promise<void> {
  if (!isCounted) await ctx.db.transaction((tx) => addTry(tx, counts, ctx.now(), 'always'))
}

/** After the right one, in the transaction that gives the token: the account starts anew. */
export async function forgiveTry(tx: Tx, { counts, isCounted }: Try): Promise<void> {
  if (!isCounted) return
  for (const { key } of counts) {
    if (key.startsWith('user ')) await deleteThrottle(tx, key)
    else await takeBack(tx, key)
  }
}

/** Where a user signed in from, when that is new or was long ago. */
export async function rememberAddress(tx: Tx, { userId, address }: Claimant, now: number): Promise<void> {
  if (userId === undefined || address === undefined) return
  const knownAt = await findKnownAddress(tx, userId, address)
  if (knownAt !== undefined && now - knownAt < DAY) return
  await noteAddress(tx, userId, address, now)
  if (knownAt === undefined) await trimAddresses(tx, userId, KNOWN_ADDRESSES)
}

/** Forgets the wrong passwords of a name, wherever they were typed. Tells how many counts that were. */
export async function liftAccount(ctx: Context, username: string): Promise<number> {
  const email = canonicalEmail(username)
  const account = email === undefined ? undefined : await findAccount(ctx.db.read, email)
  const { key } = nameCount(ctx, { username, userId: undefined, address: undefined })
  return ctx.db.transaction(async (tx) => {
    // Also what was counted before there was an account.
    const ofName = Number(await deleteThrottle(tx, key))
    return account ? ofName + (await deleteThrottlesOfUser(tx, account.id)) : ofName
  })
}

/** The same for one address, whoever was tried from there. */
export async function liftAddress(ctx: Context, address: string): Promise<number> {
  return ctx.db.transaction((tx) => deleteThrottlesOfAddress(tx, address))
}

async function takeBack(tx: Tx, key: string): Promise<void> {
  const found = (await findThrottles(tx, [key])).get(key)
  // Where another node has counted in between its count stands.
  if (found) await moveThrottle(tx, key, found, withoutTry(found))
}

async function addTry(tx: Tx, counts: readonly Count[], now: number, when: 'when_free' | 'always'): Promise<void> {
  for (const count of counts) {
    for (let moves = 1; !(await addOne(tx, count, now, when)); moves++) {
      if (moves === MAX_MOVES) throw tooManyAttempts(1_000)
    }
  }
}

/** False when another node came in between: its try counts too, so look again. */
async function addOne(tx: Tx, count: Count, now: number, when: 'when_free' | 'always'): Promise<boolean> {
  const { key, free } = count
  const before = (await findThrottles(tx, [key])).get(key)
  const wait = waitOf(before, now)
  if (when === 'when_free' && wait > 0) throw tooManyAttempts(wait)
  const after = withTry(before, free, now)
  if (before) return moveThrottle(tx, key, before, after)
  const { tries, lastAt: last_at, nextAt: next_at } = after
  return insertThrottle(tx, { key, user_id: count.userId, address: count.address, tries, last_at, next_at })
}

function tooManyAttempts(wait: number): AppError {
  const seconds = Math.ceil(wait / 1000)
  return new AppError('too_many_attempts', {
    detail: `There were too many wrong passwords. Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`,
    retryAfter: seconds,
  })
}
