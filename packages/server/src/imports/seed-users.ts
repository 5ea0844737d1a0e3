import { v7 as uuid } from 'uuid'
import { emailHash } from '../credentials/email-hash.ts'
import { endCredentials, endStanding } from '../credentials/ending.ts'
import { endImpersonationsAs } from '../credentials/impersonation-store.ts'
import { noteScheme } from '../credentials/password-scheme-store.ts'
import { writeUserTerms } from '../directory/user-search.ts'
import { findDeletedEmail } from '../directory/user-store.ts'
import { writeMoment } from '../domain/day.ts'
import { canonicalEmail } from '../domain/email.ts'
import type { MembershipEntry, UserEntry } from './house-schema.ts'
import { seedGrants } from './seed-grants.ts'
import { differences, type Seeding, toSwitch } from './seeding.ts'

/** The stored string for each new user's password, by position in the file: hashed before the transaction began. */
export type HashedPasswords = ReadonlyMap<number, { hash: string; isForeign: boolean }>

export async function seedUsers(
  seeding: Seeding,
  entries: readonly UserEntry[],
  passwords: HashedPasswords,
): Promise<void> {
  for (const [index, entry] of entries.entries()) {
    const path = `/users/${index}`
    const userId = await seedUser(seeding, path, entry, passwords.get(index))
    if (userId === undefined) continue
    const primaries = (entry.companies ?? []).filter((each) => each.primary === true).length
    if (primaries > 1) seeding.fault(`${path}/companies`, 'more than one company is marked primary')
    for (const [at, membership] of (entry.companies ?? []).entries()) {
      await seedMembership(seeding, `${path}/companies/${at}`, userId, membership)
    }
  }
}

async function seedUser(
  seeding: Seeding,
  path: string,
  entry: UserEntry,
  password: { hash: string; isForeign: boolean } | undefined,
): Promise<string | undefined> {
  const { tx, now } = seeding
  const email = canonicalEmail(entry.email)
  if (email === undefined)
    return seeding.fault(`${path}/email`, `"${entry.email}" is no address that can have an account here`)
  if (!seeding.isFirst(path, 'user', email)) return undefined
  const managedBy =
    typeof entry.managed_by === 'string'
      ? await seeding.company(`${path}/managed_by`, entry.managed_by)
      : entry.managed_by
  if (typeof entry.managed_by === 'string' && !managedBy) return undefined
  const id = entry.id?.toLowerCase()
  const users = tx.selectFrom('users').selectAll().where('email', '=', email)
  // Locked against a deletion, which would leave what is written here on a row that has nobody.
  const stored = await (seeding.kind === 'postgres' ? users.forUpdate() : users).executeTakeFirst()
  if (stored && id !== undefined && stored.id !== id)
    return seeding.fault(`${path}/id`, `${email} has the id ${stored.id}`)
  const given = {
    first_name: entry.first_name,
    last_name: entry.last_name,
    pin: entry.pin,
    active: toSwitch(entry.active),
    operator: toSwitch(entry.operator),
    managed_by: managedBy === undefined ? undefined : (managedBy?.id ?? null),
  }
  if (stored) {
    const changed = differences(stored, given)
    if (!changed) return stored.id
    await tx
      .updateTable('users')
      .set({ ...changed, updated_at: now })
      .where('id', '=', stored.id)
      .execute()
    if (changed.first_name !== undefined || changed.last_name !== undefined)
      await writeUserTerms(tx, {
        id: stored.id,
        email,
        firstName: changed.first_name ?? stored.first_name,
        lastName: changed.last_name ?? stored.last_name,
      })
    // Or switching the user on again would bring the old sign-ins back to life.
    if (changed.active === 0) await endCredentials(tx, { userId: stored.id }, now)
    else if (changed.operator === 0) await endStanding(tx, { userId: stored.id }, now)
    if (changed.operator === 1) await endImpersonationsAs(tx, stored.id, now)
    seeding.counts.users.changed++
    return stored.id
  }
  const taken =
    id === undefined
      ? undefined
      : await tx.selectFrom('users').select(['email', 'deleted_at']).where('id', '=', id).executeTakeFirst()
  if (taken?.deleted_at)
    return seeding.fault(`${path}/id`, 'this is the id of a user who was deleted: no id is used twice')
  if (taken) return seeding.fault(`${path}/id`, `this is the id of ${taken.email}`)
  const deletedAt = seeding.takesUpDeleted ? undefined : await findDeletedEmail(tx, emailHash(seeding.keys, email))
  if (deletedAt !== undefined)
    return seeding.fault(
      `${path}/email`,
      `${email} belonged to a user who was deleted on ${writeMoment(deletedAt, seeding.zone)}: to give it to a new one, seed with --take-up-deleted`,
    )
  const row = {
    id: id ?? uuid(),
    email,
    first_name: given.first_name ?? '',
    last_name: given.last_name ?? '',
    pin: given.pin ?? null,
    password_hash: password?.hash ?? null,
    password_foreign: toSwitch(password?.isForeign) ?? 0,
    active: given.active ?? 1,
    operator: given.operator ?? 0,
    managed_by: given.managed_by ?? null,
    sessions_ended_at: 0,
    created_at: now,
    updated_at: now,
  } as const
  await tx.insertInto('users').values(row).execute()
  await writeUserTerms(tx, { id: row.id, email, firstName: row.first_name, lastName: row.last_name })
  if (password?.isForeign) await noteScheme(tx, password.hash)
  seeding.counts.users.added++
  return row.id
}

