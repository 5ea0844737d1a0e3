import { createHash } from 'node:crypto'
import type { By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { included } from '../domain/effective.ts'
import { type ManifestDocument, type REFUSAL_REASONS, readManifest } from '../domain/manifest.ts'
import { type Change, diffManifest, listChanges, type ManifestDiff } from '../domain/manifest-diff.ts'
import { operatorsOwn } from '../domain/manifest-reach.ts'
import { giftRefusal } from '../domain/power.ts'
import { byCodePoint } from '../domain/tree.ts'
import { AppError } from '../errors.ts'
import { rightsAreMoving } from './answer.ts'
import { etagOf } from './etag.ts'
import { listAffected, type People } from './manifest-people.ts'
import * as store from './manifest-store.ts'
import { Named } from './named.ts'
import { Pauses } from './pauses.ts'

export type WantedPlan = {
  applicationId: string
  document: ManifestDocument
  /** Whether what is in use is removed too. */
  allowsRemovals: boolean
}

export type PlanRefusal = {
  because: (typeof REFUSAL_REASONS)[number]
  permission?: string
  role?: string
  message: string
}

export type LicenseWithout = { companyId: string; slugs: string[] }

export type ManifestPlan = {
  applicationId: string
  /** Of all that the plan tells and depends on. */
  etag: string
  version: number
  diff: ManifestDiff
  changes: Change[]
  people: People
  /** Licenses with a list of their own that leave something new out. */
  licensesWithout: Named<LicenseWithout>
  refused: PlanRefusal[]
}

/** How many seats an earlier plan judged; undefined for what is no etag of a plan. */
export function judgedBy(etag: string): number | undefined {
  const [, judged] = /^"[\w-]+\.(\d{1,9})"$/.exec(etag) ?? []
  return judged === undefined ? undefined : Number(judged)
}

/**
 * What would be if the document were applied, for as many seats as an earlier plan judged, else for as many as there is time for. Stores
 * nothing. @throws AppError `invalid_input` with every fault, `not_allowed`, `busy` */
export async function planManifest(ctx: Context, by: By, wanted: WantedPlan, judged?: number): Promise<ManifestPlan> {
  // The tree may be changed while the house is read; then all is read again, so that a plan is of one tree.
  for (let tries = 0; tries < 5; tries++) {
    const stored = await store.loadManifest(ctx.db.read, wanted.applicationId)
    const plan = await planFrom(ctx, by, wanted, stored, judged)
    if (plan) return plan
  }
  throw rightsAreMoving()
}

async function planFrom(
  ctx: Context,
  by: By,
  { applicationId, document, allowsRemovals }: WantedPlan,
  stored: store.LoadedManifest,
  judged: number | undefined,
): Promise<ManifestPlan | undefined> {
  const read = readManifest(applicationId, document, stored)
  if ('faults' in read) throw manifestFaults(read.faults)
  const diff = diffManifest(stored, read)
  const removals = await listRemovals(ctx.db.read, applicationId, diff)
  const people = await listAffected(ctx, applicationId, stored.version, diff, judged)
  if (!people) return undefined
  const without = await listLicensesWithout(ctx.db.read, applicationId, diff)
  const changes = withUses(listChanges(diff), removals)
  const refused = [...refusedRemovals(by, removals, allowsRemovals), ...refusedToOthers(by, applicationId, diff)]
  const state = [applicationId, stored, read, changes, people.digest, without.digest, refused, allowsRemovals]
  return {
    applicationId,
    // With how many were judged, so that the same can be judged again.
    etag: etagOf(state).replace(/"$/, `.${people.judged}"`),
    version: stored.version,
    diff,
    changes,
    people,
    licensesWithout: without.named,
    refused,
  }
}

function manifestFaults(faults: readonly { path: string; message: string }[]): AppError {
  const placed = faults.map(({ path, message }) => ({ path: `/body/manifest${path}`, message }))
  const told = placed.slice(0, 3).map(({ path, message }) => `${path}: ${message}`)
  return new AppError('invalid_input', { faults: placed, detail: `${told.join('; ')}.` })
}

/** Something that goes, and what hangs on it. */
type Removal = {
  kind: 'permission' | 'role'
  name: string
  grants: number
  /** Of a permission: the application's own roles and companies'. */
  roles: store.HoldingRole[]
  licenses: number
}

async function listRemovals(db: Db, applicationId: string, diff: ManifestDiff): Promise<Removal[]> {
  const gone = diff.permissions.flatMap(({ id, before, after }) => (before && !after ? { id, name: before.slug } : []))
  const goneRoles = diff.roles.flatMap(({ id, before, after }) => (before && !after ? { id, name: before.key } : []))
  const ids = gone.map(({ id }) => id)
  const holding = Map.groupBy(await store.listRolesHolding(db, ids), (role) => role.permission)
  const naming = gone.length === 0 ? new Map<number, number>() : await countNaming(db, applicationId)
  const removals: Removal[] = []
  const pauses = new Pauses()
  for (const { id, name } of gone) {
    await pauses.pause()
    removals.push({
      kind: 'permission',
      name,
      grants: await store.countGrantsOf(db, [id]),
      roles: holding.get(id) ?? [],
      licenses: naming.get(id) ?? 0,
    })
  }
  for (const { id, name } of goneRoles) {
    await pauses.pause()
    removals.push({
      kind: 'role',
      name,
      grants: await store.countGrantsOf(db, [-id]),
      roles: [],
      licenses: await store.countLicensesGiving(db, applicationId, id),
    })
  }
  return removals
}

/** How many licenses name each permission. */
async function countNaming(db: Db, applicationId: string): Promise<Map<number, number>> {
  const counts = new Map<number, number>()
  for await (const { permissions } of namedLicenses(db, applicationId))
    for (const id of permissions) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

const PAGE = 500

async function* namedLicenses(db: Db, applicationId: string): AsyncGenerator<store.NamedLicense> {
  const pauses = new Pauses()
  for (let after = ''; ; ) {
    const page = await store.listNamedLicenses(db, applicationId, after, PAGE)
    yield* page
    const last = page.at(-1)
    if (!last) return
    after = last.companyId
    await pauses.pause()
  }
}

/** By company: which of the new permissions a license with a list of its own leaves out. */
async function listLicensesWithout(
  db: Db,
  applicationId: string,
  diff: ManifestDiff,
): Promise<{ named: Named<LicenseWithout>; digest: string }> {
  const added = diff.permissions.flatMap(({ before, after }) => (before || !after ? [] : after.slug))
  const named = new Named<LicenseWithout>()
  if (added.length === 0) return { named, digest: '' }
  added.sort(byCodePoint)
  const digest = createHash('sha256')
  for await (const { companyId, permissions } of namedLicenses(db, applicationId)) {
    // With what those that it names need afterwards.
    const isIncluded = included(diff.after, { license: { includes: { named: permissions } } })
    const slugs = added.filter((slug) => isIncluded[diff.after.rankBySlug.get(slug) ?? -1] !== 1)
    if (slugs.length === 0) continue
    digest.update(JSON.stringify([companyId, slugs]))
    named.add({ companyId, slugs })
  }
  return { named, digest: digest.digest('base64url') }
}

function withUses(changes: readonly Change[], removals: readonly Removal[]): Change[] {
  const byName = new Map(removals.map((removal) => [`${removal.kind}_removed ${removal.name}`, removal]))
  const told = changes.map((change) => {
    const removal = byName.get(`${change.change} ${change.permission ?? change.role}`)
    if (!removal) return change
    return { ...change, uses: { grants: removal.grants, roles: removal.roles.length, licenses: removal.licenses } }
  })
  return [...told, ...companyRoles(removals)]
}

/** Of very many the first: how many there are is told by what is removed. */
const MAX_COMPANY_ROLES = 1_000

/** Companies' roles are in no manifest, and lose what is removed all the same. */
function companyRoles(removals: readonly Removal[]): Change[] {
  const losing = removals.flatMap(({ name, roles }) =>
    roles.flatMap(({ id, key, companyId }) => (companyId === null ? [] : { id, key, companyId, slug: name })),
  )
  const byRole = [...Map.groupBy(losing, ({ id }) => id).values()]
  return byRole.slice(0, MAX_COMPANY_ROLES).flatMap((same) => {
    const [first] = same
    if (!first) return []
    const removed = same.map(({ slug }) => slug).sort(byCodePoint)
    return { change: 'role_changed' as const, role: first.key, company: first.companyId, added: [], removed }
  })
}

function refusedRemovals(by: By, removals: readonly Removal[], allowsRemovals: boolean): PlanRefusal[] {
  const used = removals.filter(({ grants, roles, licenses }) => grants + roles.length + licenses > 0)
  const isOperator = by.actor.power.kind === 'operator'
  if (allowsRemovals && isOperator) return []
  return used.map((removal) => {
    const gently = removal.kind === 'permission' ? ', or deprecate it' : ''
    const mend = isOperator ? 'allow removals to take it from all of these' : 'ask an operator of the house'
    return {
      because: allowsRemovals ? ('not_allowed' as const) : ('in_use' as const),
      [removal.kind]: removal.name,
      message: `"${removal.name}" is in use by ${usersOf(removal)}: ${mend}${gently}`,
    }
  })
}

const MAX_ROLES_TOLD = 10

function usersOf({ grants, roles, licenses }: Removal): string {
  const named = roles
    .slice(0, MAX_ROLES_TOLD)
    .map(({ key, companyId }) => (companyId === null ? `"${key}"` : `"${key}" of the company ${companyId}`))
  if (roles.length > MAX_ROLES_TOLD) named.push(`${roles.length - MAX_ROLES_TOLD} more`)
  return [
    ...(grants > 0 ? [counted(grants, 'grant')] : []),
    ...(roles.length > 0 ? [`the role${roles.length === 1 ? '' : 's'} ${named.join(', ')}`] : []),
    ...(licenses > 0 ? [counted(licenses, 'license')] : []),
  ].join(' and ')
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** What of it only operators may. @throws AppError `not_allowed` to whom the application is not */
function refusedToOthers(by: By, applicationId: string, diff: ManifestDiff): PlanRefusal[] {
  const own = by.actor.power.kind === 'operator' ? [] : operatorsOwn(diff)
  const operatorsOnly = own.map(({ permission }) => permission)
  const refusal = giftRefusal(by.actor, { kind: 'manifest', applicationId, operatorsOnly })
  if (!refusal) return []
  if (refusal.because !== 'operator_only') throw giftRefused(refusal)
  return own.map((each) => ({ because: 'operator_only' as const, ...each }))
}
