// On a terminal the program asks before what can't be taken back. `script` of util-linux makes one.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { CLI_PROGRAM } from '../../server/tests/support/programs.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const folder = makeFolder()

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true

/** Runs it on a terminal of eighty columns; each key is pressed when the text before it has appeared. */
async function onTerminal(
  cli: CommandLine,
  url: string,
  args: string,
  presses: [seen: string, key: string][],
  more: Record<string, string> = {},
) {
  const line = `stty cols 80 rows 24; '${process.execPath}' --conditions=cloudspot-source '${CLI_PROGRAM}' ${args}`
  const env = { PATH: process.env.PATH, TERM: 'xterm', LICENSE_SERVER: url, LICENSE_API_KEY: cli.key, ...more }
  const child = spawn('script', ['-qec', line, '/dev/null'], { env })
  let screen = ''
  let left = presses
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    const [next, ...rest] = left
    if (!next || !screen.includes(next[0])) return
    left = rest
    screen = ''
    child.stdin.write(next[1])
  })
  const deadline = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const [code] = await once(child, 'close')
  clearTimeout(deadline)
  assert.deepEqual(left, [], screen)
  return { code, screen }
}

test('on a terminal it asks, and "no" changes nothing', { skip: hasScript ? false : 'needs script' }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const question = 'Delete bert@acme.test for good'
  const ask = (key: string) => onTerminal(cli, server.url, 'user remove bert@acme.test', [[question, key]])
  for (const key of ['n', '\r', '\u0003']) {
    const { code, screen } = await ask(key)
    assert.equal(code, 1)
    assert.match(screen, /Nothing was changed\./)
    await cli.text(['user', 'show', 'bert@acme.test'])
  }
  assert.equal((await ask('y')).code, 0)
  assert.match(await cli.refusal(1, ['user', 'show', 'bert@acme.test']), /no user/)
})

test('a password is asked for twice, and not shown', { skip: hasScript ? false : 'needs script' }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const password = 'a pier in the morning fog'
  const { code, screen } = await onTerminal(cli, server.url, 'user set anna@acme.test --password', [
    ['New password for anna@acme.test', `${password}\r`],
    ['The same again', `${password}\r`],
  ])
  assert.equal(code, 0)
  assert.ok(!screen.includes('morning'))
  await server.license('crm').authenticate('anna@acme.test', password)
})

test('Ctrl-C in an import says that it goes on, and it does', {
  skip: hasScript ? false : 'needs script',
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const rows = Array.from({ length: 20_000 }, (_, nth) => `user${nth}@acme.test`)
  const file = folder.file('many.csv', `email\n${rows.join('\n')}\n`)
  const stopped = await onTerminal(cli, server.url, `import users '${file}' --apply`, [['500 of 20000', '\u0003']])
  assert.equal(stopped.code, 130)
  assert.match(stopped.screen, /What was taken in so far stays; the same command goes on where it ended\./)
  const told = await cli.json(['import', 'users', file, '--apply'])
  assert.equal(told.created, rows.length)
  assert.ok(told.resumed_at >= 500 && told.resumed_at < rows.length, String(told.resumed_at))
})

test('colours are for terminals that have them', { skip: hasScript ? false : 'needs script' }, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const heading = '\u001b[1mEMAIL'
  assert.ok((await onTerminal(cli, server.url, 'user list', [])).screen.includes(heading))
  const plain = await onTerminal(cli, server.url, 'user list', [], { NO_COLOR: '1' })
  assert.ok(plain.screen.includes('EMAIL') && !plain.screen.includes('\u001b'))
})
