import { actInTransaction, type By } from '../audit/actor.ts'
import type { Act } from '../audit/entry.ts'
import { findStandpoint, listHappenings, type Standpoint } from '../audit/moved.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import type { Change } from '../domain/manifest-diff.ts'
import { AppError } from '../errors.ts'
import { rightsAreMoving } from './answer.ts'
import { etagOf } from './etag.ts'
import { storeManifest } from './manifest-changes.ts'
import { judgedBy, type ManifestPlan, type PlanRefusal, planManifest, type WantedPlan } from './manifest-plan.ts'
import { findTreeVersion, type LoadedManifest } from './manifest-store.ts'
import { raiseTreeVersion } from './role-store.ts'

/** No further try begins after so long: who asked is about to give up. */
const TRIES_MS = 4_000

/** Acts after which a plan is the same: they give and take nobody anything that a manifest touches. All others count. */
const HARMLESS: ReadonlySet<Act> = new Set<Act>([
  'user.created',
  'user.password_changed',
  'user.signed_out',
  'company.created',
  'member.added',
  'application.created',
  'application.secret_changed',
  'application.signed_out',
  'token.revoked',
  'throttle.lifted',
  'impersonation.started',
  'impersonation.used',
  'impersonation.ended',
  'import.started',
  'import.finished',
  'endpoint.created',
  'endpoint.changed',
  'endpoint.secret_changed',
  'endpoint.switched_off',
  'endpoint.removed',
  'endpoint.resent',
  'delivery.replayed',
  'api_key.created',
  'api_key.revoked',
  'audit.purged',
])

/** Of a manifest as it is shown. */
export function manifestEtag({ permissions, roles }: Omit<LoadedManifest, 'version'>): string {
  return etagOf([permissions, roles])
}

/**
 * Does what a plan says, or nothing: the plan is made anew, must be the one that was seen, and is stored where nothing has happened since
 * (docs/decisions/0012).
 * @throws AppError `invalid_input`, `changed_meanwhile`, `in_use`, `operator_only`, `not_allowed`, `busy`
 */
export async function applyManifest(ctx: Context, by: By, wanted: WantedPlan, seen: string): Promise<ManifestPlan> {
  const since = performance.now()
  // Of what is no plan's etag nothing is judged: that is told after what is wrong in the document.
  const judged = judgedBy(seen) ?? 0
  for (;;) {
    const standpoint = await findStandpoint(ctx.db.read)
    const plan = await planManifest(ctx, by, wanted, judged)
    if (plan.etag !== seen) throw notSeen()
    requireAllowed(plan.refused)
    if (plan.changes.length === 0) return plan
    try {
      await actInTransaction(ctx, by, (tx) => storePlan(ctx, tx, by, plan, standpoint, wanted.allowsRemovals))
      return plan
    } catch (error) {
      if (!(error instanceof Moved)) throw error
    }
    if (performance.now() - since > TRIES_MS) throw rightsAreMoving()
  }
}

/** The house moved between the plan and its transaction. Thrown, so that nothing of that is stored. */
class Moved extends Error {}

async function storePlan(
  ctx: Context,
  tx: Tx,
  by: By,
  plan: ManifestPlan,
  standpoint: Standpoint,
  allowsRemovals: boolean,
): Promise<void> {
  const { applicationId, diff } = plan
  // First, since it locks the application: from here on nobody gives or takes anything of it.
  await raiseTreeVersion(tx, applicationId, ctx.now())
  if ((await findTreeVersion(tx, applicationId)) !== plan.version + 1) throw new Moved()
  const happenings = await listHappenings(tx, standpoint)
  const touches = happenings.some(
    (each) => !HARMLESS.has(each.act) && (each.applicationId === null || each.applicationId === applicationId),
  )
  if (touches) throw new Moved()
  const { grantsEnded } = await storeManifest({ tx, applicationId, now: ctx.now() }, diff)
  await audit(ctx, tx, by, {
    act: 'manifest.applied',
    target: { kind: 'application', id: applicationId },
    applicationId,
    data: { ...told(plan.changes), allow_removals: allowsRemovals, grants_ended: grantsEnded },
  })
}

/** Names by what was done to them. */
function told(changes: readonly Change[]): Record<string, string[]> {
  const byKind = Map.groupBy(changes, ({ change }) => change)
  return Object.fromEntries([...byKind].map(([kind, same]) => [kind, same.map(nameOf)]))
}

function nameOf({ change, permission, role, company, from, to }: Change): string {
  if (change === 'permission_renamed' || change === 'role_renamed') return `${from} → ${to}`
  return company === undefined ? (permission ?? role ?? '') : `${role} of ${company}`
}

/** Also for `*`: that would be a plan that nobody has seen. */
function notSeen(): AppError {
  return new AppError('changed_meanwhile', {
    detail:
      'This is not the plan that you saw: the house or the manifest is another one now. Plan again, and send the etag of that plan as If-Match. Nothing was changed.',
  })
}

function requireAllowed(refused: readonly PlanRefusal[]): void {
  const [first] = refused
  if (!first) return
  const told = refused.slice(0, 3).map(({ message }) => message)
  throw new AppError(first.because, {
    detail: `${told.join('; ')}${refused.length > 3 ? `; and ${refused.length - 3} more` : ''}.`,
    faults: refused.map(({ permission, role, message }) => ({ path: `/${role ?? permission}`, message })),
  })
}
