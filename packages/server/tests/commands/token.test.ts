import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call } from '../support/calls.ts'
import { ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

const UNKNOWN_ID = '01a20fa9-21e6-727c-8d4d-22dc16a908d5'

for (const database of databases) {
  test(`token list and revoke end one sign-in and no other (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['token', ...args])
    const isLive = async (token: string, module = 'crm') =>
      (await call(server, 'GET get-permissions/', { token, module })).status === 200

    assert.equal((await run('list')).stdout, 'Nobody is signed in.\n')
    const [first, second, third] = [
      await issue(server, ANNA, 'crm'),
      await issue(server, ANNA, 'crm'),
      await issue(server, 'carla@globex.test', 'crm'),
    ]
    const listed = JSON.parse((await run('list', '--user', 'ANNA@acme.test', '--json')).stdout)
    assert.deepEqual(
      listed.map((each: { email: string }) => each.email),
      [ANNA, ANNA],
    )
    assert.match((await run('list')).stdout, /carla@globex\.test/)
    assert.match((await run('list', '--limit', '1')).stdout, /--limit shows more/)

    const byToken = await run('revoke', first)
    assert.deepEqual([byToken.code, byToken.stdout], [0, 'This sign-in has ended.\n'])
    assert.deepEqual([await isLive(first), await isLive(second)], [false, true])

    const [left] = JSON.parse((await run('list', '--user', ANNA, '--json')).stdout)
    assert.equal((await run('revoke', left.id)).code, 0)
    assert.equal((await run('revoke', left.id)).stdout, 'This sign-in had ended already.\n')
    assert.deepEqual([await isLive(second), await isLive(third)], [false, true])
  })

  test(`token revoke ends all sessions of a user, or of an application (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['token', ...args])
    const isLive = async (token: string, module: string) =>
      (await call(server, 'GET get-permissions/', { token, module })).status === 200
    const [crm, shop, carlas] = [
      await issue(server, ANNA, 'crm'),
      await issue(server, ANNA, 'shop'),
      await issue(server, 'carla@globex.test', 'crm'),
    ]
    const all = async () => [await isLive(crm, 'crm'), await isLive(shop, 'shop'), await isLive(carlas, 'crm')]

    assert.equal((await run('revoke', '--application', 'shop')).code, 0)
    assert.deepEqual(await all(), [true, false, true])
    assert.equal((await run('revoke', '--user', ANNA)).code, 0)
    assert.deepEqual(await all(), [false, false, true])
  })
}

test('token revoke refuses what it does not know, and repeats nothing that may be a token', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const run = (...args: string[]) => runCommand(besideServer(server), ['token', ...args])
  for (const pasted of ['clt_0123456789SECRET', 'SECRET without a prefix']) {
    const { code, stdout, stderr } = await run('revoke', pasted)
    assert.equal(code, 1)
    assert.doesNotMatch(stdout + stderr, /SECRET/)
  }
  const unknown = await run('revoke', UNKNOWN_ID)
  assert.deepEqual([unknown.code, /token list/.test(unknown.stderr)], [1, true])
  assert.equal((await run('revoke')).code, 2)
  assert.equal((await run('revoke', UNKNOWN_ID, '--user', ANNA)).code, 2)
  assert.equal((await run('list', '--limit', '0')).code, 2)
  assert.equal((await run('list', '--user', 'nobody@acme.test')).code, 1)
})
