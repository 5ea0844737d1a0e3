// Who is known to an older License server alone signs in through the published Python package at ours, which asks the older one
// once. Nothing of the package is changed but its base URL.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OldUser, startOldServer } from '../packages/server/tests/support/old-server.ts'
import { databases, startServer } from '../packages/server/tests/support/server.ts'
import { prepareEnvironments } from './environments.ts'
import { assertAllowed, assertPermissions, assertRefused, assertUser, readTable } from './expectations.ts'
import { type acme, applicationsOf, globex, house, password } from './house.ts'
import { startPythonClient } from './python-client.ts'
import { releases } from './table.ts'

const environments = await prepareEnvironments()
const missing = 'missing' in environments ? environments.missing : undefined
const skip = process.env.CI ? false : (missing ?? false)

/** Of the protocol of today, and of the oldest. */
const RELEASES = ['1.4.3', '0.2.1', '0.1.0']
/** A company that our house has not heard of; the oldest dialect tells no id to make one by. */
const umbrella = { id: '8e0f5c1e-4a57-4a6e-9f0a-0000000000f1', name: 'Umbrella & Søns' }
const PERMISSIONS = ['create_invoice', 'list_invoices', 'use_app']

function personOf(email: string, company: typeof acme): OldUser {
  return {
    password,
    profile: { first_name: 'Mia', last_name: 'Møller', email },
    companies: [{ company_id: company.id, company_name: company.name, permissions: PERMISSIONS }],
  }
}

for (const database of databases) {
  for (const release of RELEASES) {
    test(`a user of an older server signs in at ours with ${release}, then without the older one, with ${database}`, {
      skip,
    }, async () => {
      if ('missing' in environments) assert.fail(environments.missing)
      const row = readTable(releases).find((each) => each.release === release)
      assert.ok(row)
      const company = row.dialect === 'flat-0.1' ? globex : umbrella
      const { crm } = applicationsOf(row.dialect)
      const email = 'mia.of.the.old.server@old.test'
      await using old = await startOldServer({ [email]: personOf(email, company) })
      old.dialects = { [crm]: row.dialect }
      await using server = await startServer(database, { house, env: old.env })
      await using client = await startPythonClient(environments.python(release), `${server.url}/api/v1`)
      const ask = (call: string, ...args: unknown[]) =>
        client.perform({ application: crm, call, arguments: args, on: 'kept' })

      assertRefused(row, 'authenticate', await ask('authenticate', email, 'a wrong password'), 401, 'a wrong password')
      old.behave = (_request, response) => response.writeHead(502).end('<html>') !== undefined
      assertRefused(row, 'authenticate', await ask('authenticate', email, password), 503, 'an outage')
      old.behave = () => false
      for (const state of ['asked', 'off']) {
        if (state === 'off') await old.stop()
        const answer = await ask('authenticate', email, password)
        assertAllowed(row, 'authenticate', answer)
        const rights = { company_id: company.id, company_name: company.name, permissions: PERMISSIONS }
        assertPermissions(row, 'works', answer, [rights])
        const profile = await ask('get_user')
        assertAllowed(row, 'get_user', profile)
        assertUser(row, profile, { first_name: 'Mia', last_name: 'Møller', email }, { company })
      }
      // The wrong one, the outage, and the one that was let in.
      assert.deepEqual(old.signIns(), { [email]: 3 })
      assertRefused(row, 'authenticate', await ask('authenticate', email, 'a wrong password'), 401, 'a wrong one later')
    })
  }
}
