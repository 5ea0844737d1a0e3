import { v7 as uuid } from 'uuid'
import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Db, Tx } from '../db/database.ts'
import { insertMembership, listMemberships } from '../directory/membership-store.ts'
import { writeUserTerms } from '../directory/user-search.ts'
import {
  findDeletedEmail,
  findUser,
  findUserByEmail,
  insertUser,
  isUserId,
  lockUser,
  type StoredUser,
  updateUser,
} from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { giftRefusal, mayManageUser, type Power } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { changePasswordIn, companyOf, requireAnotherOperator, switchUserIn } from './accounts.ts'
import { emailHash } from './email-hash.ts'
import { endStanding } from './ending.ts'
import { endImpersonationsAs } from './impersonation-store.ts'
import { hashNewPassword } from './new-password.ts'

/** What is told of a person; the rest stays as it is. */
export type UserChanges = {
  email?: string | undefined
  firstName?: string | undefined
  lastName?: string | undefined
  pin?: string | null | undefined
  isActive?: boolean | undefined
  isOperator?: boolean | undefined
  isSupport?: boolean | undefined
  managedBy?: string | null | undefined
}

export type NewUser = UserChanges & {
  id?: string | undefined
  email: string
  password?: string | undefined
  /** Makes the user a member of it. */
  companyId?: string | undefined
  /** Takes an address up again that a deleted user had. */
  takesUpDeleted?: boolean | undefined
}

/**
 * Makes a user. One that a company makes is managed by it, and its member.
 * @throws AppError `invalid_input`, `email_taken`, `email_of_deleted`, `id_taken`, `not_allowed`
 */
export async function createUser(ctx: Context, by: By, wanted: NewUser): Promise<StoredUser> {
  const email = readEmail(wanted.email)
  const own = by.actor.power.kind === 'company' ? by.actor.power.companyId : undefined
  const companyId = own ?? wanted.companyId
  const managedBy = own ?? wanted.managedBy ?? null
  requireGifts(by, wanted)
  // Which ids there are is no company's to find out.
  if (wanted.id !== undefined || wanted.takesUpDeleted !== undefined) requireGift(by, { kind: 'house' })
  if (companyId !== undefined) requireGift(by, { kind: 'membership', companyId })
  const hash = wanted.password === undefined ? null : await hashNewPassword(ctx, wanted.password)
  return actInTransaction(ctx, by, (tx) => createUserIn(ctx, tx, by, { ...wanted, email, companyId, managedBy }, hash))
}

/** The same of what was checked already, in a transaction that does more. `email` is canonical. */
export async function createUserIn(
  ctx: Context,
  tx: Tx,
  by: By,
  wanted: Omit<NewUser, 'password'>,
  hash: string | null,
): Promise<StoredUser> {
  const now = ctx.now()
  const { id = uuid(), email, companyId, managedBy = null } = wanted
  if (await findUserByEmail(tx, email)) throw emailTaken(email)
  if (await isUserId(tx, id)) throw idTaken()
  await requireNotDeleted(ctx, tx, by, email, wanted.takesUpDeleted)
  const names = { firstName: wanted.firstName ?? '', lastName: wanted.lastName ?? '' }
  await storeUser(
    () =>
      insertUser(tx, {
        id,
        email,
        first_name: names.firstName,
        last_name: names.lastName,
        pin: wanted.pin ?? null,
        password_hash: hash,
        password_foreign: 0,
        active: wanted.isActive === false ? 0 : 1,
        operator: wanted.isOperator ? 1 : 0,
        support: wanted.isSupport ? 1 : 0,
        managed_by: managedBy,
        sessions_ended_at: 0,
        created_at: now,
        updated_at: now,
        deleted_at: null,
        deleted_email_hash: null,
      }),
    email,
  )
  await writeUserTerms(tx, { id, email, ...names })
  await audit(ctx, tx, by, {
    act: 'user.created',
    target: { kind: 'user', id },
    companyId: companyOf(by),
    data: {
      active: wanted.isActive !== false,
      operator: wanted.isOperator ?? false,
      support: wanted.isSupport ?? false,
      managed_by: managedBy,
      has_password: hash !== null,
    },
    personal: { subject: id, data: { email, first_name: names.firstName, last_name: names.lastName } },
  })
  if (companyId !== undefined) {
    await insertMembership(tx, { userId: id, companyId, role: 'member', isPrimary: true, joinedAt: now })
    await audit(ctx, tx, by, {
      act: 'member.added',
      target: { kind: 'user', id },
      companyId,
      data: { role: 'member' },
    })
  }
  return requireStored(await lockUser(tx, ctx.db.kind, id))
}

