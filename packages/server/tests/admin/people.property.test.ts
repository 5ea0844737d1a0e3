import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { insertMembership } from '../../src/directory/membership-store.ts'
import { writeUserTerms } from '../../src/directory/user-search.ts'
import { ask, askFor, makeKey } from '../support/admin.ts'
import { assertPeopleTerms } from '../support/people.ts'
import { type DatabaseKind, databases, startServer, type TestServer } from '../support/server.ts'

const HOUSES = 4
const ACTS = 120
const COMPANIES = [1, 2, 3].map((nth) => `00000000-0000-7000-8000-00000000c00${nth}`)
const USERS = Array.from({ length: 14 }, (_, nth) => `00000000-0000-7000-8000-0000000000${nth + 10}`)
// Few, so that people meet: names that begin as addresses do, capitals, accents, none.
const NAMES = ['', 'Ann', 'anna', 'Ámos', 'a1@x.test', 'Bo', 'ZOE', 'ﬁn']
const ADDRESSES = ['a', 'an', 'ann', 'b', 'bo', 'z', 'fin', 'a1', 'a2', 'b1', 'zo', 'am', 'c', 'd'].map(
  (name) => `${name}@x.test`,
)
const SEARCHES = ['', 'a', 'AN', 'ann', 'á', 'a1@x', 'b', 'bo zoe', 'z', 'fi', '@', 'anna anna']

const pick = <T>(from: readonly T[]) => fc.constantFrom(...from)
const user = pick(USERS)
const company = pick(COMPANIES)
const managedBy = fc.oneof(fc.constant(null), company)
const names = { first_name: pick(NAMES), last_name: pick(NAMES) }

const email = pick(ADDRESSES)
/** One request each; many are refused, which changes nothing. */
const act = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constant('make'), user, email, ...names, managedBy, company: managedBy }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('join'), user, company }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave'), user, company }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('rename'), user, ...names }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move'), user, email }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('manage'), user, email, managedBy }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('switch'), user, company, active: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), user }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('seed'), email, ...names, company }) },
)
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

async function doAct(server: TestServer, key: string, wanted: Act): Promise<unknown> {
  const send = (line: string, body?: object) => ask(server, key, line, body ? { body } : {})
  const { kind } = wanted
  if (kind === 'seed') {
    const { email, first_name, last_name, company } = wanted
    // Of an address that a deleted user had it is refused.
    return server
      .seed({ users: [{ email, first_name, last_name, companies: [{ company, active: true }] }] })
      .catch(() => undefined)
  }
  const user = `/users/${wanted.user}`
  if (kind === 'make') {
    const { email, first_name, last_name, managedBy: managed_by, company } = wanted
    const more = company === null ? {} : { company }
    return send('POST /users', { id: wanted.user, email, first_name, last_name, managed_by, ...more })
  }
  if (kind === 'rename') return send(`PATCH ${user}`, { first_name: wanted.first_name, last_name: wanted.last_name })
  if (kind === 'move') return send(`PATCH ${user}`, { email: wanted.email, take_up_deleted: true })
  if (kind === 'manage')
    return send(`PATCH ${user}`, { managed_by: wanted.managedBy, email: wanted.email, take_up_deleted: true })
  if (kind === 'delete') return send(`DELETE ${user}`)
  const members = `/companies/${wanted.company}/members`
  if (kind === 'join') return send(`POST ${members}`, { user: wanted.user, despite_manager: true })
  if (kind === 'leave') return send(`DELETE ${members}/${wanted.user}`)
  return send(`PATCH ${members}/${wanted.user}`, { active: wanted.active })
}

type Person = { id: string; email: string; first_name: string; last_name: string }

/** Everybody, by what is told of each alone. */
async function peopleOf(
  server: TestServer,
  key: string,
): Promise<(Person & { members: string[]; managed: string | null })[]> {
  const ids = (await server.ctx.db.read.selectFrom('users').select('id').execute()).map(({ id }) => id)
  const told = await Promise.all(ids.map((id) => ask(server, key, `GET /users/${id}`)))
  return told
    .filter(({ status }) => status === 200)
    .map(({ body }) => ({
      ...body,
      managed: body.managed_by,
      members: body.companies.map((each: { company: { id: string } }) => each.company.id),
    }))
}

