import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Call, signIn } from '../support/calls.ts'
import { ANNA, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

const SECRET = SMALL_HOUSE.applications[2]?.secret ?? ''

for (const database of databases) {
  test(`operators see who waits, and lift it (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['throttle', ...args])
    const there: Call = {
      module: 'vault',
      headers: { 'x-license-secret': SECRET, 'x-license-user-address': '192.0.2.7' },
    }
    const typeWrong = async (name: string, times: number, wish: Call = {}) => {
      for (let count = 0; count < times; count++) await signIn(server, name, 'the_canary', wish)
    }
    assert.equal((await run('list')).stdout, 'Nobody has typed a wrong password in the last ten minutes.\n')
    await typeWrong(ANNA, 6)
    await typeWrong('the password typed as a name', 3, there)
    // As after a longer attack: the wait outlasts the commands here.
    await server.ctx.db.transaction((tx) =>
      tx
        .updateTable('throttles')
        .set({ tries: 12, next_at: Date.now() + 59_000 })
        .where('user_id', 'is not', null)
        .execute(),
    )
    const listed = await run('list')
    assert.match(listed.stdout, /^ACCOUNT +ADDRESS +TRIES +LAST TRY +WAITS *$/m)
    assert.match(listed.stdout, /^anna@acme\.test +12 +\S+ \S+.* 5\d s$/m)
    assert.match(listed.stdout, /^\(a name without an account\) +3 /m)
    assert.match(listed.stdout, /^\(any\) +192\.0\.2\.7 +3 /m)
    // What was typed is nowhere: people type their password as the name.
    assert.doesNotMatch(listed.stdout + (await run('list', '--json')).stdout, /canary|typed as a name/)
    const [first] = JSON.parse((await run('list', '--json', '--limit', '1')).stdout)
    assert.deepEqual([first.email, first.tries], [ANNA, 12])

    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 429)
    const lifted = 'The wrong passwords are forgotten: the next try may come at once.\n'
    assert.equal((await run('lift', ' Anna@ACME.test ')).stdout, lifted)
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
    assert.equal((await run('lift', ANNA)).stdout, 'Nothing was counted there.\n')
    assert.equal((await run('lift', 'The password typed as a name')).stdout, lifted)
    assert.equal((await run('lift', '--address', '::ffff:192.0.2.7')).stdout, lifted)
    assert.equal((await run('list', '--json')).stdout.trim(), '[]')
    await typeWrong(ANNA, 6)
    await typeWrong('nobody', 6)
    assert.deepEqual(JSON.parse((await run('lift', '--all', '--json')).stdout), { lifted: 2 })
    assert.equal((await signIn(server, 'nobody', 'x')).status, 401)
  })

  test(`an application's networks are said on the command line and hold at once (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['application', 'networks', ...args])
    assert.equal((await run('crm')).stdout, 'CRM may be used from anywhere.\n')
    assert.equal(
      (await run('crm', '10.0.0.0/8', '2001:db8::7')).stdout,
      'CRM may be used from 10.0.0.0/8, 2001:db8::7 only.\n',
    )
    const refused = await signIn(server, ANNA, PASSWORD)
    assert.equal(refused.status, 401)
    assert.match(refused.body.message, /^This application may not be used from 127\.0\.0\.1\. Ask whoever runs/)
    const wrong = await run('crm', '10.0.0.0/8', '10.0.0.0/99', 'office')
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /^No address or network: 10\.0\.0\.0\/99, office\. Write .* Nothing was changed\.\n$/)
    assert.equal((await run('crm')).stdout, 'CRM may be used from 10.0.0.0/8, 2001:db8::7 only.\n')
    assert.equal((await run('crm', '10.0.0.0/8', '--anywhere')).code, 2)
    assert.equal((await run('crm', '--anywhere')).stdout, 'CRM may be used from anywhere.\n')
    assert.equal((await signIn(server, ANNA, PASSWORD)).status, 200)
  })
}

test('what to lift is said once, and rightly', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const run = (...args: string[]) => runCommand(besideServer(server), ['throttle', 'lift', ...args])
  for (const args of [[], [ANNA, '--all'], [ANNA, '--address', '192.0.2.7']]) {
    const { code, stderr } = await run(...args)
    assert.equal(code, 2)
    assert.match(stderr, /^error: give one of: a name, --address, --all$/m)
  }
  assert.deepEqual(await run('--address', 'office'), {
    code: 1,
    stdout: '',
    stderr: '"office" is no IP address, such as 192.0.2.7 or 2001:db8::1.\n',
  })
})
