import { setImmediate } from 'node:timers/promises'
import { v7 as uuid } from 'uuid'
import { type LoadedTree, loadTree } from '../access/given-permissions.ts'
import { insertGrants } from '../access/grant-store.ts'
import { findLicense, type StoredLicense } from '../access/license-store.ts'
import { createLicenseIn } from '../access/licenses.ts'
import { holdTree } from '../access/role-store.ts'
import { findSeat, type Seat, type SeatOf, seatKey } from '../access/seat-store.ts'
import { giveSeatIn } from '../access/seats.ts'
import { actorReference, type By } from '../audit/actor.ts'
import { auditMany } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { createCompanyIn, holdCompanyNames } from '../credentials/company-acts.ts'
import { addMemberIn } from '../credentials/members.ts'
import type { Tx } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'
import { findCompany } from '../directory/company-store.ts'
import type { StoredUser } from '../directory/user-store.ts'
import { included } from '../domain/effective.ts'
import { END_OF_TIME, START_OF_TIME } from '../domain/interval.ts'
import { SLUG } from '../domain/limits.ts'
import { ROOT, SUPERUSER } from '../domain/tree.ts'
import { AppError } from '../errors.ts'
import type { ToldCompany } from './read-answer.ts'
import { findAnyMembership, listCompaniesNamed, wasSeatTaken } from './upstream-store.ts'

/** Why something that the old server told was not taken over. Public: added, never renamed. */
type Why =
  | 'no_use_app'
  | 'company_off'
  | 'company_unknown'
  | 'company_name_taken'
  | 'managed_elsewhere'
  | 'member_off'
  | 'member_left'
  | 'seat_here'
  | 'seat_taken_away'
  | 'seats_full'
  | 'permission_unknown'
  | 'permission_operator_only'
  | 'permission_not_included'
  | 'superuser'

/** `what`: a company's id, or its name where no id was told; a permission; of `superuser` the user's id. */
export type LeftOut = { why: Why; what: string }

type Wish = { user: StoredUser; isNew: boolean; applicationId: string; told: { companies: readonly ToldCompany[] } }

const ALWAYS = { startsAt: START_OF_TIME, endsAt: END_OF_TIME }
const LICENSE_NOTE = 'Made by the switch-over: what the old server told of this company.'
/** Databases take so many values at once. */
const A_STATEMENT = 200

/** Membership, license, seat and grants for each company, made where they are missing. What was set up here stands as it is. */
export async function moveRights(
  ctx: Context,
  tx: Tx,
  by: By,
  { user, isNew, applicationId, told }: Wish,
): Promise<{ companies: string[]; leftOut: LeftOut[] }> {
  const leftOut: LeftOut[] = []
  const opened = new Map<string, readonly string[]>()
  for (const company of told.companies) {
    const companyId = await openCompany(ctx, tx, by, { user, isNew, applicationId }, company, leftOut)
    if (companyId !== undefined) opened.set(companyId, company.slugs)
    // Of somebody with very many, others have their turn between two.
    await setImmediate()
  }
  const companies: string[] = []
  await holdTree(tx, ctx.db.kind, applicationId)
  const tree = await loadTree(tx, applicationId)
  // In one order, in which their licenses are locked.
  for (const [companyId, slugs] of [...opened].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const of = { userId: user.id, companyId, applicationId }
    const license = await findOrMakeLicense(ctx, tx, by, of)
    const seat = await takeSeat(ctx, tx, by, of, leftOut)
    if (seat) {
      companies.push(companyId)
      await giveGrants(ctx, tx, by, of, seat, readSlugs(tree, license, of.userId, slugs, leftOut))
    }
    await setImmediate()
  }
  return { companies, leftOut }
}

/** The company's id where the user is a member of it by now, and holds no seat that was given here. */
async function openCompany(
  ctx: Context,
  tx: Tx,
  by: By,
  { user, isNew, applicationId }: Omit<Wish, 'told'>,
  told: ToldCompany,
  leftOut: LeftOut[],
): Promise<string | undefined> {
  const leave = (why: Why) => void leftOut.push({ why, what: told.id ?? told.name })
  // By the protocol it is in every list; without it nobody may use the application.
  if (!told.slugs.includes(ROOT)) return leave('no_use_app')
  const found = await findTold(ctx, tx, told)
  if (found && !found.isActive) return leave('company_off')
  const id = found?.id ?? told.id
  // An id that we made would not be the one that other applications know the company by.
  if (id === undefined) return leave('company_unknown')
  if (!found && (await listCompaniesNamed(tx, told.name)).length > 0) return leave('company_name_taken')
  if (user.managedBy !== null && user.managedBy !== id) return leave('managed_elsewhere')
  const membership = isNew || !found ? undefined : await findAnyMembership(tx, user.id, id)
  if (membership?.hasLeft) return leave('member_left')
  if (membership && !membership.isActive) return leave('member_off')
  const of = { userId: user.id, companyId: id, applicationId }
  if (membership && (await findSeat(tx, seatKey(of)))) return leave('seat_here')
  if (membership && (await wasSeatTaken(tx, of))) return leave('seat_taken_away')
  if (!found) await createCompanyIn(ctx, tx, by, { id, name: told.name, isActive: true, allowsImpersonation: false })
  if (!membership) await addMemberIn(ctx, tx, by, { userId: user.id, companyId: id }, { role: 'member' })
  return id
}

