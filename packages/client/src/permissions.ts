import { type Inspect, inspectCustom, shown } from './shown.ts'

/** One of the given slugs in an editor's completion; any string at run time, since the server decides what an application has. */
export type Slug<Slugs extends string = string> = Slugs | (string & Record<never, never>)

/** A customer organisation. `name` is empty where the server has not told it. */
export interface Company {
  readonly id: string
  readonly name: string
}

/** What a user may do for one company. */
export interface CompanyPermissions<Slugs extends string = string> extends Company {
  readonly permissions: readonly Slug<Slugs>[]
}

/** One permission of one company. */
export interface PermissionItem<Slugs extends string = string> {
  readonly permission: Slug<Slugs>
  readonly companyId: string
  readonly companyName: string
}

/**
 * What a user may do in the application, company by company, as of one answer of the server. It never changes: after a refresh the
 * session has another one.
 *
 * @example
 * ```ts
 * const { permissions } = await license.authenticate(email, password)
 * for (const company of permissions.companies) {
 *   console.log(company.name, permissions.has('create_invoice', company.id))
 * }
 * ```
 */
export class Permissions<Slugs extends string = string> {
  /** In the server's order. */
  readonly companies: readonly CompanyPermissions<Slugs>[]
  readonly #slugs = new Map<string, ReadonlySet<string>>()

  constructor(companies: Iterable<CompanyPermissions> = []) {
    const merged = new Map<string, CompanyPermissions<Slugs>>()
    for (const { id, name, permissions } of companies) {
      const slugs = new Set([...(merged.get(id)?.permissions ?? []), ...permissions])
      merged.set(id, Object.freeze({ id, name, permissions: Object.freeze([...slugs]) }))
      this.#slugs.set(id, slugs)
    }
    this.companies = Object.freeze([...merged.values()])
  }

  /**
   * Whether the user may do this for this company. Exact: no slug stands for another one here, `is_superuser` neither.
   *
   * @throws TypeError without a company id: a permission holds for one company, never for "any"
   */
  has(slug: Slugs | 'use_app', companyId: string): boolean {
    if (typeof companyId !== 'string' || companyId === '') {
      throw new TypeError('has(slug, companyId) needs the id of the company that the permission is for')
    }
    return this.#slugs.get(companyId)?.has(slug) ?? false
  }

  /** Every permission of every company, one by one. */
  *items(): Generator<PermissionItem<Slugs>, void, undefined> {
    for (const { id, name, permissions } of this.companies) {
      for (const permission of permissions) yield { permission, companyId: id, companyName: name }
    }
  }

  [Symbol.iterator](): Generator<PermissionItem<Slugs>, void, undefined> {
    return this.items()
  }

  /** Whether there is no permission at all, for no company. */
  get isEmpty(): boolean {
    return this.companies.every((company) => company.permissions.length === 0)
  }

  toJSON(): readonly CompanyPermissions<Slugs>[] {
    return this.companies
  }

  [inspectCustom](_depth: number, options: object, inspect?: Inspect): string {
    return shown('Permissions', this, options, inspect)
  }
}
