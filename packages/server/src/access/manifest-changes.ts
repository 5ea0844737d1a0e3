import { sql } from 'kysely'
import type { Tx } from '../db/database.ts'
import { STANDS } from '../db/tables.ts'
import type { Permission, Role } from '../domain/manifest.ts'
import type { ManifestDiff, Pair } from '../domain/manifest-diff.ts'
import { inBatches } from './manifest-store.ts'
import { Pauses } from './pauses.ts'
import { deleteRole, insertRole, replaceRolePermissions } from './role-store.ts'

type Place = { tx: Tx; applicationId: string; now: number; pauses: Pauses }

/** Stores what a plan changes; tells how many grants ended by it. */
export async function storeManifest(of: Omit<Place, 'pauses'>, diff: ManifestDiff): Promise<{ grantsEnded: number }> {
  const place = { ...of, pauses: new Pauses() }
  const ids = await insertPermissions(place, diff)
  for (const each of diff.permissions) await storePermission(place, diff, ids, each)
  let grantsEnded = 0
  const gone = diff.permissions.flatMap(({ id, before, after }) => (before && !after ? { id, slug: before.slug } : []))
  for (const { id } of gone) grantsEnded += await endGrantsOf(place, id)
  await removePermissions(place, gone)
  for (const { id, before, after } of diff.roles)
    if (before && !after) {
      grantsEnded += await endGrantsOf(place, -id)
      await removeRole(place, id)
    }
  for (const each of diff.roles) await storeRole(place, ids, each)
  return { grantsEnded }
}

/** Row numbers by slug as it is afterwards. What is new needs nothing yet. */
async function insertPermissions({ tx, applicationId, now }: Place, diff: ManifestDiff): Promise<Map<string, number>> {
  const added = diff.permissions.flatMap(({ before, after }) => (before || !after ? [] : after))
  const rows = added.map((permission) => ({
    application_id: applicationId,
    slug: permission.slug,
    name: permission.name,
    description: permission.description,
    needs: null,
    operator_only: permission.isOperatorOnly ? (1 as const) : (0 as const),
    deprecated_at: permission.isDeprecated ? now : null,
    removed_at: null,
  }))
  const inserted = await inBatches(rows, (some) =>
    tx
      .insertInto('permissions')
      .values(some as typeof rows) // Kysely takes no list that can't be written to.
      .returning(['id', 'slug'])
      .execute(),
  )
  const kept = diff.permissions.flatMap(({ id, before, after }) => (before && after ? [{ id, slug: after.slug }] : []))
  return new Map([...kept, ...inserted].map(({ id, slug }) => [slug, id]))
}

async function storePermission(
  { tx, now, pauses }: Place,
  diff: ManifestDiff,
  ids: ReadonlyMap<string, number>,
  { id, before, after }: Pair<Permission>,
): Promise<void> {
  if (!after) return
  await pauses.pause()
  const needs = after.needs === null ? null : (ids.get(after.needs) ?? null)
  if (!before) {
    if (needs === null) return
    await tx
      .updateTable('permissions')
      .set({ needs })
      .where('id', '=', ids.get(after.slug) ?? 0)
      .execute()
    return
  }
  const needed =
    before.needs === null ? null : (diff.before.ids[diff.before.rankBySlug.get(before.needs) ?? -1] ?? null)
  const changes = {
    ...(before.slug === after.slug ? {} : { slug: after.slug }),
    ...(before.name === after.name ? {} : { name: after.name }),
    ...(before.description === after.description ? {} : { description: after.description }),
    ...(before.isOperatorOnly === after.isOperatorOnly
      ? {}
      : { operator_only: after.isOperatorOnly ? (1 as const) : (0 as const) }),
    ...(before.isDeprecated === after.isDeprecated ? {} : { deprecated_at: after.isDeprecated ? now : null }),
    ...(needed === needs ? {} : { needs }),
  }
  if (Object.keys(changes).length > 0) await tx.updateTable('permissions').set(changes).where('id', '=', id).execute()
}

/** Of one statement: others get their turn between. */
const ENDED_AT_ONCE = 1_000

/** All that stand, as taken away: who had what stays readable. Tells how many. */
async function endGrantsOf({ tx, now, pauses }: Place, item: number): Promise<number> {
  let ended = 0
  for (;;) {
    const { numUpdatedRows } = await tx
      .updateTable('grants')
      .set({ revoked_at: now })
      .where('id', 'in', (e) =>
        e
          .selectFrom('grants')
          .select('id')
          .where('item', '=', item)
          .where('revoked_at', '=', sql.lit(STANDS))
          .limit(ENDED_AT_ONCE),
      )
      .executeTakeFirst()
    ended += Number(numUpdatedRows)
    if (Number(numUpdatedRows) < ENDED_AT_ONCE) return ended
    await pauses.pause()
  }
}

/**
 * The rows stay, for the grants of then, under a name that no slug has. To delete them the databases would look through all grants, ended
 * ones too, for what names them.
 */
async function removePermissions(
  { tx, applicationId, now, pauses }: Place,
  gone: readonly { id: number; slug: string }[],
): Promise<void> {
  await inBatches(gone, async (some) => {
    const ids = some.map(({ id }) => id)
    await tx.deleteFrom('role_permissions').where('permission_id', 'in', ids).execute()
    await tx
      .deleteFrom('license_permissions')
      // By their key, which begins with the company.
      .where('company_id', 'in', (e) =>
        e.selectFrom('licenses').select('company_id').where('application_id', '=', applicationId),
      )
      .where('application_id', '=', applicationId)
      .where('permission_id', 'in', ids)
      .execute()
    return []
  })
  for (const { id, slug } of gone) {
    await pauses.pause()
    await tx
      .updateTable('permissions')
      .set({ slug: `${slug} (removed ${id})`, needs: null, removed_at: now })
      .where('id', '=', id)
      .execute()
  }
}

async function removeRole({ tx, applicationId, now }: Place, id: number): Promise<void> {
  await tx
    .deleteFrom('license_roles')
    .where('company_id', 'in', (e) =>
      e.selectFrom('licenses').select('company_id').where('application_id', '=', applicationId),
    )
    .where('application_id', '=', applicationId)
    .where('role_id', '=', id)
    .execute()
  await deleteRole(tx, id, now)
}

async function storeRole(
  { tx, applicationId, pauses }: Place,
  ids: ReadonlyMap<string, number>,
  { id, before, after }: Pair<Role>,
): Promise<void> {
  if (!after) return
  await pauses.pause()
  if (before && (before.key !== after.key || before.name !== after.name))
    await tx.updateTable('roles').set({ key: after.key, name: after.name }).where('id', '=', id).execute()
  const permissions = after.permissions.map((slug) => ids.get(slug) ?? 0)
  const row = before ? id : await insertRole(tx, { applicationId, companyId: null, key: after.key, name: after.name })
  if (!before || before.permissions.join(' ') !== after.permissions.join(' '))
    await replaceRolePermissions(tx, row, permissions)
}
