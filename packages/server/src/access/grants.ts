import { v7 as uuid } from 'uuid'
import { actInTransaction, actorReference, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'
import { lockUser } from '../directory/user-store.ts'
import type { Interval } from '../domain/interval.ts'
import { pathToRoot, ROOT, type Tree } from '../domain/tree.ts'
import { AppError } from '../errors.ts'
import { givenPermissions, idsOf, type LoadedTree, loadTree, requireGiving } from './given-permissions.ts'
import { findGrant, insertGrant, listMemberGrants, type MemberGrant, revokeGrant } from './grant-store.ts'
import { findLicense, type StoredLicense } from './license-store.ts'
import { holdTree, listRoles, type StoredRole } from './role-store.ts'
import { findSeat, type Seat, type SeatOf, seatKey } from './seat-store.ts'

export type GivenWhat = { permission: string } | { role: string }

/** What is given: a permission or a role, for a while. */
export type WantedGrant = Interval & { reason: string } & GivenWhat

/** What there is to give in one company and application, and by what it is judged. */
export type Offer = {
  tree: LoadedTree
  license: StoredLicense | undefined
  roles: readonly StoredRole[]
  /** By key: the company's own role of a key goes before the application's. */
  roleByKey: ReadonlyMap<string, StoredRole>
}

/** As it stays until the end of the transaction. */
export async function loadOffer(ctx: Context, tx: Tx, of: Omit<SeatOf, 'userId'>): Promise<Offer> {
  await holdTree(tx, ctx.db.kind, of.applicationId)
  const roles = await listRoles(tx, of)
  const own = roles.filter((role) => role.companyId !== null)
  return {
    tree: await loadTree(tx, of.applicationId),
    license: await findLicense(tx, of),
    roles,
    roleByKey: new Map([...roles, ...own].map((role) => [role.key, role])),
  }
}

/** Gives a seat's holder a permission or a role. @throws AppError `no_seat`, `already_there`, `invalid_input`, `operator_only`, `not_included`, `not_allowed` */
export async function giveGrant(ctx: Context, by: By, of: SeatOf, wanted: WantedGrant): Promise<MemberGrant> {
  return actInTransaction(ctx, by, async (tx) => {
    // First, as whatever takes the seat away does.
    await lockUser(tx, ctx.db.kind, of.userId)
    const offer = await loadOffer(ctx, tx, of)
    const seat = await findSeat(tx, seatKey(of))
    if (!seat)
      throw new AppError('no_seat', { detail: `The member has no seat in "${of.applicationId}": give that first.` })
    const id = await giveIn(ctx, tx, by, of, seat, offer, wanted)
    if (id === undefined) throw new AppError('already_there', { detail: 'This was given already, for the same time.' })
    return requireGrant(await findGrant(tx, of.companyId, id))
  })
}

/** The id; undefined when the same stands already. */
export async function giveIn(
  ctx: Context,
  tx: Tx,
  by: By,
  of: SeatOf,
  seat: Seat,
  offer: Offer,
  wanted: WantedGrant,
): Promise<string | undefined> {
  const item = readItem(offer, wanted)
  requireGiving(by, of.companyId, givenPermissions(offer.tree, offer.license, item.gives))
  const id = uuid()
  const isNew = await insertGrant(tx, {
    id,
    ...seatKey(of),
    seat: seat.number,
    permission_id: item.permission,
    role_id: item.role,
    item: item.permission ?? -(item.role ?? 0),
    starts_at: wanted.startsAt,
    ends_at: wanted.endsAt,
    reason: wanted.reason,
    granted_by: actorReference(by.actor),
    granted_at: ctx.now(),
    revoked_at: STANDS,
    ended_with_seat: 0,
  })
  if (!isNew) return undefined
  await audit(ctx, tx, by, {
    act: 'grant.given',
    ...about(of),
    data: {
      grant: id,
      ...('role' in wanted ? { role: wanted.role } : { permission: wanted.permission }),
      starts_at: wanted.startsAt,
      ends_at: wanted.endsAt,
      // What people write as a reason may name somebody.
    },
    ...(wanted.reason === '' ? {} : { personal: { subject: of.userId, data: { reason: wanted.reason } } }),
  })
  return id
}

type Item = { permission: number | null; role: number | null; gives: readonly string[] }

function readItem(offer: Offer, wanted: WantedGrant): Item {
  if ('role' in wanted) {
    const role = offer.roleByKey.get(wanted.role)
    if (!role) throw wrong('/body/role', `"${wanted.role}" is no role that can be given here`)
    return { permission: null, role: role.id, gives: role.permissions }
  }
  if (wanted.permission === ROOT)
    throw wrong('/body/permission', `"${ROOT}" comes with the seat: it is not granted by itself`)
  const [permission = 0] = idsOf(offer.tree, [wanted.permission], '/body/permission')
  return { permission, role: null, gives: [wanted.permission] }
}

/**
 * Takes a grant away. A permission that others still give would stay: that is refused with their list, unless `cascades` takes these too.
 * @throws AppError `not_found`, `needed_by_grants`, `given_by_license`, `operator_only`, `not_allowed`
 */
export async function takeGrant(
  ctx: Context,
  by: By,
  companyId: string,
  id: string,
  cascades: boolean,
): Promise<{ revoked: string[] }> {
  return actInTransaction(ctx, by, async (tx) => {
    const found = await findGrant(tx, companyId, id)
    if (!found) throw noGrant()
    await lockUser(tx, ctx.db.kind, found.userId)
    const grant = await findGrant(tx, companyId, id)
    if (!grant || grant.revokedAt !== null) throw noGrant()
    const of = { userId: grant.userId, companyId, applicationId: grant.applicationId }
    const offer = await loadOffer(ctx, tx, of)
    const others = grant.permission === null ? [] : await stillGiving(tx, of, offer, grant, ctx.now())
    if (others.length > 0 && !cascades) throw neededBy(grant, others)
    const all = [grant, ...others]
    for (const each of all) await takeIn(ctx, tx, by, of, offer, each)
    return { revoked: all.map((each) => each.id) }
  })
}

/** Takes one away, whatever else gives the same. False when it was gone. */
export async function takeIn(
  ctx: Context,
  tx: Tx,
  by: By,
  of: SeatOf,
  offer: Offer,
  grant: MemberGrant,
): Promise<boolean> {
  // What only operators may give only they take; whether the license includes it is no matter here.
  const given = givenPermissions(offer.tree, offer.license, slugsOf(offer, grant)).map((each) => ({
    ...each,
    isIncluded: true,
  }))
  requireGiving(by, of.companyId, given)
  if (!(await revokeGrant(tx, of.companyId, grant.id, ctx.now()))) return false
  await audit(ctx, tx, by, {
    act: 'grant.revoked',
    ...about(of),
    data: {
      grant: grant.id,
      ...(grant.role ? { role: grant.role.key } : { permission: grant.permission }),
      starts_at: grant.startsAt,
      ends_at: grant.endsAt,
    },
  })
  return true
}

/** The other grants by which the permission of this one stays. @throws AppError `given_by_license` */
async function stillGiving(tx: Tx, of: SeatOf, offer: Offer, grant: MemberGrant, now: number): Promise<MemberGrant[]> {
  const slug = grant.permission ?? ''
  const { tree } = offer.tree
  const ofLicense = offer.roles.filter(
    (role) => role.companyId === null && offer.license?.roles.includes(role.key) && needs(tree, role.permissions, slug),
  )
  if (ofLicense.length > 0)
    throw new AppError('given_by_license', {
      detail: `${offer.license?.companyName}'s license gives "${slug}" to every seat, by ${ofLicense.map((role) => `the role "${role.key}"`).join(' and ')}: it would stay.`,
    })
  const grants = await listMemberGrants(tx, of)
  return grants.filter((other) => {
    // Only while this one would still give it itself.
    const isBeside = other.endsAt > Math.max(grant.startsAt, now) && other.startsAt < grant.endsAt
    if (other.id === grant.id || !isBeside) return false
    return needs(tree, slugsOf(offer, other), slug)
  })
}

/** What a grant gives by itself. */
function slugsOf(offer: Offer, { role, permission }: MemberGrant): readonly string[] {
  if (!role) return [permission ?? '']
  return offer.roles.find(({ id }) => id === role.id)?.permissions ?? []
}

function needs(tree: Tree, slugs: readonly string[], slug: string): boolean {
  const rank = tree.rankBySlug.get(slug) ?? -1
  return slugs.some((each) => pathToRoot(tree, tree.rankBySlug.get(each) ?? -1).includes(rank))
}

function neededBy(grant: MemberGrant, others: readonly MemberGrant[]): AppError {
  const list = others.map((other) => (other.role ? `the role "${other.role.key}"` : `"${other.permission}"`)).join(', ')
  return new AppError('needed_by_grants', {
    detail: `"${grant.permission}" would stay, since it comes with ${list}. Take these away too by cascade=true.`,
    faults: others.map((other) => ({
      path: `/grants/${other.id}`,
      message: other.role ? `the role "${other.role.key}"` : `"${other.permission}"`,
    })),
  })
}

function about({ userId, companyId, applicationId }: SeatOf) {
  return { target: { kind: 'user', id: userId }, companyId, applicationId }
}

function wrong(path: string, message: string): AppError {
  return new AppError('invalid_input', { detail: `${message}.`, faults: [{ path, message }] })
}

function noGrant(): AppError {
  return new AppError('not_found', { detail: 'There is no such grant that stands.' })
}

function requireGrant(grant: MemberGrant | undefined): MemberGrant {
  if (!grant) throw noGrant()
  return grant
}
