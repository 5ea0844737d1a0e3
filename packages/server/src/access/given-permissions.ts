import type { By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import type { Db } from '../db/database.ts'
import { listPermissions } from '../directory/application-store.ts'
import { included } from '../domain/effective.ts'
import { type GivenPermission, giftRefusal } from '../domain/power.ts'
import { buildTree, pathToRoot, type Tree } from '../domain/tree.ts'
import type { Fault } from '../errors.ts'
import { AppError } from '../errors.ts'
import type { StoredLicense } from './license-store.ts'

/** An application's permissions as they are at the moment, with their row numbers. */
export type LoadedTree = {
  tree: Tree
  idBySlug: ReadonlyMap<string, number>
  /** Slugs of those that are going. */
  deprecated: ReadonlySet<string>
}

export async function loadTree(db: Db, applicationId: string): Promise<LoadedTree> {
  const nodes = await listPermissions(db, applicationId)
  return {
    tree: buildTree(nodes.map((node) => ({ ...node, operatorOnly: node.isOperatorOnly }))),
    idBySlug: new Map(nodes.map((node) => [node.slug, node.id])),
    deprecated: new Set(nodes.flatMap((node) => (node.isDeprecated ? node.slug : []))),
  }
}

/** Row numbers of slugs, each once. @throws AppError `invalid_input` with each that is no permission of the application */
export function idsOf({ idBySlug }: LoadedTree, slugs: readonly string[], path: string): number[] {
  const faults: Fault[] = slugs.flatMap((slug, index) =>
    idBySlug.has(slug) ? [] : { path: `${path}/${index}`, message: `"${slug}" is no permission of this application` },
  )
  if (faults.length > 0)
    throw new AppError('invalid_input', { faults, detail: faults.map(({ message }) => message).join('; ') })
  return [...new Set(slugs.map((slug) => idBySlug.get(slug) ?? 0))]
}

/** What slugs give, each with all that it needs, in the terms by which it is judged whether they may be given. */
export function givenPermissions(
  { tree, idBySlug }: LoadedTree,
  license: Pick<StoredLicense, 'includes'> | undefined,
  slugs: readonly string[],
): GivenPermission[] {
  const includes =
    license?.includes === 'all'
      ? ('all' as const)
      : { named: (license?.includes ?? []).map((slug) => idBySlug.get(slug) ?? 0) }
  const isIncluded = included(tree, { license: { includes } })
  const ranks = new Set(slugs.flatMap((slug) => pathToRoot(tree, tree.rankBySlug.get(slug) ?? -1)))
  return [...ranks].map((rank) => ({
    slug: tree.slugs[rank] ?? '',
    isOperatorOnly: tree.operatorOnly[rank] === true,
    isIncluded: isIncluded[rank] === 1,
  }))
}

/** @throws AppError `operator_only`, `not_included`, `not_allowed` */
export function requireGiving(by: By, companyId: string, permissions: readonly GivenPermission[]): void {
  const refusal = giftRefusal(by.actor, { kind: 'permissions', companyId, permissions })
  if (refusal) throw giftRefused(refusal)
}
