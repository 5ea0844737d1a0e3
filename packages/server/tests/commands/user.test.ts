import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, signIn } from '../support/calls.ts'
import { ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

const NEW_PASSWORD = 'a quite different bicycle'

for (const database of databases) {
  test(`a user who is switched off is out at the next request, and comes back only by signing in (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['user', ...args])
    const token = await issue(server, ANNA, 'crm')
    const status = async () => (await call(server, 'GET get-permissions/', { token })).status
    assert.equal(await status(), 200)

    const off = await run('disable', ' Anna@ACME.test')
    assert.deepEqual([off.code, off.stdout], [0, `${ANNA} is switched off, and every session has ended.\n`])
    assert.equal(await status(), 401)
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 403)
    assert.equal((await run('disable', ANNA)).stdout, `${ANNA} was switched off already.\n`)

    assert.equal((await run('enable', ANNA)).code, 0)
    assert.equal(await status(), 401)
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
  })

  test(`a new password ends every session and lets nobody in with the old one (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (input: string, ...args: string[]) => runCommand(besideServer(server), ['user', ...args], input)
    const token = await issue(server, ANNA, 'crm')

    const set = await run(`${NEW_PASSWORD}\n`, 'set-password', ANNA)
    assert.deepEqual([set.code, set.stderr], [0, ''])
    assert.doesNotMatch(set.stdout, /bicycle/)
    assert.equal((await call(server, 'GET get-permissions/', { token })).status, 401)
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 401)
    assert.equal((await signIn(server, ANNA, NEW_PASSWORD)).status, 200)
  })

  test(`a password that is refused changes nothing (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const token = await issue(server, ANNA, 'crm')
    const refused: [input: string, says: RegExp][] = [
      ['short\n', /at least 12 characters/],
      ['passwordpassword', /most common/],
      ['', /no password on standard input/],
      ['one good password\nand another one\n', /more than one line/],
    ]
    for (const [input, says] of refused) {
      const ran = await runCommand(besideServer(server), ['user', 'set-password', ANNA, '--password-stdin'], input)
      assert.equal(ran.code, 1, input)
      assert.match(ran.stderr, says)
    }
    assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
  })

  test(`user list names everyone with their state (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['user', 'list', ...args])
    const { stdout } = await run()
    assert.match(stdout, /^anna@acme\.test +Anna Ames +2 +on$/m)
    assert.match(stdout, /^felix@acme\.test .* switched off$/m)
    assert.match(stdout, /^olga@house\.test .* on, operator$/m)
    const two = JSON.parse((await run('--limit', '2', '--json')).stdout)
    assert.deepEqual([two.total, two.users.length], [5, 2])
    assert.doesNotMatch(JSON.stringify(two), /argon2|hash"/)
    assert.match((await run('--limit', '2')).stdout, /2 of 5/)
  })
}

test('a password is no argument, and a user must be there', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const run = (...args: string[]) => runCommand(besideServer(server), ['user', ...args], NEW_PASSWORD)
  assert.equal((await run('set-password', ANNA, NEW_PASSWORD)).code, 2)
  for (const act of ['disable', 'enable', 'set-password']) {
    const unknown = await run(act, 'nobody@acme.test')
    assert.deepEqual([unknown.code, /no user nobody@acme\.test/.test(unknown.stderr)], [1, true])
    assert.match((await run(act, 'anna')).stderr, /no email address/)
  }
})
