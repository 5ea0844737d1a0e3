import { test } from 'node:test'
import { ACME, ANNA, askFor, BERT, MANAGED_HOUSE, makeKey } from '/tmp/h/events/packages/server/tests/support/admin.ts'
import { settle, want } from '/tmp/h/events/packages/server/tests/support/events.ts'
import { databases, startServer } from '/tmp/h/events/packages/server/tests/support/server.ts'

for (const database of databases)
  test(`smoke ${database}`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    await want(server, 'crm')
    const key = await makeKey(server)
    console.log(await server.ctx.db.read.selectFrom('announced').selectAll().execute())
    console.log(await server.ctx.db.read.selectFrom('told').selectAll().execute())
    await askFor(200, server, key, `PATCH /users/${BERT}`, { body: { email: 'bert2@acme.test' } })
    await askFor(204, server, key, `DELETE /companies/${ACME}/seats/crm/${ANNA}`)
    await settle(server)
    await askFor(204, server, key, `DELETE /users/${BERT}`)
    await askFor(200, server, key, `PATCH /companies/${ACME}`, { body: { name: 'ACME 2' } })
    await settle(server)
    for (const e of await server.ctx.db.read.selectFrom('events').selectAll().orderBy('seq').execute())
      console.log(e.seq, e.type, e.version, e.data, e.changed, e.erase_at)
    console.log(await server.ctx.db.read.selectFrom('due').selectAll().execute())
  })
