import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ManifestDocument, readManifest, type StoredManifest } from '../../src/domain/manifest.ts'
import { type Change, diffManifest, listChanges } from '../../src/domain/manifest-diff.ts'
import { changedRoles, operatorsOwn, touchedPermissions } from '../../src/domain/manifest-reach.ts'

/** `slug<needs*`: below what it needs, and with a star the operators' own; `slug-`: deprecated. */
function stored(permissions: readonly string[], roles: Record<string, string[]> = {}): StoredManifest {
  return {
    permissions: ['use_app', ...permissions].map((text, index) => ({ id: index + 1, ...parse(text) })),
    roles: Object.entries(roles).map(([key, held], index) => ({ id: index + 1, key, name: key, permissions: held })),
  }
}

function parse(text: string) {
  const [, slug = '', needs = null, marks = ''] = /^([^<*-]+)(?:<([^*-]+))?([*-]*)$/.exec(text) ?? []
  return {
    slug,
    name: 'A name',
    description: '',
    needs,
    isOperatorOnly: marks.includes('*') || slug === 'is_superuser',
    isDeprecated: marks.includes('-'),
  }
}

/** The same as people write it; `new=old`: renamed from. */
function written(permissions: readonly string[], roles?: Record<string, string[]>): ManifestDocument {
  return {
    permissions: permissions.map((text) => {
      const [, slug = '', from, rest = ''] = /^([^<*=-]+)(?:=([^<*-]+))?(.*)$/.exec(text) ?? []
      const { needs, isOperatorOnly, isDeprecated } = parse(slug + rest)
      return {
        slug,
        name: 'A name',
        needs,
        ...(isOperatorOnly && slug !== 'is_superuser' ? { operator_only: true } : {}),
        ...(isDeprecated ? { deprecated: true } : {}),
        ...(from === undefined ? {} : { renamed_from: from }),
      }
    }),
    ...(roles
      ? {
          roles: Object.entries(roles).map(([name, held]) => {
            const [key = '', from] = name.split('=')
            return { key, name: from ?? key, permissions: held, ...(from === undefined ? {} : { renamed_from: from }) }
          }),
        }
      : {}),
  }
}

function diffOf(before: StoredManifest, document: ManifestDocument) {
  const wanted = readManifest('crm', document, before)
  assert.ok(!('faults' in wanted), JSON.stringify(wanted))
  return diffManifest(before, wanted)
}

/** One line as a short text. */
function short({ change, permission, role, ...more }: Change): string {
  const rest = Object.entries(more)
    .filter(([, value]) => !(Array.isArray(value) && value.length === 0))
    .map(([key, value]) => ` ${key}:${value}`)
  return `${change} ${permission ?? role}${rest.join('')}`.replace(/ from:(\S+) to:(\S+)/, ' $1→$2')
}