async function seedMembership(
  seeding: Seeding,
  path: string,
  userId: string,
  entry: MembershipEntry,
): Promise<undefined> {
  const { tx, now } = seeding
  const company = await seeding.company(`${path}/company`, entry.company)
  if (!company || !seeding.isFirst(path, `membership of ${userId}`, company.id)) return undefined
  const stored = await tx
    .selectFrom('memberships')
    .selectAll()
    .where('user_id', '=', userId)
    .where('company_id', '=', company.id)
    .executeTakeFirst()
  const given = {
    role: entry.role,
    is_primary: toSwitch(entry.primary),
    active: toSwitch(entry.active),
    // Who was taken out is a member again when switched on.
    left_at: entry.active === true ? null : undefined,
  }
  if (entry.primary === true && stored?.is_primary !== 1) {
    await tx
      .updateTable('memberships')
      .set({ is_primary: 0 })
      .where('user_id', '=', userId)
      .where('is_primary', '=', 1)
      .execute()
  }
  if (!stored) {
    const row = {
      user_id: userId,
      company_id: company.id,
      role: given.role ?? 'member',
      is_primary: given.is_primary ?? 0,
      active: given.active ?? 1,
      joined_at: now,
      left_at: null,
    } as const
    await tx.insertInto('memberships').values(row).execute()
    seeding.counts.memberships.added++
  } else {
    const changed = differences(stored, given)
    if (changed) {
      await tx
        .updateTable('memberships')
        .set(changed)
        .where('user_id', '=', userId)
        .where('company_id', '=', company.id)
        .execute()
      if (changed.active === 0) await endCredentials(tx, { userId, companyId: company.id }, now)
      else if (changed.role === 'member') await endStanding(tx, { userId, companyId: company.id }, now)
      seeding.counts.memberships.changed++
    }
  }
  const wasOff = stored !== undefined && stored.active === 0 && entry.active === undefined
  if (wasOff && (entry.grants ?? []).length > 0)
    return seeding.fault(
      `${path}/grants`,
      `the membership is switched off, so that nothing can be granted: write "active": true to switch it on, or leave the grants out`,
    )
  await seedGrants(seeding, path, { userId, company }, entry.grants ?? [])
  return undefined
}
