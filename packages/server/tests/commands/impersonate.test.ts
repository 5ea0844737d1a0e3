import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, ANNA, GLOBEX, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

const wish = ['--application', 'crm', '--reason', 'ticket 4711']

for (const database of databases) {
  test(`impersonate gives a one-time token for one company (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const ran = await runCommand(besideServer(server), ['impersonate', ANNA, '--company', 'Globex', ...wish, '--json'])
    assert.equal(ran.code, 0, ran.stderr)
    const session = await server.license('crm').validateImpersonation(JSON.parse(ran.stdout).token)
    assert.deepEqual(
      session.permissions.companies.map((company) => company.id),
      [GLOBEX],
    )
    await assert.rejects(server.license('crm').validateImpersonation(JSON.parse(ran.stdout).token))
  })
}

test('impersonate refuses operators, who has no access, and wrong use', async () => {
  await using server = await startServer('sqlite', {
    house: {
      ...SMALL_HOUSE,
      companies: [...SMALL_HOUSE.companies, { name: 'Twin', id: '11111111-1111-4111-8111-111111111111' }],
    },
  })
  await server.ctx.db.transaction((tx) =>
    tx.updateTable('companies').set({ name: 'Globex' }).where('name', '=', 'Twin').execute(),
  )
  const run = (...args: string[]) => runCommand(besideServer(server), ['impersonate', ...args])

  const operator = await run('olga@house.test', '--company', 'ACME', ...wish)
  assert.deepEqual([operator.code, operator.stderr], [1, 'olga@house.test is an operator: nobody may act as one.\n'])
  const outside = await run('gina@example.test', '--company', 'ACME', ...wish)
  assert.equal(outside.code, 1)
  assert.match(
    outside.stderr,
    new RegExp(`license-server explain gina@example.test --company ${ACME} --application crm`),
  )
  const ambiguous = await run(ANNA, '--company', 'Globex', ...wish)
  assert.equal(ambiguous.code, 1)
  assert.match(ambiguous.stderr, new RegExp(`2 companies are called "Globex"[\\s\\S]*11111111[\\s\\S]*${GLOBEX}`))
  assert.equal((await run(ANNA, '--company', GLOBEX, ...wish)).code, 0)
  assert.equal((await run(ANNA, '--company', 'acme', ...wish)).code, 1)
  assert.equal((await run(ANNA, '--company', 'ACME', '--application', 'crm')).code, 2)
  assert.equal((await run(ANNA, '--company', 'ACME', '--application', 'crm', '--reason', ' ')).code, 2)
  assert.equal((await run(ANNA, '--company', 'ACME', ...wish, '--minutes', '61')).code, 2)
})
