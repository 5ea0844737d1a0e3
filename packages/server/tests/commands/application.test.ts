import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call } from '../support/calls.ts'
import { ANNA, issue, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

for (const database of databases) {
  test(`an application's new secret is asked for from the next request on, and signs nobody out (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const run = (...args: string[]) => runCommand(besideServer(server), ['application', ...args])
    const token = await issue(server, ANNA, 'crm')
    const status = async (secret?: string) => {
      const headers: Record<string, string> = secret === undefined ? {} : { 'x-license-secret': secret }
      return (await call(server, 'GET get-permissions/', { token, headers })).status
    }
    assert.equal(await status(), 200)

    const first = JSON.parse((await run('secret', 'crm', '--json')).stdout).secret
    assert.deepEqual([await status(), await status(first)], [401, 200])
    const second = (await run('secret', 'crm')).stdout.split('\n')[0]
    assert.deepEqual([await status(first), await status(second)], [401, 200])

    assert.match((await run('list')).stdout, /^crm +CRM +on +yes +4 +2$/m)
    assert.match((await run('list')).stdout, /^attic +Attic +switched off +no /m)
    assert.equal((await run('secret', 'crm', '--remove')).stdout, 'CRM needs no secret any more.\n')
    assert.equal(await status(), 200)
    assert.equal((await run('secret', 'crm', '--remove')).stdout, 'CRM had no secret.\n')
  })
}

test('an application that is not there gets no secret', async () => {
  await using server = await startServer('sqlite', { house: SMALL_HOUSE })
  const ran = await runCommand(besideServer(server), ['application', 'secret', 'CRM'])
  assert.deepEqual(ran, {
    code: 1,
    stdout: '',
    stderr: 'There is no application "CRM". There is: attic, crm, shop, vault.\n',
  })
})
