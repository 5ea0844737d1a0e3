// On a terminal the program asks before what can't be taken back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, makeFolder } from './support/run.ts'
import { noTerminal, onTerminal } from './support/terminal.ts'

const folder = makeFolder()

test('on a terminal it asks, and "no" changes nothing', { skip: noTerminal }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const question = 'Delete bert@acme.test for good'
  const ask = (key: string) => onTerminal(cli, 'user remove bert@acme.test', [[question, key]])
  for (const key of ['n', '\r', '\u0003']) {
    const { code, screen } = await ask(key)
    assert.equal(code, 1)
    assert.match(screen, /Nothing was changed\./)
    await cli.text(['user', 'show', 'bert@acme.test'])
  }
  assert.equal((await ask('y')).code, 0)
  assert.match(await cli.refusal(1, ['user', 'show', 'bert@acme.test']), /no user/)
})

test('a password is asked for twice, and not shown', { skip: noTerminal }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const password = 'a pier in the morning fog'
  const { code, screen } = await onTerminal(cli, 'user set anna@acme.test --password', [
    ['New password for anna@acme.test', `${password}\r`],
    ['The same again', `${password}\r`],
  ])
  assert.equal(code, 0)
  assert.ok(!screen.includes('morning'))
  await server.license('crm').authenticate('anna@acme.test', password)
})

test('Ctrl-C in an import says that it goes on, and it does', { skip: noTerminal }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const rows = Array.from({ length: 20_000 }, (_, nth) => `user${nth}@acme.test`)
  const file = folder.file('many.csv', `email\n${rows.join('\n')}\n`)
  const stopped = await onTerminal(cli, `import users '${file}' --apply`, [['500 of 20000', '\u0003']])
  assert.equal(stopped.code, 130)
  assert.match(stopped.screen, /What was taken in so far stays; the same command goes on where it ended\./)
  const told = await cli.json(['import', 'users', file, '--apply'])
  assert.equal(told.created, rows.length)
  assert.ok(told.resumed_at >= 500 && told.resumed_at < rows.length, String(told.resumed_at))
})

test('colours are for terminals that have them', { skip: noTerminal }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const heading = '\u001b[1mEMAIL'
  assert.ok((await onTerminal(cli, 'user list', [])).screen.includes(heading))
  const plain = await onTerminal(cli, 'user list', [], { NO_COLOR: '1' })
  assert.ok(plain.screen.includes('EMAIL') && !plain.screen.includes('\u001b'))
})
