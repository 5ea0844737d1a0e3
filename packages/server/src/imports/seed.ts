import { sql } from 'kysely'
import { type By, COMMAND_LINE } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { commonPasswords } from '../credentials/common-passwords.ts'
import { readForeignHash } from '../credentials/password-hash.ts'
import { findAccount } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { passwordFault } from '../domain/password-policy.ts'
import type { Fault } from '../errors.ts'
import type { HouseFile, UserEntry } from './house-schema.ts'
import { houseFaults } from './read-house.ts'
import { raiseTreeVersions, seedApplications } from './seed-applications.ts'
import { seedCompanies } from './seed-companies.ts'
import { seedLicenses } from './seed-licenses.ts'
import { type HashedPasswords, seedUsers } from './seed-users.ts'
import { type Counts, Seeding } from './seeding.ts'

/** Any number of ours: two seedings take turns, so that what one finds missing is not made twice. */
const SEED_LOCK = 7_313_002

/**
 * Loads a house file, or more of one, in one transaction. Fields that are present overwrite, absent ones stay, nothing
 * is removed; a password applies only where the user is new. @throws AppError `invalid_input` with every fault; then nothing was stored
 */
export async function seedHouse(
  ctx: Context,
  house: HouseFile,
  options: { takesUpDeleted?: boolean; by?: By } = {},
): Promise<Counts> {
  const { passwords, faults } = await hashPasswords(ctx, house.users ?? [])
  return ctx.db.transaction(async (tx) => {
    if (ctx.db.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(SEED_LOCK)})`.execute(tx)
    const seeding = new Seeding(tx, {
      now: ctx.now(),
      zone: ctx.config.timeZone,
      keys: ctx.keys,
      kind: ctx.db.kind,
      takesUpDeleted: options.takesUpDeleted ?? false,
    })
    seeding.faults.push(...faults)
    await seedCompanies(seeding, house.companies ?? [])
    await seedApplications(seeding, house.applications ?? [])
    await seedLicenses(seeding, house.licenses ?? [])
    await seedUsers(seeding, house.users ?? [], passwords)
    await raiseTreeVersions(seeding)
    if (seeding.faults.length > 0) throw houseFaults(seeding.faults)
    if (Object.values(seeding.counts).some(({ added, changed }) => added + changed > 0))
      await audit(ctx, tx, options.by ?? COMMAND_LINE, {
        act: 'house.seeded',
        target: { kind: 'house', id: 'house' },
        data: seeding.counts,
      })
    return seeding.counts
  })
}

/** Before the transaction: hashing takes long, and nobody should wait for it. */
async function hashPasswords(
  ctx: Context,
  users: readonly UserEntry[],
): Promise<{ passwords: HashedPasswords; faults: Fault[] }> {
  const passwords = new Map<number, { hash: string; isForeign: boolean }>()
  const faults: Fault[] = []
  const common = users.some((user) => user.password !== undefined) ? await commonPasswords() : new Set<string>()
  const entries = users.entries()
  // As many at once as are hashed at once: the gate's queue is for people who sign in.
  const workers = Array.from({ length: ctx.config.hashConcurrency }, async () => {
    for (const [index, user] of entries) {
      const found = await readPassword(ctx, user, common)
      if (found && 'fault' in found) faults.push({ path: `/users/${index}${found.at}`, message: found.fault })
      else if (found) passwords.set(index, found)
    }
  })
  await Promise.all(workers)
  return { passwords, faults: faults.sort((a, b) => (a.path < b.path ? -1 : 1)) }
}

type ReadPassword = { hash: string; isForeign: boolean } | { at: string; fault: string }

/** The string to store for a user's password; undefined where there is none, or the user has one already. */
async function readPassword(
  ctx: Context,
  user: UserEntry,
  common: ReadonlySet<string>,
): Promise<ReadPassword | undefined> {
  const { password, password_hash: hash } = user
  if (password !== undefined && hash !== undefined)
    return { at: '', fault: 'give "password" or "password_hash", not both' }
  if (hash !== undefined) {
    return readForeignHash(hash) ? { hash, isForeign: true } : { at: '/password_hash', fault: UNREADABLE_HASH }
  }
  if (password === undefined) return undefined
  const email = canonicalEmail(user.email)
  if (email !== undefined && (await findAccount(ctx.db.read, email))) return undefined
  const fault = passwordFault(password, ctx.config.passwordMinLength, common)
  return fault ? { at: '/password', fault } : { hash: await ctx.hasher.hash(password), isForeign: false }
}

const UNREADABLE_HASH =
  'is no password string of Django (pbkdf2_sha256, bcrypt_sha256, bcrypt, argon2), bcrypt, argon2 or PBKDF2 ($pbkdf2-sha512$i=…), or its parameters are too large'
