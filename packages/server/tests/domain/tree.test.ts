import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { effective } from '../../src/domain/effective.ts'
import type { Facts } from '../../src/domain/facts.ts'
import { END_OF_TIME, START_OF_TIME } from '../../src/domain/interval.ts'
import {
  buildTree,
  byCodePoint,
  neededSlugs,
  type PermissionNode,
  pathToRoot,
  type Tree,
  treeFaults,
} from '../../src/domain/tree.ts'

function faults(permissions: Record<string, string | null>): string[] {
  const asWritten = new Map(Object.entries(permissions).map(([slug, needs]) => [slug, { needs }]))
  return treeFaults(asWritten).map(({ slug, fault }) => `${slug}: ${fault}`)
}

const FAULTS: [sentence: string, permissions: Record<string, string | null>, faults: string[]][] = [
  ['no permissions are a tree', {}, []],
  ['a permission alone hangs below the root', { a: null }, []],
  ['the root may be needed whether it is written or not', { a: 'use_app' }, []],
  ['the root may be written', { use_app: null, a: 'use_app', b: 'a' }, []],
  ['the order does not matter', { c: 'b', b: 'a', a: null }, []],
  ['two may need the same', { a: null, b: 'a', c: 'a' }, []],
  ['is_superuser may stand alone', { is_superuser: null, a: null }, []],
  ['what is needed must be there', { a: 'b' }, ['a: needs "b", which is no permission of this application']],
  ['… in the same letters', { a: null, b: 'A' }, ['b: needs "A", which is no permission of this application']],
  ['… and be a slug', { a: '' }, ['a: needs "", which is no permission of this application']],
  ['the root needs nothing', { use_app: 'a', a: null }, ['use_app: "use_app" is the root and needs nothing']],
  ['… not even itself', { use_app: 'use_app' }, ['use_app: "use_app" is the root and needs nothing']],
  ['is_superuser needs nothing', { is_superuser: 'a', a: null }, ['is_superuser: "is_superuser" needs nothing']],
  ['… not even the root', { is_superuser: 'use_app' }, ['is_superuser: "is_superuser" needs nothing']],
  ['nothing needs is_superuser', { is_superuser: null, a: 'is_superuser' }, ['a: nothing can need "is_superuser"']],
  ['… also where it is not written', { a: 'is_superuser' }, ['a: nothing can need "is_superuser"']],
  ['nothing needs itself', { a: 'a' }, ['a: needs itself in a circle: a → a']],
  ['… nor through another', { a: 'b', b: 'a' }, ['a: needs itself in a circle: a → b → a']],
  ['what leads into a circle is no part of it', { x: 'a', a: 'b', b: 'a' }, ['a: needs itself in a circle: a → b → a']],
  [
    'each circle is told once',
    { a: 'a', b: 'c', c: 'b', d: 'c' },
    ['a: needs itself in a circle: a → a', 'b: needs itself in a circle: b → c → b'],
  ],
  [
    'all that is wrong is told',
    { a: 'x', b: 'y' },
    [
      'a: needs "x", which is no permission of this application',
      'b: needs "y", which is no permission of this application',
    ],
  ],
]

for (const [sentence, permissions, expected] of FAULTS) {
  test(`tree: ${sentence}`, () => assert.deepEqual(faults(permissions), expected))
}

test('a tree has faults exactly when some way up does not end at the root', () => {
  const needs = fc.array(fc.option(fc.nat(9)), { maxLength: 8 })
  fc.assert(
    fc.property(needs, (drawn) => {
      const permissions = Object.fromEntries(drawn.map((need, at) => [`p${at}`, need === null ? null : `p${need}`]))
      const arrives = (slug: string | null, steps: number): boolean =>
        slug === null || (steps > 0 && slug in permissions && arrives(permissions[slug] ?? null, steps - 1))
      const isTree = Object.keys(permissions).every((slug) => arrives(slug, drawn.length))
      assert.equal(faults(permissions).length === 0, isTree)
    }),
    { numRuns: 5000 },
  )
})

test('slugs are ranked by code point: digits, capitals, underscore, small letters', () => {
  const slugs = ['b', 'a', 'B', '_', '1', 'use_app', 'a:1', 'a.1', 'a-1']
  const tree = buildTree(slugs.map((slug, id) => ({ id, slug, needs: null, operatorOnly: false })))
  assert.deepEqual(tree.slugs, ['1', 'B', '_', 'a', 'a-1', 'a.1', 'a:1', 'b', 'use_app'])
})

