import { sql } from 'kysely'
import type { Context } from '../context.ts'
import { commonPasswords } from '../credentials/common-passwords.ts'
import { readForeignHash } from '../credentials/password-hash.ts'
import { findAccount } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { passwordFault } from '../domain/password-policy.ts'
import type { Fault } from '../errors.ts'
import type { HouseFile, UserEntry } from './house-schema.ts'
import { houseFaults } from './read-house.ts'
import { seedApplications } from './seed-applications.ts'
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
export async function seedHouse(ctx: Context, house: HouseFile): Promise<Counts> {
  const { passwords, faults } = await hashPasswords(ctx, house.users ?? [])
  return ctx.db.transaction(async (tx) => {
    if (ctx.db.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(SEED_LOCK)})`.execute(tx)
    const seeding = new Seeding(tx, ctx.now(), ctx.config.timeZone)
    seeding.faults.push(...faults)
    await seedCompanies(seeding, house.companies ?? [])
    await seedApplications(seeding, house.applications ?? [])
    await seedLicenses(seeding, house.licenses ?? [])
    await seedUsers(seeding, house.users ?? [], passwords)
    if (seeding.faults.length > 0) throw houseFaults(seeding.faults)
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
  await Promise.all(
    users.map(async (user, index) => {
      const path = `/users/${index}`
      if (user.password !== undefined && user.password_hash !== undefined) {
        faults.push({ path, message: 'give "password" or "password_hash", not both' })
      } else if (user.password_hash !== undefined) {
        if (readForeignHash(user.password_hash)) passwords.set(index, { hash: user.password_hash, isForeign: true })
        else
          faults.push({
            path: `${path}/password_hash`,
            message:
              'is no password string of Django (pbkdf2_sha256, bcrypt_sha256, bcrypt, argon2), bcrypt or argon2, or its parameters are too large',
          })
      } else if (user.password !== undefined) {
        const email = canonicalEmail(user.email)
        if (email !== undefined && (await findAccount(ctx.db.read, email))) return
        const fault = passwordFault(user.password, ctx.config.passwordMinLength, common)
        if (fault) faults.push({ path: `${path}/password`, message: fault })
        else passwords.set(index, { hash: await ctx.hasher.hash(user.password), isForeign: false })
      }
    }),
  )
  return { passwords, faults: faults.sort((a, b) => (a.path < b.path ? -1 : 1)) }
}
