import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { call, signIn } from '../support/calls.ts'
import { issue, PASSWORD, user } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const PROFILE = 'GET users/profile/'
const PERMISSIONS = 'GET users/permissions/'

const COMPANIES = ['A', 'B', 'C', 'D']
// Each company has a permission of its own, so that the list tells whose it is.
const HOUSE = {
  companies: COMPANIES.map((name) => ({ name })),
  applications: [
    { id: 'till', name: 'Till', dialect: 'flat-0.2' as const, permissions: COMPANIES.map((slug) => ({ slug })) },
  ],
  licenses: COMPANIES.map((company) => ({ company, application: 'till', from: '2020-01-01' })),
}

/** Why the application can't be used there. */
const FLAWS = ['switched off', 'no seat', 'seat ended', 'license ended', 'license suspended', 'company off'] as const
type Membership = { company: string; isPrimary: boolean; flaw: (typeof FLAWS)[number] | undefined }

/** In the order in which they are joined. */
const memberships: fc.Arbitrary<Membership[]> = fc
  .tuple(
    fc.shuffledSubarray(COMPANIES, { minLength: 1 }),
    fc.integer({ min: -1, max: COMPANIES.length - 1 }),
    fc.array(fc.option(fc.constantFrom(...FLAWS), { nil: undefined, freq: 2 }), { minLength: 4, maxLength: 4 }),
  )
  .map(([companies, primary, flaws]) =>
    companies.map((company, at) => ({ company, isPrimary: at === primary, flaw: flaws[at] })),
  )

/** The choice, read off the story. */
function expectedOf(story: readonly Membership[]): string | undefined {
  const usable = story.filter(({ flaw }) => flaw === undefined)
  return (usable.find(({ isPrimary }) => isPrimary) ?? usable[0])?.company
}

async function join(server: TestServer, email: string, { company, isPrimary, flaw }: Membership): Promise<void> {
  const application = 'till'
  const ended = { seat: { ends_at: '2021-01-01' } }
  const grants = [{ application, permissions: [company], ...(flaw === 'seat ended' ? ended : {}) }]
  await server.seed({
    users: [
      {
        email,
        companies: [
          {
            company,
            primary: isPrimary,
            active: flaw !== 'switched off',
            grants: flaw === 'no seat' ? [] : grants,
          },
        ],
      },
    ],
    companies: [{ name: company, active: flaw !== 'company off' }],
    licenses: [
      {
        company,
        application,
        until: flaw === 'license ended' ? '2021-01-01' : null,
        suspended: flaw === 'license suspended',
      },
    ],
  })
}

for (const database of databases) {
  describe(`the one company of a user in a flat dialect, on ${database}`, () => {
    test('the primary one if the application may be used there, else the oldest where it may', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const seen = { primary: 0, instead: 0, oldest: 0, none: 0 }
      for (const [number, story] of fc.sample(memberships, { numRuns: 40, seed: 7 }).entries()) {
        const email = `user${number}@house.test`
        const told = JSON.stringify(story)
        await server.seed({ users: [user(email)] })
        for (const membership of story) {
          server.clock.advance(1_000)
          await join(server, email, membership)
        }
        const expected = expectedOf(story)
        const slugs = expected === undefined ? [] : [expected, 'use_app']
        const wish = { module: 'till', token: await issue(server, email, 'till') }
        assert.equal((await call(server, PROFILE, wish)).body.company_name ?? undefined, expected, told)
        assert.deepEqual(slugsOf((await call(server, PERMISSIONS, wish)).body), slugs, told)
        const signedIn = await signIn(server, email, PASSWORD, { module: 'till' })
        if (expected === undefined) assert.equal(signedIn.status, 403, told)
        else assert.deepEqual([signedIn.body.company_name, slugsOf(signedIn.body)], [expected, slugs], told)
        const marked = story.find(({ isPrimary }) => isPrimary)
        if (expected === undefined) seen.none++
        else if (!marked) seen.oldest++
        else if (marked.company === expected) seen.primary++
        else seen.instead++
      }
      // Otherwise nothing was chosen.
      for (const [what, times] of Object.entries(seen)) assert.ok(times >= 5, `${what}: ${times}`)
    })

    test('a change shows in the very next answer', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const email = 'ivan@house.test'
      const change = (company: string, more: object = {}) =>
        server.seed({ users: [{ email, companies: [{ company, grants: [{ application: 'till' }], ...more }] }] })
      await server.seed({ users: [user(email)] })
      for (const company of ['C', 'A', 'B']) {
        server.clock.advance(1_000)
        await change(company)
      }
      const token = await issue(server, email, 'till')
      const name = async () => (await call(server, PROFILE, { module: 'till', token })).body.company_name
      assert.equal(await name(), 'C')
      await change('B', { primary: true })
      assert.equal(await name(), 'B')
      await change('B', { active: false })
      assert.equal(await name(), 'C')
      await server.seed({ licenses: [{ company: 'C', application: 'till', suspended: true }] })
      assert.equal(await name(), 'A')
      await server.seed({ companies: [{ name: 'A', active: false }] })
      assert.equal(await name(), null)
      await change('B', { active: true })
      assert.equal(await name(), 'B')
    })
  })
}

function slugsOf({ permissions }: { permissions: { permission: string }[] }): string[] {
  return permissions.map(({ permission }) => permission)
}
