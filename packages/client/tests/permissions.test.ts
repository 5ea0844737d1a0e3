import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Permissions } from 'cloudspot-license-api'

const permissions = new Permissions([
  { id: 'a', name: 'ACME', permissions: ['use_app', 'create_invoice'] },
  { id: 'b', name: 'Globex', permissions: ['use_app', 'is_superuser'] },
  { id: '__proto__', name: 'Odd', permissions: ['use_app'] },
])

test('a permission holds for its own company only, and exactly', () => {
  const cases = [
    ['create_invoice', 'a', true],
    ['create_invoice', 'b', false],
    ['create_invoice', 'c', false],
    ['CREATE_INVOICE', 'a', false],
    ['create_invoice', 'A', false],
    ['create', 'a', false],
    ['', 'a', false],
    ['is_superuser', 'b', true],
    ['use_app', '__proto__', true],
    ['use_app', 'constructor', false],
    ['constructor', 'a', false],
  ] as const
  for (const [slug, company, expected] of cases) {
    assert.equal(permissions.has(slug, company), expected, `${slug} for ${company}`)
  }
})

test('asking without a company is a mistake, not a "yes for some company"', () => {
  const has = permissions.has.bind(permissions) as (slug: string, companyId?: unknown) => boolean // as JavaScript sees it
  assert.throws(() => has('create_invoice'), TypeError)
  for (const none of ['', null, 7, {}, ['a']]) assert.throws(() => has('create_invoice', none), TypeError)
  assert.equal(has('create_invoice', 'a'), true)
})

test('items are one by one, and again for who iterates the object itself', () => {
  const items = [...permissions.items()]
  assert.equal(items.length, 5)
  assert.deepEqual(items[1], { permission: 'create_invoice', companyId: 'a', companyName: 'ACME' })
  assert.deepEqual([...permissions], items)
})

test('nobody can grant by changing what was told', () => {
  const mutable = { id: 'a', name: 'ACME', permissions: ['use_app'] }
  const told = new Permissions([mutable])
  mutable.permissions.push('is_superuser')
  assert.equal(told.has('is_superuser', 'a'), false)
  assert.throws(() => (told.companies as unknown[]).push(mutable), TypeError) // readonly in types, frozen at run time
  const slugs = told.companies[0]?.permissions as string[]
  assert.throws(() => slugs.push('is_superuser'), TypeError)
})

test('a company named twice has what both say', () => {
  const told = new Permissions([
    { id: 'a', name: 'ACME', permissions: ['use_app'] },
    { id: 'a', name: 'ACME', permissions: ['use_app', 'list_invoices'] },
  ])
  assert.deepEqual(told.companies, [{ id: 'a', name: 'ACME', permissions: ['use_app', 'list_invoices'] }])
})

test('new permissions are empty, and so are those of companies without any', () => {
  assert.equal(new Permissions().isEmpty, true)
  assert.equal(new Permissions([{ id: 'a', name: 'A', permissions: [] }]).isEmpty, true)
  assert.equal(permissions.isEmpty, false)
  assert.deepEqual([...new Permissions().items()], [])
})
