import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { findApplication } from '../directory/application-store.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { etagOf, requireMatch } from './etag.ts'
import { givenPermissions, idsOf, loadTree, requireGiving } from './given-permissions.ts'
import { findLicense } from './license-store.ts'
import {
  countRoleUses,
  deleteRole,
  findRole,
  insertRole,
  raiseTreeVersion,
  renameRole,
  replaceRolePermissions,
  type StoredRole,
} from './role-store.ts'

/** Whose role it is: the application's own where no company is named. */
export type RoleOwner = { applicationId: string; companyId: string | null }

export type WantedRole = { name: string; permissions: readonly string[] }

/** @throws AppError `not_found`, `already_there`, `invalid_input`, `operator_only`, `not_included`, `not_allowed` */
export async function createRole(
  ctx: Context,
  by: By,
  owner: RoleOwner,
  wanted: WantedRole & { key: string },
): Promise<StoredRole> {
  return actInTransaction(ctx, by, async (tx) => {
    const ids = await readPermissions(ctx, tx, by, owner, wanted.permissions, [])
    if (await findRole(tx, owner, wanted.key))
      throw new AppError('already_there', { detail: `There is a role "${wanted.key}" already.` })
    await replaceRolePermissions(tx, await insertRole(tx, { ...owner, ...wanted }), ids)
    await audit(ctx, tx, by, { act: 'role.created', ...ofRole(owner, wanted.key), data: { after: told(wanted) } })
    return requireRole(await findRole(tx, owner, wanted.key))
  })
}

/** Changes the fields that are given, of the role as the caller saw it. @throws AppError `not_found`, `changed_meanwhile`, … as for a new one */
export async function changeRole(
  ctx: Context,
  by: By,
  owner: RoleOwner,
  key: string,
  changes: Partial<WantedRole>,
  seen: string,
): Promise<StoredRole> {
  return actInTransaction(ctx, by, async (tx) => {
    // First, since it locks the application: nobody edits the role meanwhile.
    await raiseTreeVersion(tx, owner.applicationId, ctx.now())
    const stored = requireRole(await findRole(tx, owner, key))
    requireMatch(seen, roleEtag(stored))
    const wanted = { name: changes.name ?? stored.name, permissions: changes.permissions ?? stored.permissions }
    const ids = await readPermissions(ctx, tx, by, owner, wanted.permissions, stored.permissions)
    if (wanted.name !== stored.name) await renameRole(tx, stored.id, wanted.name)
    await replaceRolePermissions(tx, stored.id, ids)
    await audit(ctx, tx, by, {
      act: 'role.changed',
      ...ofRole(owner, key),
      data: { before: told(stored), after: told(wanted) },
    })
    return requireRole(await findRole(tx, owner, key))
  })
}

/** One that nobody has. @throws AppError `not_found`, `in_use`, `not_allowed` */
export async function removeRole(ctx: Context, by: By, owner: RoleOwner, key: string): Promise<void> {
  requireOwner(by, owner)
  await actInTransaction(ctx, by, async (tx) => {
    await raiseTreeVersion(tx, owner.applicationId, ctx.now())
    const stored = requireRole(await findRole(tx, owner, key))
    const { grants, licenses } = await countRoleUses(tx, stored.id)
    if (grants + licenses > 0)
      throw new AppError('in_use', {
        detail: `The role is given by ${counted(grants, 'grant')} and ${counted(licenses, 'license')}: take it from these first.`,
      })
    await deleteRole(tx, stored.id, ctx.now())
    await audit(ctx, tx, by, { act: 'role.deleted', ...ofRole(owner, key), data: { before: told(stored) } })
  })
}

/** Of a role as it is shown. */
export function roleEtag(role: StoredRole): string {
  return etagOf([role.id, role.name, role.permissions])
}

/** Row numbers of what the role shall hold. What it held before is not given anew. */
async function readPermissions(
  ctx: Context,
  tx: Tx,
  by: By,
  owner: RoleOwner,
  slugs: readonly string[],
  before: readonly string[],
): Promise<number[]> {
  requireOwner(by, owner)
  if (!(await findApplication(tx, owner.applicationId)))
    throw new AppError('not_found', { detail: 'There is no such application.' })
  await raiseTreeVersion(tx, owner.applicationId, ctx.now())
  const tree = await loadTree(tx, owner.applicationId)
  const ids = idsOf(tree, slugs, '/body/permissions')
  if (owner.companyId === null) return ids
  const license = await findLicense(tx, { companyId: owner.companyId, applicationId: owner.applicationId })
  const added = slugs.filter((slug) => !before.includes(slug))
  requireGiving(by, owner.companyId, givenPermissions(tree, license, added))
  // What only operators may give only they take; whether the license includes it is no matter then.
  const gone = before.filter((slug) => !slugs.includes(slug))
  requireGiving(
    by,
    owner.companyId,
    givenPermissions(tree, license, gone).map((each) => ({ ...each, isIncluded: true })),
  )
  return ids
}

function requireOwner(by: By, { companyId }: RoleOwner): void {
  const gift = companyId === null ? ({ kind: 'application' } as const) : ({ kind: 'role', companyId } as const)
  const refusal = giftRefusal(by.actor, gift)
  if (refusal) throw giftRefused(refusal)
}

function ofRole({ applicationId, companyId }: RoleOwner, key: string) {
  return {
    target: { kind: 'role', id: `${applicationId} ${key}` },
    applicationId,
    companyId: companyId ?? undefined,
  }
}

function told({ name, permissions }: WantedRole) {
  return { name, permissions: [...permissions].sort() }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function requireRole(role: StoredRole | undefined): StoredRole {
  if (role) return role
  throw new AppError('not_found', { detail: 'There is no such role.' })
}
