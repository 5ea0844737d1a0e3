import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerFrom, loadAnswer } from '../../src/access/answer.ts'
import { JudgedLists } from '../../src/access/judged-lists.ts'
import { RoleCache } from '../../src/access/role-cache.ts'
import { type Context, createContext } from '../../src/context.ts'
import type { HouseFile, RoleEntry } from '../../src/imports/house-schema.ts'
import { checkHouse } from '../../src/imports/read-house.ts'
import { seedHouse } from '../../src/imports/seed.ts'
import { ANNA, SMALL_HOUSE } from '../support/house.ts'
import { databases, startServer } from '../support/server.ts'

const LESS = ['use_app']
const MORE = ['approve_invoice', 'list_invoices', 'use_app']
const USUAL = ['create_invoice', 'list_invoices', 'use_app']

function clerk(...permissions: string[]): HouseFile {
  return { applications: [{ id: 'crm', roles: [{ key: 'clerk', permissions }] }] }
}

async function annaOf({ db }: Context): Promise<string> {
  return (await db.read.selectFrom('users').select('id').where('email', '=', ANNA).executeTakeFirstOrThrow()).id
}

/** What Anna, a clerk, may do at ACME. */
async function slugsOf(ctx: Context): Promise<readonly string[] | undefined> {
  return (await loadAnswer(ctx, await annaOf(ctx), 'crm'))?.answer.primary?.permissions
}

for (const database of databases) {
  test(`a role that another process changed shows in the very next answer, and so does what was taken out of it (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    await using other = await createContext(server.config)
    const edit = (house: HouseFile) => seedHouse(other, checkHouse(house))
    assert.deepEqual(await slugsOf(server.ctx), USUAL)
    await edit(clerk('approve_invoice'))
    assert.deepEqual(await slugsOf(server.ctx), MORE)
    await edit(clerk())
    assert.deepEqual(await slugsOf(server.ctx), LESS)
    await edit(clerk('create_invoice'))
    assert.deepEqual(await slugsOf(server.ctx), USUAL)

    // What the license gives to every seat is read the same way.
    await edit(clerk())
    await edit({ licenses: [{ company: 'ACME', application: 'crm', roles: ['clerk'] }] })
    assert.deepEqual(await slugsOf(server.ctx), LESS)
    await edit(clerk('approve_invoice'))
    assert.deepEqual(await slugsOf(server.ctx), MORE)
    await edit(clerk())
    assert.deepEqual(await slugsOf(server.ctx), LESS)
  })

  test(`an answer is of one moment: roles of another version are not used (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const { ctx } = server
    await slugsOf(ctx)
    const facts = await ctx.facts.byUser(await annaOf(ctx), 'crm')
    assert.ok(facts)
    await server.seed(clerk('approve_invoice'))
    // Known at the version of the facts: the answer of that moment. Not known: there is none any more.
    assert.deepEqual((await answerFrom(ctx, facts, ctx.now()))?.primary?.permissions, USUAL)
    assert.equal(
      await answerFrom({ ...ctx, roles: new RoleCache(), judged: new JudgedLists() }, facts, ctx.now()),
      undefined,
    )
    assert.deepEqual(await slugsOf(ctx), MORE)
    assert.equal(await answerFrom(ctx, facts, ctx.now()), undefined)
  })

  test(`every change of a role makes another version of the tree, and nothing else does (${database})`, async () => {
    await using server = await startServer(database, { house: SMALL_HOUSE })
    const version = async () => {
      const row = server.ctx.db.read.selectFrom('applications').select('tree_version').where('id', '=', 'crm')
      return (await row.executeTakeFirstOrThrow()).tree_version
    }
    const rows: { what: string; role: RoleEntry; raises: boolean }[] = [
      { what: 'the same', role: { key: 'clerk', permissions: ['create_invoice'] }, raises: false },
      { what: 'a name', role: { key: 'clerk', name: 'Office clerk' }, raises: true },
      {
        what: 'a permission more',
        role: { key: 'clerk', permissions: ['create_invoice', 'approve_invoice'] },
        raises: true,
      },
      { what: 'a permission less', role: { key: 'clerk', permissions: ['approve_invoice'] }, raises: true },
      { what: 'a new one', role: { key: 'boss', permissions: [] }, raises: true },
      { what: "a company's own", role: { key: 'clerk', company: 'ACME', permissions: [] }, raises: true },
      { what: 'that again', role: { key: 'clerk', company: 'ACME', permissions: [] }, raises: false },
    ]
    for (const { what, role, raises } of rows) {
      const before = await version()
      await server.seed({ applications: [{ id: 'crm', roles: [role] }] })
      assert.equal((await version()) > before, raises, what)
    }
  })
}