/** Where there is none of this id, none can come in until the transaction ends: of one company's first users one makes it. */
async function findTold(ctx: Context, tx: Tx, { id, name }: ToldCompany) {
  if (id === undefined) return findByName(tx, name)
  const found = await findCompany(tx, id)
  if (found) return found
  await holdCompanyNames(ctx, tx)
  return findCompany(tx, id)
}

async function findByName(tx: Tx, name: string): Promise<{ id: string; isActive: boolean } | undefined> {
  const [company, ...more] = await listCompaniesNamed(tx, name)
  return more.length === 0 ? company : undefined
}

/** Of a company that has none for the application one is made, which bounds nothing, as nothing bounded it here before. */
async function findOrMakeLicense(ctx: Context, tx: Tx, by: By, key: SeatOf): Promise<StoredLicense> {
  const found = await findLicense(tx, key)
  if (found) return found
  const terms = { ...ALWAYS, graceDays: 0, seats: null, isSuspended: false, includes: 'all', roles: [] } as const
  try {
    return await createLicenseIn(ctx, tx, by, key, { ...terms, note: LICENSE_NOTE })
  } catch (error) {
    // Another of the company's users was first.
    const license = error instanceof AppError && error.code === 'already_there' ? await findLicense(tx, key) : undefined
    if (!license) throw error
    return license
  }
}

/** Undefined where the license has none left. */
async function takeSeat(ctx: Context, tx: Tx, by: By, of: SeatOf, leftOut: LeftOut[]): Promise<Seat | undefined> {
  try {
    return (await giveSeatIn(ctx, tx, by, of, { interval: () => ALWAYS, restores: false })).seat
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'seats_full') throw error
    leftOut.push({ why: 'seats_full', what: of.companyId })
    return undefined
  }
}

/** Those of the told slugs that may be given: of this application, not for operators alone, within the company's license. */
function readSlugs(
  { tree, idBySlug }: LoadedTree,
  license: StoredLicense,
  userId: string,
  slugs: readonly string[],
  leftOut: LeftOut[],
): { slug: string; id: number }[] {
  const named = license.includes === 'all' ? [] : license.includes.map((slug) => idBySlug.get(slug) ?? 0)
  const isIncluded = included(tree, { license: { includes: license.includes === 'all' ? 'all' : { named } } })
  return slugs.flatMap((slug) => {
    const leave = (why: Why, what = slug) => {
      leftOut.push({ why, what })
      return []
    }
    if (slug === ROOT) return []
    // Sites take it as "may do everything": whoever is to have it is given it here, by an operator.
    if (slug === SUPERUSER) return leave('superuser', userId)
    const rank = tree.rankBySlug.get(slug)
    const id = idBySlug.get(slug)
    if (rank === undefined || id === undefined) return leave('permission_unknown', SLUG.test(slug) ? slug : '(no slug)')
    if (tree.operatorOnly[rank]) return leave('permission_operator_only')
    if (isIncluded[rank] !== 1) return leave('permission_not_included')
    return { slug, id }
  })
}

/** Of a seat that is new: it has none yet. */
async function giveGrants(
  ctx: Context,
  tx: Tx,
  by: By,
  of: SeatOf,
  seat: Seat,
  permissions: readonly { slug: string; id: number }[],
): Promise<void> {
  for (let from = 0; from < permissions.length; from += A_STATEMENT) {
    const given = permissions.slice(from, from + A_STATEMENT).map((each) => ({ ...each, grant: uuid() }))
    await insertGrants(
      tx,
      given.map(({ grant, id }) => ({
        id: grant,
        ...seatKey(of),
        seat: seat.number,
        permission_id: id,
        role_id: null,
        item: id,
        starts_at: START_OF_TIME,
        ends_at: END_OF_TIME,
        reason: '',
        granted_by: actorReference(by.actor),
        granted_at: ctx.now(),
        revoked_at: STANDS,
        ended_with_seat: 0,
      })),
    )
    const happened = given.map(({ grant, slug }) => ({
      act: 'grant.given' as const,
      target: { kind: 'user', id: of.userId },
      companyId: of.companyId,
      applicationId: of.applicationId,
      data: { grant, permission: slug, starts_at: START_OF_TIME, ends_at: END_OF_TIME },
    }))
    await auditMany(ctx, tx, by, happened)
  }
}

/** Of one answer, in an entry of the audit and in the notes: these stay readable and leave room for others. */
export const MAX_TOLD = 100

/** One row for the like of it, so that an operator sees what is to be done here (`upstream status`). */
export function noteLeftOut(ctx: Context, applicationId: string, leftOut: readonly LeftOut[]): void {
  for (const { why, what } of leftOut.slice(0, MAX_TOLD))
    ctx.refusals.note('upstream_left_out', applicationId, `${why} ${what}`, ctx.now())
}
