// What reaches a terminal: no control characters that somebody typed into a name, columns by what they take on the screen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import widthOf from 'fast-string-width'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { clean, cleanJson, cleanLine } from '../src/output/clean.ts'
import { record, table } from '../src/output/table.ts'
import { CommandLine } from './support/run.ts'

/** Retitles a window, clears a screen, begins a sequence as one byte, rings, turns the direction, ends a line. */
const HOSTILE = 'A\u001b]0;owned\u0007B\u001b[2J\u009b31mC\u0008\u202eD\u2028E\u200eF\rG'
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is about them
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

test('a name with control characters moves no cursor, in no command', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const { id } = await cli.json(['company', 'add', HOSTILE])
  await cli.text(['user', 'set', 'anna@acme.test', '--first-name', HOSTILE])
  await cli.text(['role', 'set', 'crm', 'clerk', '--name', HOSTILE])
  await cli.text(['license', 'add', id, 'shop', '--note', HOSTILE])
  await cli.text(['member', 'add', 'anna@acme.test', id])
  await cli.text(['key', 'add', '--name', HOSTILE])
  await cli.text(['application', 'set', 'crm', '--name', HOSTILE])
  const lines = [
    ['company', 'list'],
    ['company', 'show', id],
    ['company', 'show', `${HOSTILE}x`],
    ['user', 'list'],
    ['user', 'show', 'anna@acme.test'],
    ['member', 'list', id],
    ['license', 'list', id],
    ['license', 'show', id, 'shop'],
    ['license', 'list', '--application', 'shop'],
    ['role', 'list', 'crm'],
    ['role', 'show', 'crm', 'clerk'],
    ['seat', 'show', 'anna@acme.test', id, 'shop'],
    ['seat', 'remove', 'anna@acme.test', id, 'shop'],
    ['explain', 'anna@acme.test', id, 'crm', 'create_invoice'],
    ['application', 'list'],
    ['application', 'manifest', 'crm'],
    ['types', 'crm'],
    ['key', 'list'],
    ['audit', 'list'],
    ['statistics'],
    ['license', 'show', HOSTILE, 'nope'],
  ]
  for (const line of lines) {
    for (const args of [line, [...line, '--json']]) {
      const { stdout, stderr } = await cli.run(args)
      assert.doesNotMatch(stdout + stderr, OBEYED, args.join(' '))
      assert.ok((stdout + stderr).length > 0)
    }
  }
  assert.equal((await cli.json(['company', 'show', id])).name, HOSTILE, 'JSON parses to what is stored')
})

test('no colours go to a pipe', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  assert.doesNotMatch(await cli.text(['user', 'list'], { env: { TERM: 'xterm-256color' } }), OBEYED)
})

test('what would be obeyed goes out of texts, and is written as its number in JSON', () => {
  assert.equal(clean(HOSTILE), 'A]0;ownedB[2J31mCD EF G')
  assert.equal(cleanLine(`\u001b[1mA\u001b[22m\u001b[2J`), '\u001b[1mA\u001b[22m[2J')
  const json = cleanJson({ name: HOSTILE, list: [1, 2] }, 2)
  assert.doesNotMatch(json, OBEYED)
  assert.deepEqual(JSON.parse(json), { name: HOSTILE, list: [1, 2] })
})

test('columns are as wide on the screen as what they hold', () => {
  const rows = [
    ['企業', 'x'],
    ['Ács', 'x'],
    ['a\u0301bc', 'x'],
    ['👩‍👩‍👧 ok', 'x'],
    ['plain', 'x'],
  ]
  const lines = table([{ heading: 'NAME' }, { heading: 'B' }], rows)
  const places = lines.map((line) => widthOf(line))
  assert.equal(new Set(places).size, 1, lines.join('\n'))
  assert.equal(lines[0], 'NAME   B')
})

test('a table is cut to the screen, in its widest columns and never in an id', () => {
  const id = '0199c0de-7a11-7000-8000-000000000001'
  const columns = [{ heading: 'ID', whole: true }, { heading: 'NAME' }, { heading: 'SLUGS' }]
  const rows = [[id, 'Anna Ames', 'list_invoices create_invoice approve_invoice export_ledger']]
  const whole = table(columns, rows)
  assert.deepEqual(table(columns, rows, 200), whole)
  const cut = table(columns, rows, 70)
  assert.ok(cut.every((line) => widthOf(line) <= 70))
  assert.match(cut[1] ?? '', new RegExp(`^${id} {2}Anna Ames {2}list_invoices.*…$`))
  // Too narrow for anything: what can't be cut stays whole, and the rest as short as is of use.
  const narrow = table(columns, rows, 10)
  assert.ok(narrow[1]?.includes(id))
  assert.ok(narrow[1]?.includes('Anna Am…'))
  const wide = table([{ heading: 'NAME' }, { heading: 'B' }], [['企業企業企業企業企業', 'x']], 14)
  assert.ok(
    wide.every((line) => widthOf(line) <= 14),
    wide.join('\n'),
  )
})

test('one thing is told field by field', () => {
  assert.deepEqual(
    record([
      ['name', 'Anna'],
      ['companies', ['ACME', 'Globex']],
      ['note', ''],
      ['roles', []],
    ]),
    ['name       Anna', 'companies  ACME', '           Globex', 'note       –', 'roles      –'],
  )
})
