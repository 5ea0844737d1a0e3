import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { loadAnswer } from '../../src/access/answer.ts'
import { listUsers } from '../../src/directory/user-store.ts'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { CHEAP_HASH } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { besideServer, runCommand } from './run.ts'

const DEMO = new URL('../../../../examples/demo/house.json', import.meta.url)
/** Cheap to load: nobody signs in here by password. */
const demo = JSON.parse(
  readFileSync(DEMO, 'utf8').replaceAll(/"password": "[^"]*"/g, `"password_hash": "${CHEAP_HASH}"`),
) as HouseFile

type Decision = {
  company: { id: string }
  application: { id: string }
  slug: string
  allowed: boolean
  because: string
}

async function decisions(server: TestServer, ...args: string[]): Promise<Map<string, Decision[]>> {
  const { stdout } = await runCommand(besideServer(server), ['explain', ...args, '--json'])
  const { users } = JSON.parse(stdout) as { users: { user: { email: string }; decisions: Decision[] }[] }
  return new Map(users.map((each) => [each.user.email, each.decisions]))
}

for (const database of databases) {
  test(`explain reads like an answer to a colleague (${database})`, async () => {
    await using server = await startServer(database, { house: demo })
    const { code, stdout } = await runCommand(besideServer(server), ['explain'])
    assert.equal(code, 0)
    const passages: [what: string, text: RegExp][] = [
      ['where someone can sign in', /^Anna Ames <anna@acme\.test>\n {2}Anna can sign in to CRM and Web shop\.$/m],
      ['a seat', /^ {4}- use_app: Anna holds a seat\.$/m],
      [
        'a role, with its giver',
        /- create_invoice: through the role Clerk, which the house file gave Anna on \d+ \w+ \d{4}\.$/m,
      ],
      ['what is needed', /- list_invoices: needed by create_invoice\.$/m],
      [
        'a reason',
        /- ship_order: the house file gave it to Anna directly, on \d+ \w+ \d{4} \("Helps out in December"\)\.$/m,
      ],
      [
        'what a license leaves out',
        /- refund_order: .*; but ACME's license does not include it\. Add it to the license\.$/m,
      ],
      [
        "a license's role",
        /- list_orders: through the role Reader, which Globex's license for Web shop gives to every seat\.$/m,
      ],
      ['no seat', /^ {2}Web shop in Globex: no\. Dario holds no seat for Web shop in Globex\. Give Dario a seat\.$/m],
      ['a grant that ended', /- create_invoice: came through the role Clerk until 30 June 2026\.$/m],
      [
        'a license that ended',
        /CRM in Initech: no\. Initech's license for CRM ended on 31 December 2025, and its 30 days of grace on 30 January 2026\. Renew it/,
      ],
      [
        'an account that is off',
        /Felix can not sign in anywhere: the account is switched off\. `license-server user enable felix@acme\.test`/,
      ],
      [
        'what fails besides',
        /^ {4}Besides: Felix holds no seat for Web shop in ACME\. Give Felix a seat \(2 of 5 are held\)\.$/m,
      ],
      ['no company', /Gina can not sign in anywhere: no company has Gina as a member\./],
      ['an operator', /Olga is an operator/],
    ]
    for (const [what, text] of passages) assert.match(stdout, text, what)
  })

  test(`explain allows exactly what an application is answered (${database})`, async () => {
    await using server = await startServer(database, { house: demo })
    const told = await decisions(server)
    const users = await listUsers(server.ctx.db.read, { limit: 100 })
    assert.equal(told.size, users.length)
    let allowed = 0
    for (const user of users) {
      for (const application of ['crm', 'shop']) {
        const answer = (await loadAnswer(server.ctx, user.id, application))?.answer
        const answered = answer?.companies.flatMap((company) =>
          company.permissions.map((slug) => `${company.id} ${slug}`),
        )
        const explained = (told.get(user.email) ?? [])
          .filter((each) => each.application.id === application && each.allowed)
          .map((each) => `${each.company.id} ${each.slug}`)
        assert.deepEqual(explained.sort(), answered?.sort(), `${user.email} ${application}`)
        allowed += explained.length
      }
    }
    assert.ok(allowed > 20)
  })

  test(`explain --slug shows each link, and what would mend it (${database})`, async () => {
    await using server = await startServer(database, { house: demo })
    const run = (...args: string[]) => runCommand(besideServer(server), ['explain', ...args])
    const no = await run('dario@globex.test', '--company', 'Globex', '--application', 'crm', '--slug', 'create_invoice')
    assert.equal(no.code, 0)
    assert.match(no.stdout, /no, Dario does not have create_invoice \(CRM in Globex\)\./)
    assert.match(no.stdout, /✓ Dario holds a seat\./)
    assert.match(no.stdout, /✗ create_invoice is not granted .* It came through the role Clerk until 30 June 2026\./)
    assert.match(no.stdout, /What would mend it: Grant it, or the role Clerk\.\n$/)

    const at = ['--slug', 'create_invoice', '--at', '2026-06-30T23:59:59Z']
    const yes = await run('dario@globex.test', ...at)
    assert.match(yes.stdout, /^As of 30 June 2026 at 23:59 \(UTC\)[\s\S]*yes, Dario has create_invoice/)
    assert.doesNotMatch(yes.stdout, /✗|mend/)

    const outside = await decisions(
      server,
      'gina@example.test',
      '--company',
      'ACME',
      '--application',
      'crm',
      '--slug',
      'use_app',
    )
    assert.deepEqual(
      outside.get('gina@example.test')?.map((each) => [each.allowed, each.because]),
      [[false, 'not_a_member']],
    )
  })
}

test('explain says what it does not know', async () => {
  await using server = await startServer('sqlite', { house: demo })
  const refused: [args: string[], code: number, says: RegExp][] = [
    [['nobody@acme.test'], 1, /no user nobody@acme\.test/],
    [['anna@acme.test', '--company', 'Umbrella'], 1, /no company "Umbrella"/],
    [['anna@acme.test', '--application', 'erp'], 1, /no application "erp"\. There is: crm, shop\./],
    [
      ['anna@acme.test', '--application', 'crm', '--slug', 'ship_order'],
      1,
      /CRM has no permission "ship_order"\. It has: /,
    ],
    [['anna@acme.test', '--slug', 'fly'], 1, /No application has a permission "fly"/],
    [['anna@acme.test', '--at', 'tomorrow'], 2, /"tomorrow" is no moment/],
  ]
  for (const [args, code, says] of refused) {
    const ran = await runCommand(besideServer(server), ['explain', ...args])
    assert.deepEqual([ran.code, ran.stdout], [code, ''], args.join(' '))
    assert.match(ran.stderr, says)
  }
})

test("explain writes days as the house's time zone has them", async () => {
  await using server = await startServer('sqlite', { house: demo })
  const env = { ...besideServer(server), LICENSE_TIME_ZONE: 'America/New_York' }
  const { stdout } = await runCommand(env, ['explain', 'erin@initech.test'])
  // The house file was read in UTC, whose midnight is seven in the evening there.
  assert.match(stdout, /ended on 31 December 2025 at 19:00/)
})