describe('what a document changes', () => {
  const CASES: [name: string, before: string[], document: string[], changes: string[]][] = [
    ['nothing', ['a', 'b<a'], ['b<a', 'a'], []],
    ['nothing, with the root written', ['a', 'b<a'], ['use_app', 'a<use_app', 'b<a'], []],
    ['something new', ['a'], ['a', 'b<a'], ['permission_added b to:a']],
    ['something new for operators', ['a'], ['a', 'b*'], ['permission_added b to:null', 'operator_only_set b']],
    ['a renaming', ['a', 'b<a'], ['c=a', 'b<c'], ['permission_renamed c a→c']],
    ['a renaming that was done', ['c', 'b<c'], ['c=a', 'b<c'], []],
    ['a move', ['a', 'b'], ['a', 'b<a'], ['permission_moved b null→a']],
    [
      'a renaming and a move',
      ['a', 'b<a', 'c'],
      ['a', 'd=b<c', 'c'],
      ['permission_renamed d b→d', 'permission_moved d a→c'],
    ],
    ['a removal', ['a', 'b<a'], ['a'], ['permission_removed b']],
    ['a removal in the midst', ['a', 'b<a', 'c<b'], ['a', 'c<a'], ['permission_removed b', 'permission_moved c b→a']],
    ['going', ['a'], ['a-'], ['permission_deprecated a']],
    ['staying', ['a-'], ['a'], ['permission_undeprecated a']],
    ['for operators', ['a', 'b<a'], ['a*', 'b<a'], ['operator_only_set a', 'operator_only_set b']],
    ['for anybody', ['a*', 'b<a'], ['a', 'b<a'], ['operator_only_loosened a', 'operator_only_loosened b']],
    ['for anybody by a move', ['a*', 'b<a'], ['a*', 'b'], ['permission_moved b a→null', 'operator_only_loosened b']],
    ['a mark that changes nothing', ['a*', 'b<a*'], ['a*', 'b<a'], ['operator_only_mark_changed b']],
    ['everything', ['is_superuser'], ['is_superuser'], []],
  ]
  for (const [name, before, document, changes] of CASES)
    test(name, () => {
      const diff = diffOf(stored(before), written(document))
      assert.deepEqual(listChanges(diff).map(short), changes)
    })

  const ROLES: [name: string, before: Record<string, string[]>, document: Record<string, string[]>, string[]][] = [
    ['nothing', { r: ['a'] }, { r: ['a', 'a'] }, []],
    ['a new role', {}, { r: ['b', 'a'] }, ['role_added r added:a,b']],
    ['more of a role', { r: ['a'] }, { r: ['a', 'b'] }, ['role_changed r added:b']],
    ['less of a role', { r: ['a', 'b'] }, { r: ['b'] }, ['role_changed r removed:a']],
    ['a role under another key', { r: ['a'] }, { 's=r': ['a'] }, ['role_renamed s r→s']],
    ['no role', { r: ['a'] }, {}, ['role_removed r']],
  ]
  for (const [name, before, document, changes] of ROLES)
    test(`roles: ${name}`, () => {
      const diff = diffOf(stored(['a', 'b'], before), written(['a', 'b'], document))
      assert.deepEqual(listChanges(diff).map(short), changes)
    })

  test('roles that a document leaves out stay, under the new slugs and without what goes', () => {
    const diff = diffOf(stored(['a', 'b'], { r: ['a', 'b'] }), written(['c=a']))
    assert.deepEqual(listChanges(diff).map(short), [
      'permission_removed b',
      'permission_renamed c a→c',
      'role_changed r removed:b',
    ])
  })

  test('names and descriptions are told as such', () => {
    const diff = diffOf(stored(['a']), { permissions: [{ slug: 'a', name: 'A', description: 'An a' }] })
    assert.deepEqual(listChanges(diff), [
      { change: 'permission_changed', permission: 'a', fields: ['name', 'description'] },
    ])
  })
})