/** Changes the fields that are given. @throws AppError `not_found`, `not_allowed`, `invalid_input`, `email_taken`, `email_of_deleted`, `last_operator` */
export async function changeUser(
  ctx: Context,
  by: By,
  id: string,
  changes: UserChanges & { takesUpDeleted?: boolean | undefined },
): Promise<StoredUser> {
  const email = changes.email === undefined ? undefined : readEmail(changes.email)
  requireGifts(by, changes)
  if (changes.takesUpDeleted !== undefined) requireGift(by, { kind: 'house' })
  return actInTransaction(ctx, by, async (tx) => {
    const stored = await lockUser(tx, ctx.db.kind, id)
    if (!stored) throw noUser()
    await requireManaging(tx, by.actor.power, stored)
    if (changes.isActive && !stored.isActive) requireRank(by, stored)
    if (email !== undefined && email !== stored.email) {
      requireRank(by, stored)
      if (await findUserByEmail(tx, email)) throw emailTaken(email)
      await requireNotDeleted(ctx, tx, by, email, changes.takesUpDeleted)
    }
    if (stored.isOperator && changes.isOperator === false) await requireAnotherOperator(ctx, tx, id)
    await writeChanges(ctx, tx, by, stored, { ...changes, email })
    if (changes.isActive !== undefined && changes.isActive !== stored.isActive)
      await switchUserIn(ctx, tx, by, id, changes.isActive)
    return requireStored(await lockUser(tx, ctx.db.kind, id))
  })
}

/** Sets a password of somebody whom one may manage, still so when it is stored. @throws AppError `not_found`, `not_allowed`, `invalid_input` */
export async function setPassword(ctx: Context, by: By, id: string, password: string, path: string): Promise<void> {
  const user = await findUser(ctx.db.read, id)
  if (!user) throw noUser()
  // Before the hashing, which takes long.
  await requireManaging(ctx.db.read, by.actor.power, user)
  requireRank(by, user)
  const hash = await hashNewPassword(ctx, password, path)
  await actInTransaction(ctx, by, async (tx) => {
    const stored = await lockUser(tx, ctx.db.kind, id)
    if (!stored) throw noUser()
    await requireManaging(tx, by.actor.power, stored)
    requireRank(by, stored)
    await changePasswordIn(ctx, tx, by, id, hash)
  })
}

/** Of a deleted user's address only operators are told, and only they give it to somebody else. */
async function requireNotDeleted(
  ctx: Context,
  tx: Tx,
  by: By,
  email: string,
  takesUp: boolean | undefined,
): Promise<void> {
  if (takesUp && by.actor.power.kind === 'operator') return
  if ((await findDeletedEmail(tx, emailHash(ctx.keys, email))) === undefined) return
  if (by.actor.power.kind !== 'operator') throw emailTaken(email)
  throw new AppError('email_of_deleted', {
    detail:
      'This address belonged to a user who was deleted. To give it to somebody else, say "take_up_deleted": true.',
  })
}

async function requireManaging(db: Db, power: Power, user: StoredUser): Promise<void> {
  const companies = (await listMemberships(db, user.id)).map((membership) => membership.companyId)
  if (mayManageUser({ power }, { ...user, companies })) return
  throw new AppError('not_allowed', {
    detail: 'This account is not managed by your company alone: only operators of the house may change it.',
  })
}

