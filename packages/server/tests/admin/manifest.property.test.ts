import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HouseFile as SeedFile } from '../../src/imports/house-schema.ts'
import { arbitraryHouse, type House } from '../domain/houses.ts'
import { ask, askFor, makeKey } from '../support/admin.ts'
import { CHEAP_HASH, issue } from '../support/house.ts'
import { differenceOf, type Lists, peopleOf } from '../support/manifests.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const HOUSES = 60

type Entry = { slug: string; needs: string | null; operator_only: boolean; renamed_from?: string }
type Role = { key: string; permissions: string[]; renamed_from?: string }
type Document = { permissions: Entry[]; roles?: Role[] }

// What is drawn; indexes are taken modulo what there is.
const index = fc.nat(99)
const drawnChange = fc.record({
  permissions: fc.array(fc.record({ what: fc.nat(9), needs: index }), { minLength: 8, maxLength: 8 }),
  added: fc.array(fc.record({ needs: index, above: index }), { maxLength: 2 }),
  roles: fc.array(fc.record({ what: fc.nat(7), permissions: fc.array(index, { maxLength: 3 }) }), {
    minLength: 4,
    maxLength: 4,
  }),
  leavesRoles: fc.nat(3),
})
type DrawnChange = typeof drawnChange extends fc.Arbitrary<infer T> ? T : never

/** Another manifest: of each permission some stay, some go, get another name, or need something else. */
function changedDocument(document: Document, drawn: DrawnChange): Document {
  const names = new Map<string, string>()
  const entries: Entry[] = []
  for (const [at, entry] of document.permissions.entries()) {
    const { what = 9 } = drawn.permissions[at % drawn.permissions.length] ?? {}
    const isSpecial = entry.slug === 'use_app' || entry.slug === 'is_superuser'
    if (what === 0 && entry.slug !== 'use_app') continue
    const isRenamed = what === 1 && !isSpecial
    const slug = isRenamed ? `new.${entry.slug}` : entry.slug
    names.set(entry.slug, slug)
    entries.push({ ...entry, slug, ...(isRenamed ? { renamed_from: entry.slug } : {}) })
  }
  const needable = () => entries.map(({ slug }) => slug).filter((slug) => slug !== 'is_superuser')
  for (const { needs } of drawn.added) {
    const slug = `added${entries.length}`
    entries.push({ slug, needs: needable()[needs % needable().length] ?? null, operator_only: false })
  }
  for (const [at, entry] of entries.entries()) {
    const { what = 9, needs = 0 } = drawn.permissions[at % drawn.permissions.length] ?? {}
    if (entry.slug === 'use_app' || entry.slug === 'is_superuser') continue
    if (!entry.slug.startsWith('added')) entry.needs = names.get(entry.needs ?? '') ?? null
    if (what >= 2 && what <= 6) entry.needs = needable()[needs % needable().length] ?? null
  }
  const bySlug = new Map(entries.map((entry) => [entry.slug, entry]))
  for (const entry of entries) {
    const above = new Set([entry.slug])
    for (let up = entry.needs; up !== null; up = bySlug.get(up)?.needs ?? null) {
      if (above.has(up)) entry.needs = null
      if (above.has(up)) break
      above.add(up)
    }
  }
  if (drawn.leavesRoles === 0) return { permissions: entries }
  const all = entries.map(({ slug }) => slug).filter((slug) => slug !== 'use_app')
  const roles = (document.roles ?? []).flatMap((role, at): Role[] => {
    const { what = 7, permissions = [] } = drawn.roles[at % drawn.roles.length] ?? {}
    if (what === 0) return []
    const kept = role.permissions.flatMap((slug) => names.get(slug) ?? [])
    const more = all.length === 0 ? [] : permissions.map((each) => all[each % all.length] ?? '')
    const held = what > 4 ? kept : what > 2 ? [...kept, ...more] : more
    return [
      what === 1
        ? { key: `new.${role.key}`, permissions: held, renamed_from: role.key }
        : { ...role, permissions: held },
    ]
  })
  return { permissions: entries, roles }
}

