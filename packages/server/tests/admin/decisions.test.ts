import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { arbitraryHouse, type House, naiveOf } from '../domain/houses.ts'
import { naiveAnswer } from '../domain/naive.ts'
import { ACME, askFor, GLOBEX, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { CHEAP_HASH } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

// ACME's license includes create_invoice, approve_invoice, close_books and reopen_books; Globex' all.
// Who has what: Anna approve_invoice, and the role clerk (create_invoice); Bert create_invoice and list_invoices; Bella the role of
// ACME's own (create_invoice); Boris and Olga no seat; Dora create_invoice at ACME and approve_invoice at Globex; Carla create_invoice.
const DECISIONS = `
  who    where   may             answer
  anna   ACME    use_app         yes
  anna   ACME    list_invoices   yes
  anna   ACME    create_invoice  yes
  anna   ACME    approve_invoice yes
  anna   ACME    export_ledger   not_granted
  anna   ACME    close_books     not_granted
  anna   ACME    reopen_books    not_granted
  anna   ACME    is_superuser    not_granted
  anna   Globex  use_app         not_a_member
  anna   Globex  approve_invoice not_a_member
  bert   ACME    use_app         yes
  bert   ACME    list_invoices   yes
  bert   ACME    create_invoice  yes
  bert   ACME    approve_invoice not_granted
  bert   ACME    export_ledger   not_granted
  bert   Globex  create_invoice  not_a_member
  bella  ACME    use_app         yes
  bella  ACME    list_invoices   yes
  bella  ACME    create_invoice  yes
  bella  ACME    approve_invoice not_granted
  boris  ACME    use_app         no_seat
  boris  ACME    list_invoices   no_seat
  boris  ACME    create_invoice  no_seat
  boris  Globex  use_app         not_a_member
  carla  ACME    use_app         not_a_member
  carla  Globex  use_app         yes
  carla  Globex  list_invoices   yes
  carla  Globex  create_invoice  yes
  carla  Globex  approve_invoice not_granted
  carla  Globex  is_superuser    not_granted
  dora   ACME    use_app         yes
  dora   ACME    create_invoice  yes
  dora   ACME    approve_invoice not_granted
  dora   Globex  use_app         yes
  dora   Globex  list_invoices   yes
  dora   Globex  approve_invoice yes
  dora   Globex  create_invoice  not_granted
  emil   ACME    use_app         not_a_member
  emil   Globex  list_invoices   not_a_member
  olga   ACME    use_app         no_seat
  olga   ACME    create_invoice  no_seat
  olga   Globex  use_app         not_a_member
  sam    ACME    is_superuser    not_a_member
`
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.trim().split(/\s+/))

function houseOf(number: number): House {
  const options = { zone: 'UTC', tag: `e${number}`, credentials: { password_hash: CHEAP_HASH } }
  const house = fc.sample(arbitraryHouse(options), { numRuns: 30, seed: 70 + number }).at(-1)
  if (!house) throw new Error('no house was made')
  return house
}

const COMPANIES: Record<string, string> = { ACME, Globex: GLOBEX }
const HOUSES = 10

async function decide(server: TestServer, key: string, asked: Record<string, string>): Promise<string> {
  const { allowed, because } = await askFor(200, server, key, `GET /explain?${new URLSearchParams(asked)}`)
  assert.equal(allowed, because === null)
  return allowed ? 'yes' : because
}

for (const database of databases) {
  test(`explain decides as the table says (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const key = await makeKey(server)
    const emails = new Map(MANAGED_HOUSE.users.map(({ email }) => [email.split('@')[0], email]))
    assert.ok(DECISIONS.length >= 40)
    for (const [who = '', where = '', permission = '', answer = ''] of DECISIONS) {
      const [user = '', company = ''] = [emails.get(who), COMPANIES[where]]
      const told = await decide(server, key, { user, company, application: 'crm', permission })
      assert.equal(told, answer, `${who} at ${where}: ${permission}`)
    }
  })

  test(`explain decides generated houses as the naive rule does (${database})`, async () => {
    await using server = await startServer(database)
    const key = await makeKey(server)
    const seen = { allowed: 0, refused: 0 }
    for (let number = 0; number < HOUSES; number++) {
      const house = houseOf(number)
      server.clock.stopAt(house.now)
      await server.seed(house.file as HouseFile)
      for (const { email } of house.file.users)
        for (const application of house.file.applications) {
          const isOff = (each: { active?: boolean } | undefined) => each?.active === false
          const user = house.file.users.find((each) => each.email === email)
          // Of what is switched off the naive rule does not know: an application gets no answer at all.
          const answers =
            isOff(application) || isOff(user) ? [] : naiveAnswer(naiveOf(house), email, application.id, house.now)
          for (const { id: company } of house.file.companies)
            for (const { slug } of application.permissions) {
              const asked = { user: email, company, application: application.id, permission: slug }
              const expected = answers.some((each) => each.companyId === company && each.permissions.includes(slug))
              const told = (await decide(server, key, asked)) === 'yes'
              assert.equal(told, expected, JSON.stringify([asked, house.file]))
              seen[told ? 'allowed' : 'refused']++
            }
        }
    }
    // Otherwise nothing was compared.
    assert.ok(seen.allowed > 20 && seen.refused > 100, JSON.stringify(seen))
  })
}
