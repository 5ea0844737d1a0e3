import { actInTransaction, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import {
  insertApplication,
  insertPermission,
  lockApplication,
  type ManagedApplication,
  setApplicationSecret,
  updateApplication,
} from '../directory/application-store.ts'
import type { Dialect } from '../domain/dialect.ts'
import { giftRefusal } from '../domain/power.ts'
import { ROOT } from '../domain/tree.ts'
import { AppError } from '../errors.ts'
import { endCredentials } from './ending.ts'
import { forgetLastTokensOf } from './last-token-store.ts'
import { newSecret, secretHash } from './secrets.ts'

export type ApplicationChanges = {
  name?: string | undefined
  isActive?: boolean | undefined
  dialect?: Dialect | undefined
  exposesPin?: boolean | undefined
  tokenDays?: number | null | undefined
  tokenIdleDays?: number | null | undefined
  sourceNetworks?: readonly string[] | null | undefined
  /** Both as domain/site-address.ts reads them. */
  djangoUrl?: string | null | undefined
  impersonationUrl?: string | null | undefined
  isDjangoBefore62?: boolean | undefined
}

/** @throws AppError `id_taken`, `not_allowed` */
export async function createApplication(
  ctx: Context,
  by: By,
  wanted: ApplicationChanges & { id: string; name: string },
): Promise<ManagedApplication> {
  requireGift(by)
  const now = ctx.now()
  return actInTransaction(ctx, by, async (tx) => {
    const made = await insertApplication(tx, {
      id: wanted.id,
      name: wanted.name,
      dialect: wanted.dialect ?? 'v1',
      exposes_pin: wanted.exposesPin ? 1 : 0,
      active: wanted.isActive === false ? 0 : 1,
      secret_hash: null,
      token_days: wanted.tokenDays ?? null,
      token_idle_days: wanted.tokenIdleDays ?? null,
      source_networks: wanted.sourceNetworks?.join(' ') || null,
      django_url: wanted.djangoUrl ?? null,
      impersonation_url: wanted.impersonationUrl ?? null,
      django_by_token: wanted.isDjangoBefore62 ? 1 : 0,
      tree_version: 1,
      sessions_ended_at: 0,
      created_at: now,
      updated_at: now,
    })
    if (!made) throw new AppError('id_taken', { detail: `There is an application "${wanted.id}" already.` })
    await insertPermission(tx, { applicationId: wanted.id, slug: ROOT, name: 'Use the application' })
    const application = present(await lockApplication(tx, ctx.db.kind, wanted.id))
    await audit(ctx, tx, by, { act: 'application.created', ...about(wanted.id), data: { after: told(application) } })
    return application
  })
}

/** Changes the fields that are given. Switched off, every session in it ends. @throws AppError `not_found`, `not_allowed` */
export async function changeApplication(
  ctx: Context,
  by: By,
  id: string,
  changes: ApplicationChanges,
): Promise<ManagedApplication> {
  requireGift(by)
  return actInTransaction(ctx, by, async (tx) => {
    const stored = present(await lockApplication(tx, ctx.db.kind, id))
    const networks = changes.sourceNetworks === undefined ? stored.sourceNetworks : changes.sourceNetworks
    await updateApplication(tx, id, {
      name: changes.name ?? stored.name,
      active: (changes.isActive ?? stored.isActive) ? 1 : 0,
      dialect: changes.dialect ?? stored.dialect,
      exposes_pin: (changes.exposesPin ?? stored.exposesPin) ? 1 : 0,
      token_days: changes.tokenDays === undefined ? stored.tokenDays : changes.tokenDays,
      token_idle_days: changes.tokenIdleDays === undefined ? stored.tokenIdleDays : changes.tokenIdleDays,
      source_networks: networks?.join(' ') || null,
      django_url: changes.djangoUrl === undefined ? stored.djangoUrl : changes.djangoUrl,
      impersonation_url: changes.impersonationUrl === undefined ? stored.impersonationUrl : changes.impersonationUrl,
      django_by_token: (changes.isDjangoBefore62 ?? stored.isDjangoBefore62) ? 1 : 0,
      updated_at: ctx.now(),
    })
    // Kept for nothing any more.
    if (stored.isDjangoBefore62 && changes.isDjangoBefore62 === false) await forgetLastTokensOf(tx, id)
    if (stored.isActive && changes.isActive === false) await endCredentials(tx, { applicationId: id }, ctx.now())
    const application = present(await lockApplication(tx, ctx.db.kind, id))
    const [before, after] = [told(stored), told(application)]
    if (JSON.stringify(before) === JSON.stringify(after)) return application
    await audit(ctx, tx, by, { act: 'application.changed', ...about(id), data: { before, after } })
    return application
  })
}

/** The new secret, told this once; or none from now on. @throws AppError `not_found`, `not_allowed` */
export async function replaceSecret(ctx: Context, by: By, id: string, to: 'new' | 'none'): Promise<string | null> {
  requireGift(by)
  const secret = to === 'new' ? newSecret('cls_') : null
  await actInTransaction(ctx, by, async (tx) => {
    if (!(await setApplicationSecret(tx, id, secret === null ? null : secretHash(secret), ctx.now())))
      throw new AppError('not_found', { detail: 'There is no such application.' })
    await audit(ctx, tx, by, { act: 'application.secret_changed', ...about(id), data: { has_secret: secret !== null } })
  })
  return secret
}

function about(id: string) {
  return { target: { kind: 'application', id }, applicationId: id }
}

function told(application: ManagedApplication) {
  return {
    name: application.name,
    active: application.isActive,
    dialect: application.dialect,
    exposes_pin: application.exposesPin,
    token_days: application.tokenDays,
    token_idle_days: application.tokenIdleDays,
    source_networks: application.sourceNetworks,
    django_url: application.djangoUrl,
    impersonation_url: application.impersonationUrl,
    django_before_6_2: application.isDjangoBefore62,
  }
}

function requireGift(by: By): void {
  const refusal = giftRefusal(by.actor, { kind: 'application' })
  if (refusal) throw giftRefused(refusal)
}

function present(application: ManagedApplication | undefined): ManagedApplication {
  if (application) return application
  throw new AppError('not_found', { detail: 'There is no such application.' })
}
