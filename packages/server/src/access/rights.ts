import { actInTransaction, type By } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import type { Db, Tx } from '../db/database.ts'
import { findApplication } from '../directory/application-store.ts'
import { findCompany } from '../directory/company-store.ts'
import { findMembership } from '../directory/membership-store.ts'
import { findUser, lockUser } from '../directory/user-store.ts'
import { effective } from '../domain/effective.ts'
import type { Interval } from '../domain/interval.ts'
import { AppError } from '../errors.ts'
import { etagOf, requireMatch } from './etag.ts'
import { loadExplainedApplication, loadSituation } from './explain-facts.ts'
import { listMemberGrants, type MemberGrant } from './grant-store.ts'
import { type GivenWhat, giveIn, loadOffer, takeIn } from './grants.ts'
import { findSeat, type SeatOf, seatKey } from './seat-store.ts'
import { giveSeatIn } from './seats.ts'

/** What a member was given in one application, as a whole: what a matrix shows and saves. */
export type Rights = { seat: Interval | null; grants: readonly MemberGrant[] }

/** One of them as it shall be; what stands already is known by what it is and its times. Without a reason: as it is. */
export type WantedRight = Interval & { reason: string | undefined } & GivenWhat
export type WantedRights = { seat: Interval; grants: readonly WantedRight[] }

export type RightsChange = {
  /** Slugs that are effective only before, and only after. */
  loses: string[]
  gains: string[]
  /** Of what is stored afterwards; of a preview, of what it would be. */
  etag: string
}

export async function loadRights(db: Db, of: SeatOf): Promise<Rights> {
  const seat = await findSeat(db, seatKey(of))
  const grants = await listMemberGrants(db, of)
  return { seat: seat ? { startsAt: seat.startsAt, endsAt: seat.endsAt } : null, grants }
}

export function rightsEtag({ seat, grants }: Rights): string {
  return etagOf([seat, grants.map((grant) => grant.id)])
}

/**
 * Makes a member's rights in one application what is wanted, as the caller saw them before: gives what is missing, takes what is not
 * wanted, and leaves the rest untouched. A preview tells what would come and go, and stores nothing.
 * @throws AppError `not_found`, `changed_meanwhile`, `no_license`, `seats_full`, `invalid_input`, `operator_only`, `not_included`, `not_allowed`
 */
export async function changeRights(
  ctx: Context,
  by: By,
  of: SeatOf,
  wanted: WantedRights,
  seen: string,
  { isPreview }: { isPreview: boolean },
): Promise<RightsChange> {
  let change: RightsChange = { loses: [], gains: [], etag: '' }
  try {
    await actInTransaction(ctx, by, async (tx) => {
      await lockUser(tx, ctx.db.kind, of.userId)
      if (!(await findMembership(tx, of.userId, of.companyId)))
        throw new AppError('not_found', { detail: 'There is no such member of this company.' })
      const before = await effectiveIn(ctx, tx, of)
      await store(ctx, tx, by, of, wanted, seen)
      const etag = rightsEtag(await loadRights(tx, of))
      change = { ...difference(before, await effectiveIn(ctx, tx, of)), etag }
      if (isPreview) throw new Preview()
    })
  } catch (error) {
    if (!(error instanceof Preview)) throw error
  }
  return change
}

/** Ends a transaction that was only to be looked at. */
class Preview extends Error {}

async function store(ctx: Context, tx: Tx, by: By, of: SeatOf, wanted: WantedRights, seen: string): Promise<void> {
  const stored = await loadRights(tx, of)
  requireMatch(seen, rightsEtag(stored))
  const { seat } = await giveSeatIn(ctx, tx, by, of, { interval: () => wanted.seat, restores: false })
  const offer = await loadOffer(ctx, tx, of)
  const reasons = new Map(wanted.grants.map((grant) => [keyOfWanted(grant), grant.reason]))
  const standing = new Set<string>()
  for (const grant of stored.grants) {
    const key = keyOfGrant(grant)
    // For another reason it is given anew, by whoever says so now.
    if (reasons.has(key) && (reasons.get(key) ?? grant.reason) === grant.reason) standing.add(key)
    else await takeIn(ctx, tx, by, of, offer, grant)
  }
  for (const grant of wanted.grants) {
    const key = keyOfWanted(grant)
    if (standing.has(key)) continue
    standing.add(key)
    await giveIn(ctx, tx, by, of, seat, offer, { ...grant, reason: reasons.get(key) ?? '' })
  }
}

function keyOfGrant(grant: MemberGrant): string {
  const what = grant.role ? ['role', grant.role.key] : ['permission', grant.permission]
  return JSON.stringify([...what, grant.startsAt, grant.endsAt])
}

function keyOfWanted(grant: WantedRight): string {
  const what = 'role' in grant ? ['role', grant.role] : ['permission', grant.permission]
  return JSON.stringify([...what, grant.startsAt, grant.endsAt])
}

/** What an answer would contain at this moment, of what the transaction has done so far. */
export async function effectiveIn(ctx: Context, tx: Tx, of: SeatOf): Promise<readonly string[]> {
  const user = await findUser(tx, of.userId)
  const application = await findApplication(tx, of.applicationId)
  const company = await findCompany(tx, of.companyId)
  if (!user || !application || !company) return []
  const explained = await loadExplainedApplication(tx, { ...application, active: application.isActive })
  const situation = await loadSituation(tx, user, { ...company, active: company.isActive }, explained)
  return effective(explained.tree, situation, ctx.now())
}

function difference(before: readonly string[], after: readonly string[]): Omit<RightsChange, 'etag'> {
  return {
    loses: before.filter((slug) => !after.includes(slug)),
    gains: after.filter((slug) => !before.includes(slug)),
  }
}
