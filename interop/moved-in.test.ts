// Who moved in from a Django site signs in through the published Python package with the password of before.
import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import { CommandLine, makeFolder } from '../packages/cli/tests/support/run.ts'
import { databases, startServer, type TestServer } from '../packages/server/tests/support/server.ts'
import { prepareEnvironments } from './environments.ts'
import { assertAllowed, assertRefused, readTable } from './expectations.ts'
import { acme, house } from './house.ts'
import { startPythonClient } from './python-client.ts'
import { releases } from './table.ts'

const environments = await prepareEnvironments()
const missing = 'missing' in environments ? environments.missing : undefined
const skip = process.env.CI ? false : (missing ?? false)

const EMAIL = 'mia.moved.in@django.test'
const PASSWORD = 'the password of before'
const folder = makeFolder()

/** As Django's default hasher writes it. */
function djangoHash(password: string): string {
  const [rounds, salt] = [600_000, 'Kq3v9Tn0hYxR2mWc8sLbZe']
  return `pbkdf2_sha256$${rounds}$${salt}$${pbkdf2Sync(password, salt, rounds, 32, 'sha256').toString('base64')}`
}

const AUTH_USER = [
  'id,password,last_login,is_superuser,username,first_name,last_name,email,is_staff,is_active,date_joined',
  `7,${djangoHash(PASSWORD)},,f,mia,Mia,"Moved, In",Mia.Moved.In@Django.test,f,t,2021-03-04 05:06:07+00`,
].join('\n')

async function storedHash({ ctx }: TestServer): Promise<string | null> {
  const users = ctx.db.read.selectFrom('users').select('password_hash').where('email', '=', EMAIL)
  return (await users.executeTakeFirstOrThrow()).password_hash
}

for (const database of databases) {
  test(`users of a Django site move in with their passwords, with ${database}`, { skip }, async () => {
    if ('missing' in environments) assert.fail(environments.missing)
    await using server = await startServer(database, { house })
    const license = await CommandLine.at(server)
    const row = readTable(releases).at(-1)
    assert.ok(row)
    await using client = await startPythonClient(environments.python(row.release), `${server.url}/api/v1`)
    const signIn = (password: string) =>
      client.perform({ application: 'crm', call: 'authenticate', arguments: [EMAIL, password] })
    assertRefused(row, 'authenticate', await signIn(PASSWORD), 401, 'before')

    const file = folder.file(`auth_user-${database}.csv`, AUTH_USER)
    const taken = await license.json(['import', 'users', file, '--company', acme.id, '--apply'])
    assert.deepEqual([taken.created, taken.refused], [1, 0])
    await license.text(['seat', 'add', EMAIL, acme.id, 'crm'])
    assert.match((await storedHash(server)) ?? '', /^pbkdf2_sha256\$600000\$/)

    assertRefused(row, 'authenticate', await signIn('another password'), 401, 'a wrong password')
    assertAllowed(row, 'authenticate', await signIn(PASSWORD))
    assert.match((await storedHash(server)) ?? '', /^\$argon2id\$/)
    assertAllowed(row, 'authenticate', await signIn(PASSWORD))
    assertRefused(row, 'authenticate', await signIn('another password'), 401, 'a wrong one later')
  })
}
