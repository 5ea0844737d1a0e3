// There and back: what is made is there, and what is removed is gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, EMIL, GLOBEX, MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { PASSWORD } from '../../server/tests/support/house.ts'
import { databases, startServer } from '../../server/tests/support/server.ts'
import { CommandLine, words } from './support/run.ts'

for (const database of databases) {
  test(`from an empty house to a permission that is explained, and back (${database})`, async () => {
    await using server = await startServer(database)
    const cli = await CommandLine.at(server)
    await cli.text(['company', 'add', 'ACME'])
    await cli.text(['application', 'add', 'crm', '--name', 'CRM'])
    await cli.text(['license', 'add', 'ACME', 'crm', '--seats', '1'])
    await cli.text(['user', 'add', 'anna@acme.test', '--company', 'ACME', '--password'], { input: `${PASSWORD}\n` })
    const ask = ['explain', 'anna@acme.test', 'ACME', 'crm', 'use_app']
    assert.equal((await cli.json(ask)).allowed, false)
    await cli.text(['seat', 'add', 'anna@acme.test', 'ACME', 'crm'])
    assert.equal((await cli.json(ask)).allowed, true)
    const session = await server.license('crm').authenticate('anna@acme.test', PASSWORD)
    assert.equal(session.permissions.companies[0]?.name, 'ACME')
    await cli.text(['seat', 'remove', 'anna@acme.test', 'ACME', 'crm', '--yes'])
    assert.equal((await cli.json(ask)).allowed, false)
  })
}

test('what is made is there, and what is removed is gone', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await server.license('crm').authenticate('anna@acme.test', PASSWORD)
  const { id: tokenId } = (await cli.json(['token', 'list', 'anna@acme.test']))[0]

  const rounds: [made: string, removed: string, seen: string, there: RegExp, gone: RegExp][] = [
    [
      'user add new@acme.test',
      'user remove new@acme.test --yes',
      'user show new@acme.test',
      /none yet/,
      /no user new@/,
    ],
    [
      'member add emil@example.test Globex --admin',
      'member remove emil@example.test Globex --yes',
      'member show emil@example.test Globex',
      /is +admin/,
      /no such member/,
    ],
    [
      'seat add boris@acme.test ACME crm --from 2020-01-01',
      'seat remove boris@acme.test ACME crm --yes',
      'seat show boris@acme.test ACME crm',
      /held, from 2020-01-01/,
      /seat +none/,
    ],
    [
      'grant add bert@acme.test ACME crm approve_invoice --reason Cover',
      'grant remove bert@acme.test ACME crm approve_invoice',
      'grant show bert@acme.test ACME crm approve_invoice',
      /reason +Cover/,
      /Nobody gave bert@acme\.test approve_invoice/,
    ],
    [
      'grant add bert@acme.test ACME crm --role viewer',
      'grant remove bert@acme.test ACME crm --role viewer',
      'grant show bert@acme.test ACME crm --role viewer',
      /the role Viewer/,
      /Nobody gave bert@acme\.test the role viewer/,
    ],
    ['role add crm boss', 'role remove crm boss', 'role show crm boss', /key +boss/, /no such role/],
    [
      'role add crm boss --company ACME --permission approve_invoice',
      'role remove crm boss --company ACME',
      'role show crm boss --company ACME',
      /belongs to +ACME\ngives +approve_invoice/,
      /no such role/,
    ],
    ['key add --name ci --application crm', 'key remove ci --yes', 'key show ci', /state +works/, /state +revoked/],
    [
      'whoami',
      `token remove anna@acme.test ${tokenId}`,
      `token show anna@acme.test ${tokenId}`,
      /application +crm/,
      /no such live session/,
    ],
  ]
  const wrong: string[] = []
  for (const [made, removed, seen, there, gone] of rounds) {
    await cli.json(words(made))
    const before = await cli.text(words(seen))
    await cli.json(words(removed))
    const after = await cli.run(words(seen))
    if (!there.test(before)) wrong.push(`${made}: ${before}`)
    if (!gone.test(after.stdout + after.stderr)) wrong.push(`${removed}: ${after.stdout}${after.stderr}`)
  }
  assert.deepEqual(wrong, [])
  await cli.text(['token', 'remove', 'anna@acme.test', '--yes'])
  const changed = ['role', 'set', 'crm', 'clerk', '--add', 'approve_invoice', '--drop', 'create_invoice']
  assert.deepEqual((await cli.json(changed)).permissions, ['approve_invoice'])
  const back = ['seat', 'add', 'bert@acme.test', 'ACME', 'crm', '--restore-grants']
  await cli.text(['seat', 'remove', 'bert@acme.test', 'ACME', 'crm', '--yes'])
  assert.match(await cli.text(back), /2 grants are back with it/)
  assert.deepEqual(
    (await cli.json(['grant', 'remove', 'bert@acme.test', 'ACME', 'crm', 'list_invoices', '--cascade'])).revoked.length,
    2,
  )
  assert.equal((await cli.json(['member', 'add', EMIL, 'ACME'])).user.id, EMIL)
})

test('a company key sees and runs its own', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server, { power: { kind: 'company', companyId: ACME } })
  assert.match(await cli.text(['whoami']), /may +run the company ACME/)
  await cli.text(['seat', 'add', 'boris@acme.test', 'ACME', 'crm'])
  await cli.text(['grant', 'add', 'boris@acme.test', 'ACME', 'crm', 'create_invoice'])
  assert.match(
    await cli.refusal(1, ['member', 'list', 'Globex']),
    /no company "Globex" here, or none that this key may see/,
  )
  assert.match(await cli.refusal(1, ['member', 'list', GLOBEX]), /no company/)
  assert.match(await cli.refusal(1, ['user', 'show', 'carla@globex.test']), /no user carla@globex\.test here/)
  assert.match(await cli.refusal(1, ['license', 'set', 'ACME', 'crm', '--seats', '9']), /for operators/)
})
