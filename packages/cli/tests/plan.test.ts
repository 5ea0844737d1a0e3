// A manifest is planned as a person reads it, and applied exactly as it was planned.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { HouseFile } from '../../server/src/imports/house-schema.ts'
import { CHEAP_HASH } from '../../server/tests/support/house.ts'
import { databases, startServer } from '../../server/tests/support/server.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const DEMO = new URL('../../../examples/demo/house.json', import.meta.url)
const demo = JSON.parse(
  readFileSync(DEMO, 'utf8').replaceAll(/"password": "[^"]*"/g, `"password_hash": "${CHEAP_HASH}"`),
) as HouseFile
const folder = makeFolder()

type Entry = { slug: string; [field: string]: unknown }

for (const database of databases) {
  test(`a renamed and a removed slug: planned, refused, applied (${database})`, async () => {
    await using server = await startServer(database, { house: demo })
    const cli = await CommandLine.at(server)
    const same = folder.file('same.json', await cli.text(['application', 'manifest', 'crm']))
    assert.equal(await cli.text(['plan', same, '--check']), 'crm is as the manifest says: there is nothing to do.\n')
    assert.match(await cli.text(['apply', same]), /there is nothing to do/)

    const manifest = JSON.parse(readFileSync(same, 'utf8')) as { permissions: Entry[]; roles: Entry[] }
    const renamed = manifest.permissions
      .filter(({ slug }) => slug !== 'approve_invoice')
      .map((entry) =>
        entry.slug === 'edit_customer' ? { ...entry, slug: 'change_customer', renamed_from: 'edit_customer' } : entry,
      )
    const changed = {
      ...manifest,
      permissions: [...renamed, { slug: 'export_customers', needs: 'list_customers' }],
      roles: manifest.roles.map((role) =>
        role.key === 'sales' ? { ...role, permissions: ['change_customer', 'export_customers'] } : role,
      ),
    }
    const file = folder.file('changed.json', JSON.stringify(changed))
    const planned = await cli.run(['plan', file, '--check'])
    assert.equal(planned.code, 3)
    for (const line of [
      /^Changes to crm:$/m,
      /^ {2}- approve_invoice +goes out of 1 role$/m,
      /^ {2}→ change_customer +was edit_customer; whoever has it keeps it$/m,
      /^ {2}\+ export_customers +needs list_customers$/m,
      /^ {2}~ role sales +also export_customers$/m,
      /^Lose something: 2 people$/m,
      /^ {2}carla@globex\.test {2}Globex {2}approve_invoice, list_invoices$/m,
      /^Gain something: 1 person\n {2}anna@acme\.test {2}ACME {2}export_customers$/m,
      /^It can not be applied like this:\n {2}"approve_invoice" is in use/m,
      /add --allow-removals to take it from everybody\.$/m,
    ])
      assert.match(planned.stdout, line)
    assert.equal((await cli.run(['plan', file])).code, 0)

    const refused = await cli.run(['apply', file, '--yes'])
    assert.deepEqual([refused.code, refused.stderr], [1, 'Nothing was changed.\n'])
    const unasked = await cli.run(['apply', file, '--allow-removals'])
    assert.equal(unasked.code, 1)
    assert.match(unasked.stderr, /^Apply this to crm\?\nNothing was changed: there is nobody to ask here\. Add --yes/)
    assert.equal((await cli.run(['plan', same, '--check'])).code, 0, 'nothing was changed so far')

    const plan = await cli.json(['plan', file, '--allow-removals'])
    const done = await cli.json(['apply', file, '--allow-removals', '--yes'])
    assert.deepEqual([done.applied, done.changes, done.loses], [true, plan.changes, plan.loses])
    assert.equal((await cli.run(['plan', file, '--check'])).code, 0)
    const may = async (...asked: string[]) => (await cli.json(['explain', ...asked])).allowed
    assert.equal(await may('anna@acme.test', 'ACME', 'crm', 'change_customer'), true)
    assert.equal(await may('anna@acme.test', 'ACME', 'crm', 'export_customers'), true)
    assert.match(
      await cli.refusal(1, ['explain', 'carla@globex.test', 'Globex', 'crm', 'approve_invoice']),
      /no permission of crm/,
    )
  })
}

test('what can not be read as a manifest is told, with the place', async () => {
  await using server = await startServer('sqlite', { house: demo })
  const cli = await CommandLine.at(server)
  const used: [name: string, content: string, told: RegExp][] = [
    ['broken.json', '{ "permissions": [', /broken\.json is no JSON: .+\.\n$/],
    ['list.json', '[]', /is no permission manifest: it has no list "permissions"/],
    [
      'unnamed.json',
      '{ "permissions": [] }',
      /does not say whose it is: write "application" into it, or name one with --application/,
    ],
  ]
  for (const [name, content, told] of used)
    assert.match(await cli.refusal(2, ['plan', folder.file(name, content)]), told)
  assert.match(await cli.refusal(1, ['plan', '/nowhere/m.json']), /^\/nowhere\/m\.json can't be used \(ENOENT\)\.\n$/)
  const faulty = {
    application: 'crm',
    permissions: [
      { slug: 'a', needs: 'b' },
      { slug: 'c', needs: 'd' },
    ],
  }
  const told = await cli.refusal(1, ['plan', folder.file('faulty.json', JSON.stringify(faulty))])
  assert.match(told, /^This is not accepted:\n {2}permissions\[0\]\.needs needs "b".*\n {2}permissions\[1\]\.needs/)
  const other = folder.file('other.json', JSON.stringify({ application: 'shop', permissions: [] }))
  assert.match(await cli.refusal(1, ['plan', other, '--application', 'crm']), /application/)
})

test("an application's own key plans and applies its manifest, and nobody else's", async () => {
  await using server = await startServer('sqlite', { house: demo })
  const cli = await CommandLine.at(server, { power: { kind: 'application', applicationId: 'crm' } })
  const manifest = JSON.parse(await cli.text(['application', 'manifest', 'crm']))
  const more = {
    ...manifest,
    permissions: [...manifest.permissions, { slug: 'print_invoice', needs: 'list_invoices' }],
  }
  const file = folder.file('more.json', JSON.stringify(more))
  assert.match(
    await cli.text(['apply', file, '--yes']),
    /\+ print_invoice +needs list_invoices\n[\s\S]*Done: 1 change is in force\.\n$/,
  )
  const { code } = await cli.run(['plan', file, '--application', 'shop'])
  assert.equal(code, 1)
})
