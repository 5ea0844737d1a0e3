import type { CallOptions } from '../deadline.ts'
import { type Inspect, inspectCustom, shown } from '../shown.ts'
import { ApiKeys, type WhoAmI } from './api-keys.ts'
import { Applications } from './applications.ts'
import { Audit } from './audit.ts'
import { Companies } from './companies.ts'
import { type AdminConnection, type LicenseAdminOptions, readAdminConnection } from './connection.ts'
import { Deliveries } from './deliveries.ts'
import { Endpoints } from './endpoints.ts'
import { Explain } from './explain.ts'
import { exportHouse } from './export.ts'
import { Grants } from './grants.ts'
import { Impersonations } from './impersonations.ts'
import { Imports } from './imports.ts'
import { Licenses } from './licenses.ts'
import { Manifests } from './manifest.ts'
import { Members } from './members.ts'
import { Permissions } from './permissions.ts'
import { RightsOfMembers } from './rights.ts'
import { Roles } from './roles.ts'
import { Seats } from './seats.ts'
import { StatisticsOfHouse } from './statistics.ts'
import { Tokens } from './tokens.ts'
import { UpstreamOfHouse } from './upstream.ts'
import { Users } from './users.ts'

/**
 * Runs a house over the admin API: `admin.<noun>.<verb>`. Answers are the API's own JSON, field by field. JSON and logs show no key.
 *
 * @example
 * ```ts
 * const admin = new LicenseAdmin({ baseUrl: 'https://license.example', apiKey })
 * const anna = await admin.users.create({ email: 'anna@acme.test', first_name: 'Anna', company: companyId })
 * await admin.seats.give({ company: companyId, application: 'crm', user: anna.id })
 * for await (const user of admin.users.list({ q: 'an' })) console.log(user.email)
 * ```
 */
export class LicenseAdmin {
  readonly users: Users
  readonly tokens: Tokens
  readonly companies: Companies
  readonly members: Members
  readonly applications: Applications
  readonly permissions: Permissions
  readonly roles: Roles
  readonly licenses: Licenses
  readonly seats: Seats
  readonly grants: Grants
  readonly rights: RightsOfMembers
  readonly explain: Explain
  readonly apiKeys: ApiKeys
  readonly audit: Audit
  readonly manifest: Manifests
  readonly impersonations: Impersonations
  readonly imports: Imports
  readonly statistics: StatisticsOfHouse
  readonly endpoints: Endpoints
  readonly deliveries: Deliveries
  readonly upstream: UpstreamOfHouse
  readonly #connection: AdminConnection

  /** @throws TypeError for an option that can't be right */
  constructor(options: LicenseAdminOptions) {
    const connection = readAdminConnection(options)
    this.#connection = connection
    this.users = new Users(connection)
    this.tokens = new Tokens(connection)
    this.companies = new Companies(connection)
    this.members = new Members(connection)
    this.applications = new Applications(connection)
    this.permissions = new Permissions(connection)
    this.roles = new Roles(connection)
    this.licenses = new Licenses(connection)
    this.seats = new Seats(connection)
    this.grants = new Grants(connection)
    this.rights = new RightsOfMembers(connection)
    this.explain = new Explain(connection)
    this.apiKeys = new ApiKeys(connection)
    this.audit = new Audit(connection)
    this.manifest = new Manifests(connection)
    this.impersonations = new Impersonations(connection)
    this.imports = new Imports(connection)
    this.statistics = new StatisticsOfHouse(connection)
    this.endpoints = new Endpoints(connection)
    this.deliveries = new Deliveries(connection)
    this.upstream = new UpstreamOfHouse(connection)
  }

  /** The server's address, without `/api/v1`. */
  get baseUrl(): string {
    return this.#connection.address
  }

  /** What the key is and may do. @throws LicenseError as any call */
  whoami(options: CallOptions = {}): Promise<WhoAmI> {
    return this.apiKeys.whoami(options)
  }

  /**
   * The whole house, one JSON document a line, to read, compare or load elsewhere. The last line says that it is the last.
   *
   * @throws UnexpectedAnswer after the last line, where that is not the end; LicenseError as any call
   */
  export(options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    return exportHouse(this.#connection, options)
  }

  toJSON(): { baseUrl: string } {
    return { baseUrl: this.baseUrl }
  }

  [inspectCustom](_depth: number, options: object, inspect?: Inspect): string {
    return shown('LicenseAdmin', this, options, inspect)
  }
}