describe('what is wrong in a document is told by its place', () => {
  const CASES: [name: string, before: string[], document: ManifestDocument, faults: Record<string, RegExp>][] = [
    ['another application', [], { application: 'shop', permissions: [] }, { '/application': /is not "crm"/ }],
    ['the same twice', [], written(['a', 'a']), { '/permissions/1/slug': /same as \/permissions\/0/ }],
    ['an unknown need', [], written(['a<b']), { '/permissions/0/needs': /"b", which is no permission/ }],
    ['a need that goes', ['b'], written(['a<b']), { '/permissions/0/needs': /"b", which is no permission/ }],
    ['a circle', [], written(['a<b', 'b<a']), { '/permissions/0/needs': /circle: a → b → a/ }],
    ['a root that needs', [], written(['a', 'use_app<a']), { '/permissions/1/needs': /is the root/ }],
    ["a root of the operators'", [], written(['use_app*']), { '/permissions/0/operator_only': /every seat/ }],
    ['a root that goes', [], written(['use_app-']), { '/permissions/0/deprecated': /every seat/ }],
    ['everything that needs', [], written(['a', 'is_superuser<a']), { '/permissions/1/needs': /needs nothing/ }],
    [
      'what needs everything',
      [],
      written(['is_superuser', 'a<is_superuser']),
      { '/permissions/1/needs': /nothing can/ },
    ],
    [
      'everything for anybody',
      [],
      { permissions: [{ slug: 'is_superuser', operator_only: false }] },
      { '/permissions/0/operator_only': /operators alone/ },
    ],
    ['a renaming to everything', ['a'], written(['is_superuser=a']), { '/permissions/0/renamed_from': /by its name/ }],
    [
      'a renaming of everything',
      ['is_superuser'],
      written(['a=is_superuser']),
      { '/permissions/0/renamed_from': /by its/ },
    ],
    ['a renaming of the root', [], written(['a=use_app']), { '/permissions/0/renamed_from': /by its name/ }],
    ['a renaming of nothing', [], written(['a=b']), { '/permissions/0/renamed_from': /there is no "b"/ }],
    ['a renaming of what stays', ['b'], written(['a=b', 'b']), { '/permissions/0/renamed_from': /listed too/ }],
    ['a renaming to what is there', ['a', 'b'], written(['a=b']), { '/permissions/0/renamed_from': /there already/ }],
    ['two renamings of one', ['c'], written(['a=c', 'b=c']), { '/permissions/1/renamed_from': /by \/permissions\/0/ }],
    ['a role of what is not there', [], written(['a'], { r: ['a', 'b'] }), { '/roles/0/permissions/1': /"b" is no/ }],
    [
      'a role twice',
      [],
      { permissions: [], roles: ['r', 'r'].map((key) => ({ key, permissions: [] })) },
      { '/roles/1/key': /same/ },
    ],
    ['a role renamed from nothing', [], written([], { 's=r': [] }), { '/roles/0/renamed_from': /there is no "r"/ }],
    [
      'all at once',
      [],
      written(['a<x', 'b=y', 'b'], { r: ['z'] }),
      {
        '/permissions/0/needs': /x/,
        '/permissions/1/renamed_from': /y/,
        '/permissions/2/slug': /same/,
        '/roles/0/permissions/0': /z/,
      },
    ],
  ]
  for (const [name, before, document, faults] of CASES)
    test(name, () => {
      const read = readManifest('crm', document, stored(before))
      assert.ok('faults' in read, JSON.stringify(read))
      assert.deepEqual(read.faults.map(({ path }) => path).sort(), Object.keys(faults).sort())
      for (const { path, message } of read.faults) assert.match(message, faults[path] ?? /never/)
    })
})

