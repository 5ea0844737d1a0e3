// A License server and, for each release in the table, the example site that asks it.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type AdminReply, ask, askFor, makeKey } from '../packages/server/tests/support/admin.ts'
import { type DatabaseKind, databases, startServer, type TestServer } from '../packages/server/tests/support/server.ts'
import { applicationOf, houseOf } from './django-house.ts'
import { type Site, startSite } from './django-site.ts'
import { type Row, readTable } from './django-table.ts'
import { djangoPackage, prepareEnvironments } from './environments.ts'

/** One release: its row, the server's side of it as an operator sees it, and a site to start. */
export interface Place {
  row: Row
  release: string
  application: string
  server: TestServer
  key: string
  /** One call of the admin API, which must be answered with this status. */
  admin(status: number, line: string, body?: unknown): Promise<AdminReply['body']>
  /** Makes this permission, with what it needs, what a member may do for that company in this application. */
  give(userId: string, companyId: string, permission: string): Promise<void>
  /** With the example's middleware where a secret is given, and with the package alone where none is. */
  start(webhookSecret?: string): Promise<Site>
}

const environments = await prepareEnvironments(djangoPackage)
const missing = 'missing' in environments ? environments.missing : undefined
// On a person's machine the reason is said and the rest goes on; where everything counts, it fails.
const skip = process.env.CI ? false : (missing ?? false)

/** One test for each database, with one within for each release. */
export function testReleases(
  what: string,
  show: (t: TestContext, place: Place) => Promise<void>,
  on: readonly DatabaseKind[] = databases,
): void {
  for (const database of on) {
    test(`${what}, with ${database}`, { skip }, async (t) => {
      if ('missing' in environments) assert.fail(environments.missing)
      const rows = readTable()
      assert.ok(rows.length >= 4)
      const house = houseOf(rows.map(({ release }) => release))
      await using server = await startServer(database, { house, env: { LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' } })
      const key = await makeKey(server)
      for (const row of rows) {
        const { release } = row
        const application = applicationOf(release)
        const start = async (webhookSecret?: string) => {
          const python = environments.python(release)
          const site = await startSite({ python, license: server.url, application, webhookSecret })
          assert.deepEqual([site.release, site.django], [release, '5.2.19'])
          return site
        }
        const admin = (status: number, line: string, body?: unknown) => askFor(status, server, key, line, { body })
        const give = async (userId: string, companyId: string, permission: string) => {
          const rights = `/companies/${companyId}/members/${userId}/rights/${application}`
          const { headers } = await ask(server, key, `GET ${rights}`)
          const body = { grants: [{ permission }] }
          const change = await ask(server, key, `PUT ${rights}`, {
            body,
            headers: { 'if-match': headers.get('etag') ?? '' },
          })
          assert.equal(change.status, 200, JSON.stringify(change.body))
        }
        await t.test(release, (t) => show(t, { row, release, application, server, key, admin, give, start }))
      }
    })
  }
}
