import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Db, Tx } from '../db/database.ts'
import { findApplication } from '../directory/application-store.ts'
import { findCompany } from '../directory/company-store.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { idsOf, loadTree } from './given-permissions.ts'
import {
  findLicense,
  insertLicense,
  type LicenseKey,
  type LicenseTerms,
  lockLicense,
  replaceIncluded,
  replaceLicenseRoles,
  type StoredLicense,
  updateLicense,
} from './license-store.ts'
import { holdTree, listRoles } from './role-store.ts'

export type WantedLicense = Omit<LicenseTerms, 'includesAll'> & {
  includes: 'all' | readonly string[]
  /** Keys of the application's own roles. */
  roles: readonly string[]
}

/** @throws AppError `not_found`, `already_there`, `invalid_input` */
export async function createLicense(
  ctx: Context,
  by: By,
  key: LicenseKey,
  wanted: WantedLicense,
): Promise<StoredLicense> {
  return actInTransaction(ctx, by, (tx) => createLicenseIn(ctx, tx, by, key, wanted))
}

/** The same, in a transaction that does more. */
export async function createLicenseIn(
  ctx: Context,
  tx: Tx,
  by: By,
  key: LicenseKey,
  wanted: WantedLicense,
): Promise<StoredLicense> {
  requireGift(by)
  if (!(await findCompany(tx, key.companyId))) throw new AppError('not_found', { detail: 'There is no such company.' })
  if (!(await findApplication(tx, key.applicationId)))
    throw new AppError('not_found', { detail: 'There is no such application.' })
  const terms = { ...wanted, includesAll: wanted.includes === 'all' }
  if (!(await insertLicense(tx, key, terms, ctx.now())))
    throw new AppError('already_there', {
      detail: 'The company has a license for this application: change that one.',
    })
  await storeSets(ctx, tx, key, wanted)
  await audit(ctx, tx, by, { act: 'license.created', ...ofLicense(key), data: { after: told(wanted) } })
  return present(await findLicense(tx, key))
}

/** Changes the fields that are given. Seats may be lowered below those that are held: then nobody gets one more. @throws AppError `not_found`, `invalid_input` */
export async function changeLicense(
  ctx: Context,
  by: By,
  key: LicenseKey,
  change: (stored: StoredLicense) => WantedLicense,
): Promise<StoredLicense> {
  requireGift(by)
  return actInTransaction(ctx, by, async (tx) => {
    const stored = present(await lockLicense(tx, ctx.db.kind, key))
    const wanted = change(stored)
    const [before, after] = [told(stored), told(wanted)]
    if (wanted.note === stored.note && JSON.stringify(before) === JSON.stringify(after)) return stored
    await updateLicense(tx, key, { ...wanted, includesAll: wanted.includes === 'all' }, ctx.now())
    await storeSets(ctx, tx, key, wanted)
    await audit(ctx, tx, by, { act: 'license.changed', ...ofLicense(key), data: { before, after } })
    return present(await findLicense(tx, key))
  })
}

async function storeSets(ctx: Context, tx: Tx, key: LicenseKey, wanted: WantedLicense): Promise<void> {
  await holdTree(tx, ctx.db.kind, key.applicationId)
  const tree = await loadTree(tx, key.applicationId)
  await replaceIncluded(tx, key, wanted.includes === 'all' ? [] : idsOf(tree, wanted.includes, '/body/permissions'))
  const own = new Map((await listRoles(tx, { ...key, companyId: null })).map((role) => [role.key, role.id]))
  const faults = wanted.roles.flatMap((role, index) =>
    own.has(role) ? [] : { path: `/body/roles/${index}`, message: `"${role}" is no role of the application itself` },
  )
  if (faults.length > 0)
    throw new AppError('invalid_input', { faults, detail: faults.map(({ message }) => message).join('; ') })
  await replaceLicenseRoles(tx, key, [...new Set(wanted.roles.map((role) => own.get(role) ?? 0))])
}

/** As it is audited: without the note, since people write of people. */
function told(license: WantedLicense) {
  return {
    from: license.startsAt,
    until: license.endsAt,
    grace_days: license.graceDays,
    seats: license.seats,
    suspended: license.isSuspended,
    permissions: license.includes === 'all' ? 'all' : [...license.includes].sort(),
    roles: [...license.roles].sort(),
  }
}

function ofLicense({ companyId, applicationId }: LicenseKey) {
  return { target: { kind: 'license', id: `${companyId} ${applicationId}` }, companyId, applicationId }
}

function requireGift(by: By): void {
  const refusal = giftRefusal(by.actor, { kind: 'license' })
  if (refusal) throw giftRefused(refusal)
}

/** @throws AppError `not_found` */
export async function requireLicense(db: Db, companyId: string, applicationId: string): Promise<StoredLicense> {
  return present(await findLicense(db, { companyId, applicationId }))
}

function present(license: StoredLicense | undefined): StoredLicense {
  if (license) return license
  throw new AppError('not_found', { detail: 'The company has no license for this application.' })
}
