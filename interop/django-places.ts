// A License server and, for each release in the table, the example site that asks it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AdminReply, askFor, makeKey } from '../packages/server/tests/support/admin.ts'
import { databases, startServer, type TestServer } from '../packages/server/tests/support/server.ts'
import { applicationOf, houseOf } from './django-house.ts'
import { type Site, startSite } from './django-site.ts'
import { type Row, readTable } from './django-table.ts'
import { djangoPackage, prepareEnvironments } from './environments.ts'

/** One release: its row, its site, and the server's side of it as an operator sees it. */
export interface Place {
  row: Row
  release: string
  application: string
  site: Site
  server: TestServer
  /** One call of the admin API, which must be answered with this status. */
  admin(status: number, line: string, body?: unknown): Promise<AdminReply['body']>
}

const environments = await prepareEnvironments(djangoPackage)
const missing = 'missing' in environments ? environments.missing : undefined
// On a person's machine the reason is said and the rest goes on; where everything counts, it fails.
const skip = process.env.CI ? false : (missing ?? false)

/** One test for each database, with one within for each release. */
export function testReleases(what: string, show: (place: Place) => Promise<void>): void {
  for (const database of databases) {
    test(`${what}, with ${database}`, { skip }, async (t) => {
      if ('missing' in environments) assert.fail(environments.missing)
      const rows = readTable()
      assert.ok(rows.length >= 4)
      const house = houseOf(rows.map(({ release }) => release))
      await using server = await startServer(database, { house, env: { LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' } })
      const key = await makeKey(server)
      for (const row of rows) {
        await t.test(row.release, async () => {
          const { release } = row
          const application = applicationOf(release)
          await using site = await startSite({
            python: environments.python(release),
            license: server.url,
            application,
          })
          assert.deepEqual([site.release, site.django], [release, '5.2.19'])
          const admin = (status: number, line: string, body?: unknown) => askFor(status, server, key, line, { body })
          await show({ row, release, application, site, server, admin })
        })
      }
    })
  }
}