/** Stores what is told and differs. */
export async function writeChanges(
  ctx: Context,
  tx: Tx,
  by: By,
  stored: StoredUser,
  wanted: UserChanges,
): Promise<void> {
  const after: StoredUser = {
    ...stored,
    email: wanted.email ?? stored.email,
    firstName: wanted.firstName ?? stored.firstName,
    lastName: wanted.lastName ?? stored.lastName,
    pin: wanted.pin === undefined ? stored.pin : wanted.pin,
    isOperator: wanted.isOperator ?? stored.isOperator,
    isSupport: wanted.isSupport ?? stored.isSupport,
    managedBy: wanted.managedBy === undefined ? stored.managedBy : wanted.managedBy,
  }
  const changed = FIELDS.filter(([field]) => after[field] !== stored[field])
  if (changed.length === 0) return
  await storeUser(
    () =>
      updateUser(tx, stored.id, {
        email: after.email,
        first_name: after.firstName,
        last_name: after.lastName,
        pin: after.pin,
        operator: after.isOperator ? 1 : 0,
        support: after.isSupport ? 1 : 0,
        managed_by: after.managedBy,
        updated_at: ctx.now(),
      }),
    after.email,
  )
  await writeUserTerms(tx, after)
  const losesMark = (stored.isOperator && !after.isOperator) || (stored.isSupport && !after.isSupport)
  if (losesMark) await endStanding(tx, { userId: stored.id }, ctx.now())
  // Nobody acts as an operator, nor goes on to.
  if (after.isOperator && !stored.isOperator) await endImpersonationsAs(tx, stored.id, ctx.now())
  const said = (of: StoredUser, wants: 'personal' | 'plain') =>
    Object.fromEntries(changed.filter(([, , kind]) => kind === wants).map(([field, name]) => [name, of[field]]))
  await audit(ctx, tx, by, {
    act: 'user.changed',
    target: { kind: 'user', id: stored.id },
    companyId: companyOf(by),
    data: {
      changed: changed.map(([, name]) => name),
      before: said(stored, 'plain'),
      after: said(after, 'plain'),
    },
    personal: { subject: stored.id, data: { before: said(stored, 'personal'), after: said(after, 'personal') } },
  })
}

/** As they are told; a PIN is told by its having changed alone. */
const FIELDS: readonly [field: keyof StoredUser, name: string, kind: 'personal' | 'plain' | 'secret'][] = [
  ['email', 'email', 'personal'],
  ['firstName', 'first_name', 'personal'],
  ['lastName', 'last_name', 'personal'],
  ['pin', 'pin', 'secret'],
  ['isOperator', 'operator', 'plain'],
  ['isSupport', 'support', 'plain'],
  ['managedBy', 'managed_by', 'plain'],
]

/** Only operators make operators and supporters, and say who manages whom. */
function requireGifts(by: By, wanted: UserChanges): void {
  if (wanted.isOperator !== undefined) requireGift(by, { kind: 'operator' })
  if (wanted.isSupport !== undefined) requireGift(by, { kind: 'support' })
  // It decides who may set the password.
  if (wanted.managedBy !== undefined) requireGift(by, { kind: 'operator' })
}

/** Whoever has an operator's address or password, or switches the account on again, gives all that the operator may. */
function requireRank(by: By, { isOperator, isSupport }: StoredUser): void {
  if (isOperator) requireGift(by, { kind: 'operator' })
  if (isSupport) requireGift(by, { kind: 'support' })
}

function requireGift(by: By, gift: Parameters<typeof giftRefusal>[1]): void {
  const refusal = giftRefusal(by.actor, gift)
  if (refusal) throw giftRefused(refusal)
}

function readEmail(typed: string): string {
  const email = canonicalEmail(typed)
  if (email !== undefined) return email
  const message = 'is no address that can have an account here'
  throw new AppError('invalid_input', { detail: `The email ${message}.`, faults: [{ path: '/email', message }] })
}

/** The constraint decides between two who take one address at once. */
async function storeUser(store: () => Promise<void>, email: string): Promise<void> {
  try {
    await store()
  } catch (error) {
    if (!isUniqueFault(error)) throw error
    // PostgreSQL names the constraint, SQLite the column.
    const { constraint = '', message } = error as Error & { constraint?: string }
    throw /pkey|users\.id/.test(`${constraint} ${message}`) ? idTaken() : emailTaken(email)
  }
}

function isUniqueFault(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: number } // PostgreSQL's and SQLite's.
  return code === '23505' || (errcode !== undefined && (errcode & 0xff) === 19)
}

function idTaken(): AppError {
  return new AppError('id_taken', { detail: 'There is, or was, a user with this id: no id is used twice.' })
}

function emailTaken(email: string): AppError {
  return new AppError('email_taken', {
    detail: `${email} has an account in this house already. An operator can make it a member of your company.`,
  })
}

function noUser(): AppError {
  return new AppError('not_found', { detail: 'There is no such user.' })
}

function requireStored(user: StoredUser | undefined): StoredUser {
  if (!user) throw noUser()
  return user
}
