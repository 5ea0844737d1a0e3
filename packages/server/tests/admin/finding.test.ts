import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { ACME, ANNA, askFor, BERT, BORIS, CARLA, GLOBEX, MANAGED_HOUSE, makeKey, NOBODY } from '../support/admin.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

type Person = { id: string; email: string }

async function find(server: TestServer, key: string, path: string): Promise<string[]> {
  return (await askFor(200, server, key, `GET ${path}`)).items.map(
    (item: { email?: string; name?: string; user?: Person }) =>
      item.user ? item.user.email : (item.email ?? item.name),
  )
}

for (const database of databases) {
  test(`people are found by how the address or a name begins, in any case and with any blanks; companies by their name (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const cases: [q: string, found: string[]][] = [
      ['ann', ['anna@acme.test']],
      ['ANNA', ['anna@acme.test']],
      ['anna ames', ['anna@acme.test']],
      ['Anna  Ames', ['anna@acme.test']],
      ['ames', ['anna@acme.test']],
      ['bloom', ['bella@acme.test', 'bert@acme.test']],
      ['b', ['bella@acme.test', 'bert@acme.test', 'boris@acme.test']],
      ['ács', ['boris@acme.test']],
      ['ÁCS', ['boris@acme.test']],
      [BERT, ['bert@acme.test']],
      [BERT.toUpperCase(), ['bert@acme.test']],
      [NOBODY, []],
      ['nna', []],
      ['%', []],
      ['_', []],
      ["' or 1=1 --", []],
    ]
    for (const [q, found] of cases)
      assert.deepEqual([q, (await find(server, key, `/users?q=${encodeURIComponent(q)}`)).sort()], [q, found])
    assert.equal((await find(server, key, '/users')).length, MANAGED_HOUSE.users.length)
    // Of one name, by id.
    assert.deepEqual(await find(server, key, `/companies/${ACME}/members?q=bloom`), [
      'bert@acme.test',
      'bella@acme.test',
    ])
    assert.deepEqual(await find(server, key, `/companies/${GLOBEX}/members`), ['carla@globex.test', 'dora@acme.test'])
    assert.deepEqual(await find(server, key, '/companies?q=glo'), ['Globex'])
    assert.deepEqual(await find(server, key, `/companies?q=${ACME}`), ['ACME'])
    // An exact id looks where the list looks.
    assert.deepEqual(await find(server, key, `/companies/${ACME}/members?q=${BERT.toUpperCase()}`), ['bert@acme.test'])
    assert.deepEqual(await find(server, key, `/companies/${GLOBEX}/members?q=${BERT}`), [])
    assert.deepEqual(await find(server, key, `/users?company=${ACME}&q=${BERT}`), ['bert@acme.test'])
    assert.deepEqual(await find(server, key, `/users?company=${GLOBEX}&q=${BERT}`), [])
    const acmes = await makeKey(server, { power: { kind: 'company', companyId: ACME } })
    for (const [q, found] of [
      ['', ['ACME']],
      ['ac', ['ACME']],
      [ACME.toUpperCase(), ['ACME']],
      ['glo', []],
      ['acme ltd', []],
      [GLOBEX, []],
    ] as const)
      assert.deepEqual([q, await find(server, acmes, `/companies?q=${encodeURIComponent(q)}`)], [q, found])
    // What is changed is found by what it is now.
    await askFor(200, server, key, `PATCH /users/${ANNA}`, { body: { last_name: 'Zorn', email: 'zita@acme.test' } })
    assert.deepEqual(await find(server, key, '/users?q=ames'), [])
    assert.deepEqual(await find(server, key, '/users?q=zorn'), ['zita@acme.test'])
    assert.deepEqual(await find(server, key, '/users?q=z'), ['zita@acme.test'])
    await server.seed({ users: [{ email: 'boris@acme.test', last_name: 'Kovács' }] })
    assert.deepEqual(await find(server, key, '/users?q=kov'), ['boris@acme.test'])
    await askFor(204, server, key, `DELETE /users/${BORIS}`)
    assert.deepEqual(await find(server, key, '/users?q=boris'), [])
    await askFor(200, server, key, `PATCH /companies/${ACME}`, { body: { name: 'Zenith' } })
    assert.deepEqual(await find(server, key, '/companies?q=zen'), ['Zenith'])
  })

  test(`pages follow each other without a gap or a repetition, also while somebody is added before them (${database})`, async () => {
    const people = Array.from({ length: 57 }, (_, nth) => ({
      email: `p${String(nth).padStart(3, '0')}@acme.test`,
      first_name: 'Pat',
      last_name: `Pine ${nth % 5}`,
      companies: [{ company: ACME }],
    }))
    await using server = await startServer(database, {
      house: { ...MANAGED_HOUSE, users: [...MANAGED_HOUSE.users, ...people] },
    })
    const key = await makeKey(server)
    for (const [path, wanted] of [
      ['/users?q=p', people.length],
      ['/users?q=pat', people.length],
      ['/users?q=pine', people.length],
      [`/companies/${ACME}/members?q=pat`, people.length],
      [`/companies/${ACME}/members?q=`, people.length + 6],
      ['/users?q=', people.length + MANAGED_HOUSE.users.length],
    ] as const) {
      const seen: string[] = []
      for (let cursor = '', page = 0; ; page++) {
        const { items, next_cursor } = await askFor(200, server, key, `GET ${path}&limit=10${cursor}`)
        assert.ok(items.length <= 10)
        seen.push(...items.map((item: Person & { user?: Person }) => item.user?.email ?? item.email))
        if (page === 1) await server.seed({ users: [{ email: `a${seen.length}${path.length}@aaa.test` }] })
        if (next_cursor === null) break
        cursor = `&cursor=${next_cursor}`
      }
      assert.deepEqual([path, seen.length, new Set(seen).size], [path, wanted, wanted])
      await server.ctx.db.transaction(async (tx) => {
        await sql`delete from user_terms where user_id in (select id from users where email like '%@aaa.test')`.execute(
          tx,
        )
        await sql`delete from users where email like '%@aaa.test'`.execute(tx)
      })
    }
    for (const wrong of [
      'limit=0',
      'limit=201',
      'limit=x',
      'cursor=x',
      'cursor=W10',
      'cursor=WzEsMl0',
      `cursor=${btoa('["a"]')}`,
    ])
      await askFor(400, server, key, `GET /users?${wrong}`)
    assert.equal((await find(server, key, `/users?q=${CARLA}`)).length, 1)
  })
}
