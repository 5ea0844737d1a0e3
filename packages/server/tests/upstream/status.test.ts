import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LicenseAdmin } from 'cloudspot-license-api/admin'
import { CommandLine } from '../../../cli/tests/support/run.ts'
import { besideServer, runCommand } from '../commands/run.ts'
import { ask, makeKey } from '../support/admin.ts'
import { signIn } from '../support/calls.ts'
import { startOldServer } from '../support/old-server.ts'
import { databases, startServer } from '../support/server.ts'
import { ACME, NEW_HOUSE, OLD_PASSWORD, oldCompany, oldUser } from './house.ts'

const MOVERS = ['a@acme.test', 'b@acme.test', 'c@acme.test']

for (const database of databases) {
  test(`an operator sees who has moved and who has not, page by page, what failed and what was left out (${database})`, async () => {
    const companies = [oldCompany(ACME, 'ACME', 'create_invoice', 'fly')]
    await using old = await startOldServer(
      Object.fromEntries(MOVERS.map((email) => [email, oldUser(email, companies)])),
    )
    const waiting = ['w1@acme.test', 'w2@acme.test', 'w3@acme.test']
    const house = { ...NEW_HOUSE, users: [...NEW_HOUSE.users, ...waiting.map((email) => ({ email }))] }
    await using server = await startServer(database, { house, env: old.env })
    const env = { ...besideServer(server), ...old.env }
    const status = async (...options: string[]) => {
      const { code, stdout, stderr } = await runCommand(env, ['upstream', 'status', ...options])
      assert.deepEqual([code, stderr], [0, ''])
      return stdout
    }
    const doctor = async () => {
      const { stdout } = await runCommand(env, ['doctor', '--json'])
      return JSON.parse(stdout).checks.find((check: { name: string }) => check.name === 'upstream')
    }

    assert.match(
      await status(),
      /^Who has no password here is asked of http:.*\nMoved: 0\.\nKnown here, without a password yet: 3\./,
    )
    for (const email of MOVERS) assert.equal((await signIn(server, email, OLD_PASSWORD)).status, 200)
    assert.equal((await signIn(server, 'w1@acme.test', OLD_PASSWORD)).status, 401)
    old.behave = (_request, response) => response.writeHead(502).end('') !== undefined
    assert.equal((await signIn(server, 'w2@acme.test', OLD_PASSWORD)).status, 503)
    old.behave = () => false

    const admin = new LicenseAdmin({ baseUrl: server.url, apiKey: await makeKey(server) })
    const told = await admin.upstream.status()
    assert.deepEqual(
      [told.url, told.users.moved, told.users.waiting, told.last_7_days.refused, told.last_7_days.failed],
      [old.url, 3, 3, 1, 1],
    )
    assert.deepEqual(
      told.last_7_days.failures.map(({ reason, application, times }) => [reason, application, times]),
      [['status 502', 'crm', 1]],
    )
    assert.deepEqual(
      told.left_out.map(({ why, what, times }) => [why, what, times]),
      [['permission_unknown', 'fly', 3]],
    )
    const pages = admin.upstream.users({ state: 'moved' }, { pageSize: 1 })
    assert.deepEqual(
      (await pages.toArray()).map(({ email, application }) => [email, application]),
      [...MOVERS].reverse().map((email) => [email, 'crm']),
    )
    const left = await admin.upstream.users({ state: 'waiting' }, { pageSize: 2 }).toArray()
    assert.deepEqual(
      left.map(({ email, moved_at }) => [email, moved_at]),
      waiting.map((email) => [email, null]),
    )
    const support = await makeKey(server, { power: { kind: 'support' }, scopes: ['upstream:read'] })
    assert.equal((await ask(server, support, 'GET /upstream')).status, 200)
    for (const line of [
      'GET /upstream/users',
      'GET /upstream/users?state=all',
      'GET /upstream/users?state=moved&cursor=WyJ4IiwieSJd',
    ])
      assert.equal((await ask(server, support, line)).status, 400, line)

    // On the command lines: the server's own and the one over the API.
    const json = JSON.parse(await status('--json'))
    assert.deepEqual([json.url, json.moved, json.waiting, json.refused, json.failed], [old.url, 3, 3, 1, 1])
    const text = await status()
    assert.match(text, /^Moved: 3, the last one on /m)
    assert.match(text, /^status 502 +crm +1 /m)
    assert.match(text, /^permission_unknown +fly +crm +3 /m)
    assert.match(
      await status('--list', 'moved', '--limit', '2'),
      /^EMAIL.*\nc@acme\.test .* crm\nb@acme\.test .* crm\nThere may be more: --after b@acme\.test\n$/,
    )
    assert.match(await status('--list', 'moved', '--after', 'b@acme.test'), /^EMAIL.*\na@acme\.test .* crm\n$/)
    assert.deepEqual(
      JSON.parse(await status('--list', 'waiting', '--json', '--after', 'w1@acme.test')).map(
        ({ email }: { email: string }) => email,
      ),
      waiting.slice(1),
    )
    for (const wrong of [
      ['--list', 'none'],
      ['--after', 'a@acme.test'],
      ['--limit', '0'],
    ])
      assert.equal((await runCommand(env, ['upstream', 'status', ...wrong])).code, 2, wrong.join(' '))
    const cli = await CommandLine.at(server)
    assert.match(await cli.text(['upstream', 'status']), /moved +3\n.*\nwaiting +3 known there/)
    assert.equal((await cli.json(['upstream', 'list', '--state', 'moved'])).length, 3)
    assert.match(await cli.text(['upstream', 'list']), /w1@acme\.test\n/)

    // The doctor asks whether it answers, and says when it is needed no more.
    assert.deepEqual(
      [(await doctor()).state, old.asked.at(-1)],
      ['ok', { line: 'GET /api/v1/auth/users/profile/', headers: { 'content-type': 'application/json' }, body: '' }],
    )
    for (const email of waiting) old.users.set(email, oldUser(email, companies))
    server.clock.advance(60_000)
    for (const email of waiting) assert.equal((await signIn(server, email, OLD_PASSWORD)).status, 200)
    const done = await doctor()
    assert.deepEqual(
      [done.state, /everybody who is known here has a password \(6 moved\)/.test(done.says)],
      ['warning', true],
    )
    await old.stop()
    assert.equal((await doctor()).state, 'fault')
    const { stdout } = await runCommand(besideServer(server), ['doctor', '--json'])
    assert.doesNotMatch(stdout, /"upstream"/)
    const { stdout: unset } = await runCommand(besideServer(server), ['upstream', 'status'])
    assert.match(unset, /^LICENSE_UPSTREAM is not set/)
  })
}