/** The same house with everything in force, so that more of it can be lost. */
function inForce(house: House): House {
  const dated = ['starts_at', 'ends_at', 'until', 'suspended', 'active', 'seat']
  const file = JSON.parse(
    JSON.stringify(house.file, (key, value) =>
      dated.includes(key) ? undefined : key === 'from' ? '2020-01-01' : value,
    ),
  )
  // Without its times a grant that stood twice would be the same.
  for (const { companies } of file.users)
    for (const membership of companies)
      membership.grants = membership.grants.filter(
        (grant: { application: string }, at: number) =>
          membership.grants.findIndex((each: typeof grant) => each.application === grant.application) === at,
      )
  return { ...house, file }
}

/** Asks for all of a house's people, again and again. */
async function signIn(server: TestServer, { file }: House, application: string): Promise<() => Promise<Lists>> {
  const isOff = file.applications.some(({ id, active }) => id === application && active === false)
  const people = isOff ? [] : file.users.filter(({ active }) => active !== false)
  const sessions: { id: string; session: ReturnType<ReturnType<TestServer['license']>['session']> }[] = []
  for (const { id, email } of people) {
    const token = await issue(server, email, application)
    sessions.push({ id, session: server.license(application).session(token) })
  }
  return async () => {
    const lists: Lists = new Map()
    for (const { id, session } of sessions)
      for (const company of (await session.getPermissions({ allowEmpty: true })).companies)
        lists.set(`${id} ${company.id}`, [...company.permissions])
    return lists
  }
}

for (const database of databases) {
  test(`who loses and who gains by a manifest is what differs between the answers before and after (${database})`, async () => {
    await using server = await startServer(database)
    const key = await makeKey(server)
    const seen = { changes: 0, loses: 0, gains: 0, removed: 0, renamed: 0, moved: 0 }
    for (let number = 0; number < HOUSES; number++) {
      const options = { zone: 'UTC', tag: `m${number}`, credentials: { password_hash: CHEAP_HASH } }
      // The first ones of a run are small: the last is taken.
      const generated = fc.sample(arbitraryHouse(options), { numRuns: 30, seed: number }).at(-1)
      const drawn = fc.sample(drawnChange, { numRuns: 30, seed: number })
      assert.ok(generated)
      const house = number % 3 === 0 ? generated : inForce(generated)
      server.clock.stopAt(house.now)
      await server.seed(house.file as SeedFile)
      for (const [at, { id }] of house.file.applications.entries()) {
        const path = `/applications/${id}/manifest`
        const document: Document = await askFor(200, server, key, `GET ${path}`)
        const change = drawn.at(-1 - at)
        assert.ok(change)
        const body = { manifest: changedDocument(document, change), allow_removals: true }
        const told = `${JSON.stringify(house.file)}\n${JSON.stringify(body)}`
        const answers = await signIn(server, house, id)
        const before = await answers()
        const planned = await ask(server, key, `POST ${path}/plan`, { body })
        assert.equal(planned.status, 200, `${JSON.stringify(planned.body)}\n${told}`)
        const done = await ask(server, key, `PUT ${path}`, { body, headers: { 'if-match': planned.body.etag } })
        assert.equal(done.status, 200, `${JSON.stringify(done.body)}\n${told}`)
        const people = peopleOf(planned.body)
        assert.deepEqual(people, differenceOf(before, await answers(), planned.body), told)
        const { loses, gains } = planned.body.people
        assert.deepEqual([loses, gains], [people.loses.length, people.gains.length])
        // What was written is what is there, and nothing is left to do.
        const again = await ask(server, key, `POST ${path}/plan`, { body })
        assert.deepEqual([again.status, again.body.changes], [200, []], `${JSON.stringify(again.body)}\n${told}`)
        const kinds: string[] = planned.body.changes.map((each: { change: string }) => each.change)
        const count = (kind: string) => kinds.filter((each) => each === kind).length
        seen.changes += kinds.length
        seen.loses += loses
        seen.gains += gains
        seen.removed += count('permission_removed')
        seen.renamed += count('permission_renamed')
        seen.moved += count('permission_moved')
      }
    }
    // Otherwise nothing was compared.
    for (const [what, count] of Object.entries(seen)) assert.ok(count >= 10, `${what}: ${JSON.stringify(seen)}`)
  })
}
