import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { openDigest } from '../support/generated/digest.ts'
import { newPlayed, play } from '../support/generated/play.ts'
import { setUpStage } from '../support/generated/stage.ts'
import { type Answer, shown, type Wire } from '../support/generated/wire.ts'
import { PASSWORD } from '../support/house.ts'
import { type DatabaseKind, databases, startServer } from '../support/server.ts'

const SEEDS = [11, 12, 13]
const REQUESTS = 400
const NOW = Date.parse('2026-06-01T12:00:00Z')

type Heard = { asked: string; answered: string }

/** All that a house answers to one sequence of requests, at one moment. */
async function answersOf(database: DatabaseKind, seed: number): Promise<Heard[]> {
  await using server = await startServer(database)
  server.clock.stopAt(NOW)
  await server.seed(MANAGED_HOUSE)
  await using digest = await openDigest(server.config.database)
  const wish = { user: 'dora@acme.test', company: ACME, application: 'crm', reason: 'A call' }
  const setUp = await setUpStage(server.url, await makeKey(server), {
    digest,
    connections: 1,
    password: PASSWORD,
    oneTime: [await server.impersonate(wish)],
  })
  const heard: Heard[] = []
  const same = namesOfIds()
  const hears = (wire: Wire, answer: Answer) =>
    heard.push({ asked: same(shown(wire)), answered: `${answer.status} ${same(plain(answer))}` })
  const played = newPlayed()
  await play({ ...setUp, hears }, { count: REQUESTS, seed }, played)
  assert.deepEqual([...played.faults.keys()], [])
  assert.ok(played.stored > 10, `${played.stored} stored`)
  return heard
}

/** Without what is another each time, or written seconds later. */
function plain({ headers, body, text }: Answer): string {
  // Exports have what is a house's own, such as hashes and seals; tests of their own hold what is in them.
  if (/csv|ndjson/.test(String(headers['content-type']))) return 'an export'
  if (body === undefined) return text
  return JSON.stringify(body, (name, value) => {
    if (['request_id', 'seq', 'unsealed', 'end', 'last_used_at', 'expires_in'].includes(name)) return undefined
    if (name === 'next_cursor' && typeof value === 'string') return Buffer.from(value, 'base64url').toString()
    return name === 'secret' ? 'a secret' : value
  })
}

/** Ids by the order in which they were told first, secrets as one. */
function namesOfIds(): (text: string) => string {
  const known = new Map<string, string>()
  return (text) =>
    text
      .replace(/\bcl[a-z]_\w{20,}/g, 'a secret')
      .replace(/"if-match":"[^}]*?"(?=[,}])/g, 'a tag')
      .replace(/cursor=[\w%-]+/g, 'a cursor')
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, (id) => {
        known.set(id, known.get(id) ?? `id ${known.size + 1}`)
        return known.get(id) ?? ''
      })
}

const skip = databases.length === 2 ? false : 'needs PostgreSQL beside SQLite: run it by `npm test`'

for (const seed of SEEDS) {
  test(`SQLite and PostgreSQL answer the same sequence of requests alike (${seed})`, { skip }, async () => {
    const [sqlite, postgres] = [await answersOf('sqlite', seed), await answersOf('postgres', seed)]
    for (const [at, heard] of sqlite.entries()) assert.deepEqual(postgres[at], heard, `request ${at}`)
    assert.equal(postgres.length, sqlite.length)
  })
}