describe("what only operators may do to an application's manifest", () => {
  const TREE = ['list', 'create<list', 'books*', 'reopen<books', 'marked<books*', 'is_superuser']
  const ROLES = { clerk: ['create'], auditor: ['reopen'] }
  const without = (slug: string, ...more: string[]) => [
    ...TREE.filter((text) => text.replace(/[<*].*/, '') !== slug),
    ...more,
  ]
  const CASES: [name: string, document: string[], roles: Record<string, string[]>, refused: string[]][] = [
    ['nothing', TREE, ROLES, []],
    ['something new', [...TREE, 'new<create'], ROLES, []],
    ["something new of the operators'", [...TREE, 'new*'], ROLES, []],
    ["something new below the operators'", [...TREE, 'new<books'], ROLES, []],
    ['a mark more', without('create', 'create<list*'), ROLES, []],
    ['moving', without('create', 'create'), ROLES, []],
    ['renaming', without('create', 'make=create<list'), { clerk: ['make'], auditor: ['reopen'] }, []],
    ['removing', without('create'), { clerk: [], auditor: ['reopen'] }, []],
    ['deprecating', without('books', 'books*-'), ROLES, []],
    ['a role more', TREE, { ...ROLES, viewer: ['list'] }, []],
    ['more in a role', TREE, { clerk: ['create', 'list'], auditor: ['reopen'] }, []],
    ['a mark less', without('books', 'books'), ROLES, ['books', 'reopen']],
    ['a mark less that another has', without('marked', 'marked<books'), ROLES, ['marked']],
    ['moving away', without('reopen', 'reopen'), ROLES, ['reopen']],
    ['removing it', without('marked'), ROLES, ['marked']],
    ['removing everything', without('is_superuser'), ROLES, ['is_superuser']],
    ['renaming it', without('marked', 'other=marked<books*'), ROLES, ['marked']],
    ['letting others need it', without('list', 'list<books'), ROLES, ['list']],
    ['letting others need something new of that kind', without('list', 'new*', 'list<new'), ROLES, ['list']],
    ['putting it into a role', TREE, { clerk: ['create', 'books'], auditor: ['reopen'] }, ['books in clerk']],
    ['putting what needs it into a role', TREE, { clerk: ['marked'], auditor: ['reopen'] }, ['marked in clerk']],
    ['a new role of it', TREE, { ...ROLES, new: ['books'] }, ['books in new']],
    ['taking it out of a role', TREE, { clerk: ['create'], auditor: [] }, ['reopen in auditor']],
    ['a role of it less', TREE, { clerk: ['create'] }, ['reopen in auditor']],
  ]
  for (const [name, document, roles, refused] of CASES)
    test(name, () => {
      const own = operatorsOwn(diffOf(stored(TREE, ROLES), written(document, roles)))
      assert.deepEqual(
        own.map(({ permission, role }) => (role === undefined ? permission : `${permission} in ${role}`)),
        refused,
      )
    })
})

describe('by which grants a change can touch somebody', () => {
  const slugsOf = (before: StoredManifest, ids: ReadonlySet<number>) =>
    before.permissions.filter(({ id }) => ids.has(id)).map(({ slug }) => slug)
  const TREE = ['a', 'b<a', 'c<b', 'd<a', 'e']
  const CASES: [name: string, document: string[], touched: string[]][] = [
    ['texts, marks, what is new and new names: none', ['a*', 'x=b<a', 'c<x-', 'd<a', 'e', 'new<c'], []],
    [
      'a move touches what moves, what is below, and what comes or goes with it',
      ['a', 'b', 'c<b', 'd<a', 'e'],
      ['a', 'b<a', 'c<b', 'd<a'],
    ],
    ['a move to the side', ['a', 'b<a', 'c<b', 'd<a', 'e<d'], ['a', 'b<a', 'c<b', 'd<a', 'e']],
    ['a removal touches what went and what came with it', ['a', 'b<a', 'c<b', 'd<a'], ['e']],
    ['something new in the midst', ['a', 'b<a', 'n<b', 'c<n', 'd<a', 'e'], ['c<b']],
  ]
  for (const [name, document, touched] of CASES)
    test(name, () => {
      const before = stored(TREE)
      assert.deepEqual(
        slugsOf(before, touchedPermissions(diffOf(before, written(document)))),
        touched.map((text) => text.replace(/<.*/, '')),
      )
    })

  test('a role that holds something else, or is gone', () => {
    const before = stored(TREE, { same: ['a'], more: ['a'], less: ['a', 'b'], gone: ['a'] })
    const diff = diffOf(
      before,
      written(['x=a', 'b<x', 'c<b', 'd<x', 'e'], { same: ['x'], more: ['x', 'b'], less: ['b'] }),
    )
    assert.deepEqual([...changedRoles(diff)], [2, 3, 4])
  })

  test('a tree that is too deep to tell touches all, and is told at once', () => {
    const chain = Array.from({ length: 6_000 }, (_, at) => (at === 0 ? 'p0' : `p${at}<p${at - 1}`))
    const turned = chain.map((_, at) => (at === chain.length - 1 ? `p${at}` : `p${at}<p${at + 1}`))
    const before = stored(chain)
    assert.equal(touchedPermissions(diffOf(before, written(turned))).size, before.permissions.length)
  })
})
