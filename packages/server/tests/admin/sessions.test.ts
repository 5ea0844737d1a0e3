import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, askFor, BERT, CARLA, MANAGED_HOUSE, makeKey, NOBODY } from '../support/admin.ts'
import { call } from '../support/calls.ts'
import { issue } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'

for (const database of databases) {
  test(`one session ends by its id, in the very next answer, and no other (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const operator = await makeKey(server)
    const first = await issue(server, 'bert@acme.test', 'crm')
    const [{ id }] = (await askFor(200, server, operator, `GET /users/${BERT}/tokens`)).items
    const second = await issue(server, 'bert@acme.test', 'crm')
    const carlas = await issue(server, 'carla@globex.test', 'crm')
    const look = async (token: string) => (await call(server, 'GET get-permissions/', { module: 'crm', token })).status
    assert.deepEqual([await look(first), await look(second)], [200, 200])

    // Nobody else's way, and no one's by another's name.
    const refused: [key: string, line: string, status: number][] = [
      [await makeKey(server, { power: { kind: 'support' } }), `/users/${BERT}/tokens/${id}`, 403],
      [await makeKey(server, { scopes: ['users:write'] }), `/users/${BERT}/tokens/${id}`, 403],
      [operator, `/users/${CARLA}/tokens/${id}`, 404],
      [operator, `/users/${NOBODY}/tokens/${id}`, 404],
      [operator, `/users/${BERT}/tokens/${NOBODY}`, 404],
      [operator, `/users/${BERT}/tokens/${first}`, 400],
    ]
    for (const [key, line, status] of refused) {
      const reply = await ask(server, key, `DELETE ${line}`)
      assert.equal(reply.status, status, line)
      assert.ok(!JSON.stringify(reply.body).includes(first))
    }
    assert.deepEqual([await look(first), await look(second), await look(carlas)], [200, 200, 200])
    const told = () => askFor(200, server, operator, 'GET /audit?act=token.revoked')
    assert.deepEqual((await told()).items, [])

    await askFor(204, server, operator, `DELETE /users/${BERT.toUpperCase()}/tokens/${id.toUpperCase()}`)
    assert.deepEqual([await look(first), await look(second), await look(carlas)], [401, 200, 200])
    const [entry] = (await told()).items
    assert.deepEqual([entry.target, entry.application, entry.data], [{ kind: 'token', id }, 'crm', { user: BERT }])
    // Asked for again, it holds as before, and nothing happened.
    await askFor(204, server, operator, `DELETE /users/${BERT}/tokens/${id}`)
    assert.equal((await told()).items.length, 1)
    const left = (await askFor(200, server, operator, `GET /users/${BERT}/tokens`)).items
    assert.equal(left.length, 1)
    assert.notEqual(left[0].id, id)
  })
}
