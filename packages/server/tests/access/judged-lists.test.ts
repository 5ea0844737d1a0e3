import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerFrom } from '../../src/access/answer.ts'
import type { AnswerFacts, CompanyFacts } from '../../src/access/facts.ts'
import type { Given } from '../../src/access/given.ts'
import { JudgedLists } from '../../src/access/judged-lists.ts'
import type { Context } from '../../src/context.ts'
import { END_OF_TIME, START_OF_TIME } from '../../src/domain/interval.ts'
import { buildTree } from '../../src/domain/tree.ts'

// Few numbers, so that the same texts come again, also as another kind: permission 2 is not role 2.
const NUMBERS = [1, 2, 3, 4, 5]
const MOMENTS = [0, 9, 10, 11, 20]

const TREES = [
  ['use_app', 'is_superuser', 'list', 'create', 'approve'],
  ['list', 'create', 'use_app', 'approve', 'delete'],
].map((slugs) => {
  const idOf = (slug: string) => slugs.indexOf(slug) + 1
  const needs = (slug: string) => (slug === 'approve' ? idOf('list') : null)
  return buildTree(slugs.map((slug) => ({ id: idOf(slug), slug, needs: needs(slug), operatorOnly: false })))
})
const ROLES = new Map([
  [1, []],
  [2, [3]],
  [3, [2, 4]],
  [4, [5]],
  [5, [1, 2, 3, 4, 5]],
])

const times = fc.constantFrom('', '', '', ':0:10', ':10:20', `:11:${END_OF_TIME}`)
const numbers = fc.uniqueArray(fc.constantFrom(...NUMBERS), { maxLength: 2 })
const grants = fc.array(fc.tuple(fc.constantFrom('', '-'), fc.constantFrom(...NUMBERS), times), { maxLength: 3 })
const given: fc.Arbitrary<Given> = fc.record({
  grants: grants.map((each) => each.map((parts) => parts.join('')).join(' ')),
  licenseRoles: numbers.map((each) => each.join(' ')),
  included: fc.option(numbers.map((each) => each.join(' '))),
})
const company = fc.record({ given, off: fc.nat(9), seatEnds: fc.constantFrom(10, END_OF_TIME, END_OF_TIME) })

type Drawn = { given: Given; off: number; seatEnds: number }

function factsOf(drawn: readonly Drawn[]): AnswerFacts {
  const always = { startsAt: START_OF_TIME, endsAt: END_OF_TIME }
  const companies = drawn.map(
    ({ given, off, seatEnds }, at): CompanyFacts => ({
      companyId: String(at),
      companyName: 'ACME',
      isPrimary: false,
      joinedAt: 0,
      application: { active: true },
      user: { active: true },
      company: { active: off !== 0 },
      membership: { active: off !== 1 },
      license: { ...always, graceDays: 0, suspended: off === 2 },
      seat: { ...always, endsAt: seatEnds },
      given,
    }),
  )
  return { application: { id: 'crm', treeVersion: 1 }, companies } as AnswerFacts // All that is read of it.
}

test('what is remembered is what would be judged anew, at any moment, for any tree', async () => {
  const judged = new JudgedLists()
  let remembered = 0
  const answer = async (facts: AnswerFacts, treeNumber: number, now: number, lists: JudgedLists) => {
    const find = async () => TREES[treeNumber]
    // What an answer needs of it.
    const ctx = { db: {}, trees: { find }, roles: { find: async () => ROLES }, judged: lists } as unknown as Context
    return (await answerFrom(ctx, facts, now))?.companies.map(({ id, permissions }) => [id, permissions])
  }
  const agrees = async (drawn: Drawn[], treeNumber: number, now: number) => {
    const facts = factsOf(drawn)
    const tree = TREES[treeNumber]
    assert.ok(tree)
    for (const each of drawn) if (judged.find(tree, each.given)) remembered++
    const anew = await answer(facts, treeNumber, now, new JudgedLists())
    assert.deepEqual(await answer(facts, treeNumber, now, judged), anew)
    assert.deepEqual(await answer(facts, treeNumber, now, judged), anew)
  }
  const cases = fc.asyncProperty(fc.array(company, { maxLength: 4 }), fc.nat(1), fc.constantFrom(...MOMENTS), agrees)
  await fc.assert(cases, { numRuns: 3_000 })
  // Otherwise nothing was compared.
  assert.ok(remembered > 300, String(remembered))
})

test('what has times is not remembered, and no more than so many lists are', () => {
  const judged = new JudgedLists()
  const [tree] = TREES
  assert.ok(tree)
  const of = (grants: string): Given => ({ grants, licenseRoles: '', included: null })
  judged.keep(tree, of('2:0:10'), ['use_app'])
  assert.equal(judged.find(tree, of('2:0:10')), undefined)
  const kept = () => Array.from({ length: 5_000 }, (_, at) => judged.find(tree, of(String(at)))).filter(Boolean).length
  for (let at = 0; at < 5_000; at++) {
    judged.keep(tree, of(String(at)), ['use_app'])
    assert.deepEqual(judged.find(tree, of(String(at))), ['use_app'])
  }
  assert.ok(kept() <= 1_000)
  for (let at = 0; at < 200; at++) judged.keep(tree, of(String(at)), Array(1_000).fill('use_app'))
  assert.ok(kept() <= 60)
})
