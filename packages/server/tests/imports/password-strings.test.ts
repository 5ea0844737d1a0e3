import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { ACME, askFor, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { signIn } from '../support/calls.ts'
import { FOREIGN, IMPORTED, REFUSED_STRINGS } from '../support/password-strings.ts'
import { databases, startServer } from '../support/server.ts'

for (const database of databases) {
  test(`every kind of password string moves in by the API, signs in with its password alone, and is ours after (${database})`, async () => {
    const licenses = MANAGED_HOUSE.licenses.map((license) => ({ ...license, seats: null }))
    await using server = await startServer(database, { house: { ...MANAGED_HOUSE, licenses } })
    const key = await makeKey(server)
    const strings = Object.entries(FOREIGN)
    const rows = [
      ...strings.map(([, password_hash], nth) => ({ email: `kind${nth}@old.test`, password_hash })),
      ...REFUSED_STRINGS.map((password_hash, nth) => ({ email: `refused${nth}@old.test`, password_hash })),
      { email: 'unusable@old.test', password_hash: '!unusable' },
    ]
    const file = { kind: 'users', name: 'x', digest: hash('sha256', 'x', 'base64url'), total: rows.length }
    const { id } = await askFor(201, server, key, 'POST /imports', { body: { ...file, options: { company: ACME } } })
    const told = await askFor(200, server, key, `POST /imports/${id}/rows`, { body: { from: 0, rows } })
    assert.deepEqual(
      told.rows.map(({ outcome }: { outcome: string }) => outcome),
      [...strings.map(() => 'created'), ...REFUSED_STRINGS.map(() => 'refused'), 'created'],
    )
    // A string is near to a password: it is repeated nowhere.
    for (const text of REFUSED_STRINGS.filter((each) => each.length > 20))
      assert.ok(!JSON.stringify(told).includes(text))

    const { read } = server.ctx.db
    const find = (email: string) =>
      read.selectFrom('users').select(['id', 'password_hash']).where('email', '=', email).executeTakeFirstOrThrow()
    for (const [nth, [scheme, string]] of strings.entries()) {
      const email = `kind${nth}@old.test`
      const stored = await find(email)
      assert.equal(stored.password_hash, string, scheme)
      await askFor(200, server, key, `PUT /companies/${ACME}/seats/crm/${stored.id}`, { body: {} })
      assert.equal((await signIn(server, email, `${IMPORTED}!`)).status, 401, scheme)
      assert.equal((await signIn(server, email, string)).status, 401, scheme)
      assert.equal((await signIn(server, email, IMPORTED)).status, 200, scheme)
      assert.match((await find(email)).password_hash ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/, scheme)
    }
    assert.equal((await find('unusable@old.test')).password_hash, null)
    assert.equal((await signIn(server, 'unusable@old.test', '!unusable')).status, 401)

    // By these the time of a refusal is known, also after they are made anew.
    const schemes = (await read.selectFrom('password_schemes').select('scheme').execute()).map(({ scheme }) => scheme)
    for (const scheme of ['pbkdf2-sha512 2100', 'pbkdf2-sha256 5500', 'pbkdf2-sha256 1000', 'pbkdf2 6000', 'bcrypt 4'])
      assert.ok(schemes.includes(scheme), `${scheme} of ${schemes.join(', ')}`)
  })
}
