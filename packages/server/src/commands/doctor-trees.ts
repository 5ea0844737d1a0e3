import type { Db } from '../db/database.ts'
import { listApplications, listPermissions, type StoredPermission } from '../directory/application-store.ts'
import { ROOT, treeFaults } from '../domain/tree.ts'
import { type Check, fault, ok, some } from './doctor-check.ts'

/** Whether every application's permissions are a tree below `use_app`. */
export async function checkTrees(db: Db): Promise<Check> {
  const byApplication = Map.groupBy(await listPermissions(db), (permission) => permission.applicationId)
  const faults = (await listApplications(db)).flatMap(({ id }) =>
    faultsOf(byApplication.get(id) ?? []).map((text) => `${id}: ${text}`),
  )
  return faults.length === 0
    ? ok('permissions', 'those of every application are a tree.')
    : fault('permissions', `${some(faults, '; ')}.`)
}

function faultsOf(permissions: readonly StoredPermission[]): string[] {
  const slugs = new Map(permissions.map((permission) => [permission.id, permission.slug]))
  const tree = new Map(
    // One of another application has no slug here; its number is then no permission of this one, which is the fault.
    permissions.map(({ slug, needs }) => [slug, { needs: needs === null ? null : (slugs.get(needs) ?? `#${needs}`) }]),
  )
  const missing = tree.has(ROOT) ? [] : [`it has no ${ROOT}`]
  return [...missing, ...treeFaults(tree).map(({ slug, fault }) => `${slug} ${fault}`)]
}