const plain = (text: string) => text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim()
/** By code point, as both databases sort. */
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** The naive list: looks at each, and sorts. */
function naive(people: readonly Person[], q: string): string[] {
  return people
    .flatMap((person) => {
      const { email, first_name, last_name, id } = person
      const terms = plain(q) === '' ? [email] : [email, plain(`${first_name} ${last_name}`), plain(last_name)]
      const [first] = terms.filter((term) => term !== '' && term.startsWith(plain(q))).sort(byBytes)
      return first === undefined ? [] : [{ first, id }]
    })
    .sort((a, b) => byBytes(a.first, b.first) || byBytes(a.id, b.id))
    .map(({ id }) => id)
}

/** All pages of a list. */
async function listed(server: TestServer, key: string, path: string, limit: number): Promise<string[]> {
  const found: string[] = []
  for (let cursor = ''; ; ) {
    const page = await askFor(200, server, key, `GET ${path}&limit=${limit}${cursor}`)
    assert.ok(page.items.length <= limit)
    found.push(...page.items.map((item: { id?: string; user?: { id: string } }) => item.user?.id ?? item.id))
    if (page.next_cursor === null) return found
    assert.equal(page.items.length, limit, 'a page before the last one is full')
    cursor = `&cursor=${page.next_cursor}`
  }
}

async function newHouse(database: DatabaseKind): Promise<{ server: TestServer; key: string }> {
  const server = await startServer(database, {
    house: { companies: COMPANIES.map((id, nth) => ({ id, name: `Company ${nth}` })) },
  })
  return { server, key: await makeKey(server) }
}

for (const database of databases) {
  test(`lists and searches of people, of the house and of a company, tell what a look at each person tells (${database})`, async () => {
    let stored = 0
    for (let seed = 1; seed <= HOUSES; seed++) {
      const { server, key } = await newHouse(database)
      await using _server = server
      for (const each of fc.sample(act, { numRuns: ACTS, seed })) await doAct(server, key, each)
      stored += await assertPeopleTerms(server.ctx.db)
      const people = await peopleOf(server, key)
      const lists = COMPANIES.flatMap((id) => {
        const members = people.filter((person) => person.members.includes(id))
        const all = people.filter((person) => person.managed === id || person.members.includes(id))
        return [
          { path: `/companies/${id}/members?`, of: members },
          { path: `/users?company=${id}&`, of: all },
        ]
      })
      for (const [nth, q] of SEARCHES.entries())
        for (const { path, of } of [...lists, { path: '/users?', of: people }]) {
          const found = await listed(server, key, `${path}q=${encodeURIComponent(q)}`, 1 + ((nth + seed) % 4))
          assert.deepEqual([path, q, found], [path, q, naive(of, q)])
        }
    }
    assert.ok(stored > 60, `${stored} rows`)
  })

  test(`what a company's people are found by is right after acts that come all at once (${database})`, async () => {
    const { server, key } = await newHouse(database)
    await using _server = server
    const acts = fc.sample(act, { numRuns: 240, seed: 77 })
    // At most eight at a time, all over the same few people.
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let next = acts.pop(); next; next = acts.pop()) await doAct(server, key, next)
      }),
    )
    assert.ok((await assertPeopleTerms(server.ctx.db)) > 10)
  })

  test(`who joins while the name changes is found by the new one, whoever holds what (${database})`, async () => {
    const { server, key } = await newHouse(database)
    await using _server = server
    const [id = '', companyId = ''] = [USERS[0], COMPANIES[0]]
    const person = { email: 'a@x.test', first_name: 'Ann', last_name: 'Old' }
    await askFor(201, server, key, 'POST /users', { body: { id, ...person } })
    const joined = Promise.withResolvers<void>()
    const renamed = Promise.withResolvers<void>()
    const { db } = server.ctx
    // Neither this nor the other takes the person's row first, as acts do.
    const joining = db.transaction(async (tx) => {
      await insertMembership(tx, { userId: id, companyId, role: 'member', isPrimary: false, joinedAt: 0 })
      joined.resolve()
      await renamed.promise
    })
    await joined.promise
    const renaming = db.transaction(async (tx) => {
      await tx.updateTable('users').set({ last_name: 'New' }).where('id', '=', id).execute()
      await writeUserTerms(tx, { id, email: person.email, firstName: person.first_name, lastName: 'New' })
    })
    await Promise.race([renaming, sleep(300)])
    renamed.resolve()
    await Promise.all([joining, renaming])
    assert.equal(await assertPeopleTerms(db), 3)
    assert.deepEqual(await listed(server, key, `/companies/${companyId}/members?q=old`, 5), [])
    assert.deepEqual(await listed(server, key, `/companies/${companyId}/members?q=new`, 5), [id])
  })
}
