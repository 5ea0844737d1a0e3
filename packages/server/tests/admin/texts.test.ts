import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, askFor, BERT, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { databases, startServer } from '../support/server.ts'

/** Fields that hold whatever a person writes, and where they are changed. */
const FIELDS: [string, string, (text: string) => object][] = [
  ['first_name', `PATCH /users/${BERT}`, (first_name) => ({ first_name })],
  ['last_name', `PATCH /users/${BERT}`, (last_name) => ({ last_name })],
  ['pin', `PATCH /users/${BERT}`, (pin) => ({ pin })],
  ['name', `PATCH /companies/${ACME}`, (name) => ({ name })],
  ['name', 'PATCH /applications/crm', (name) => ({ name })],
  ['note', `PATCH /companies/${ACME}/licenses/crm`, (note) => ({ note })],
]
/** What PostgreSQL and UTF-8 have no form for. */
const NO_TEXTS = ['\0', 'a\0b', '\ud800', 'a\udfffb', '\udc00\ud800']
const TEXTS = ['💥', 'Ács', 'ﷺ', 'e\u0301', '名']

for (const database of databases) {
  test(`a text is kept as it was sent, and what is none is refused (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    for (const [field, line, body] of FIELDS) {
      for (const text of TEXTS)
        assert.equal((await askFor(200, server, key, line, { body: body(text) }))[field], text, `${line} ${field}`)
      for (const text of NO_TEXTS) {
        const { errors } = await askFor(400, server, key, line, { body: body(text) })
        assert.equal(errors[0].path, `/body/${field}`)
      }
      const [, address = ''] = line.split(' ')
      assert.equal((await askFor(200, server, key, `GET ${address}`))[field], TEXTS.at(-1))
    }
    await askFor(400, server, key, 'GET /users?q=%00')
  })
}