test('texts are ordered by code point, as both databases order them', () => {
  const text = fc.string({
    unit: fc.constantFrom('', 'a', 'B', 'é', '\ud7ff', '\ue000', '＊', '🏠', '\u{10ffff}'),
    maxLength: 4,
  })
  fc.assert(
    fc.property(text, text, (a, b) => {
      assert.equal(Math.sign(byCodePoint(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { numRuns: 5000 },
  )
  assert.deepEqual(['🏠', '＊', 'a', 'Z', ''].sort(byCodePoint), ['', 'Z', 'a', '＊', '🏠'])
})

test('what a permission needs is listed itself first, up to the root', () => {
  const tree = buildTree(nodes({ use_app: null, list: null, create: 'list', is_superuser: null }))
  assert.deepEqual(neededSlugs(tree, 'create'), ['create', 'list', 'use_app'])
  assert.deepEqual(neededSlugs(tree, 'use_app'), ['use_app'])
  assert.deepEqual(neededSlugs(tree, 'is_superuser'), ['is_superuser'])
  assert.deepEqual(neededSlugs(tree, 'unknown'), [])
})

test('what needs something for operators only is for operators only', () => {
  const tree = buildTree(
    nodes({
      use_app: null,
      open: null,
      wide: 'open',
      secret: 'open',
      under: 'secret',
      deep: 'under',
      is_superuser: null,
    }).map((node) => ({ ...node, operatorOnly: node.slug === 'secret' })),
  )
  const only = tree.slugs.filter((_, rank) => tree.operatorOnly[rank])
  assert.deepEqual(only, ['deep', 'is_superuser', 'secret', 'under'])
})

test('is_superuser is for operators only without being marked', () => {
  const tree = buildTree(nodes({ use_app: null, is_superuser: null, a: null }))
  assert.deepEqual(
    tree.operatorOnly,
    [false, true, false].map((_, rank) => tree.slugs[rank] === 'is_superuser'),
  )
})

const DEPTH = 10_000

for (const [order, turn] of [
  ['root first', (chain: PermissionNode[]) => chain],
  ['leaf first', (chain: PermissionNode[]) => chain.toReversed()],
] as const) {
  test(`a chain ${DEPTH} deep, ${order}: each permission is looked at a few times`, () => {
    let steps = 0
    const counted = turn(chainNodes()).map((node) => ({
      ...node,
      get needs() {
        steps += 1
        return node.needs
      },
      get operatorOnly() {
        steps += 1
        return node.operatorOnly
      },
    }))
    const tree = buildTree(counted)
    assert.equal(tree.operatorOnly.at(tree.rankBySlug.get(slugAt(DEPTH)) ?? -1), true)
    assert.ok(steps <= 4 * DEPTH, `building took ${steps} steps`)
    assert.equal(pathToRoot(tree, tree.rankBySlug.get(slugAt(DEPTH)) ?? -1).length, DEPTH + 1)

    const written = new CountingMap(
      turn(chainNodes()).map(({ slug, id }) => [slug, { needs: id > 1 ? slugAt(id - 1) : null }]),
    )
    assert.deepEqual(treeFaults(written), [])
    assert.ok(written.steps <= 4 * DEPTH, `looking for faults took ${written.steps} steps`)
    written.set(slugAt(1), { needs: slugAt(DEPTH) })
    written.steps = 0
    assert.equal(treeFaults(written).length, 1)
    assert.ok(written.steps <= 4 * DEPTH, `finding the circle took ${written.steps} steps`)
  })
}

test(`an answer over a chain ${DEPTH} deep with every permission granted and named visits each a few times`, () => {
  const tree = buildTree(chainNodes())
  const [counted, steps] = countingParents(tree)
  const ids = chainNodes().map(({ id }) => id)
  const always = { startsAt: START_OF_TIME, endsAt: END_OF_TIME }
  const facts: Facts = {
    application: { active: true },
    user: { active: true },
    company: { active: true },
    membership: { active: true },
    license: { ...always, graceDays: 0, suspended: false, includes: { named: ids.toReversed() } },
    seat: always,
    grants: ids.map((permission) => ({ ...always, permission, through: { kind: 'direct' } })),
  }
  assert.equal(effective(counted, facts, 1).length, DEPTH + 1)
  assert.ok(steps() <= 4 * DEPTH, `the answer took ${steps()} steps`)
})

function nodes(permissions: Record<string, string | null>): PermissionNode[] {
  const slugs = Object.keys(permissions)
  return Object.entries(permissions).map(([slug, needs], at) => ({
    id: 10 + at,
    slug,
    needs: needs === null ? null : 10 + slugs.indexOf(needs),
    operatorOnly: false,
  }))
}

/** The root, and below it one under the other; the second is for operators only. */
function chainNodes(): PermissionNode[] {
  return Array.from({ length: DEPTH + 1 }, (_, id) => ({
    id,
    slug: id === 0 ? 'use_app' : slugAt(id),
    needs: id === 0 ? null : id - 1,
    operatorOnly: id === 2,
  }))
}

function slugAt(id: number): string {
  return `p${id}`
}

class CountingMap extends Map<string, { needs: string | null }> {
  steps = 0
  override get(slug: string) {
    this.steps += 1
    return super.get(slug)
  }
  override has(slug: string) {
    this.steps += 1
    return super.has(slug)
  }
}

function countingParents(tree: Tree): [Tree, () => number] {
  let steps = 0
  const parents = new Proxy(tree.parents, {
    get(target, key) {
      steps += 1
      return Reflect.get(target, key)
    },
  })
  return [{ ...tree, parents }, () => steps]
}
