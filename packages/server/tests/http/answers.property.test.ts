import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NoAccess, UnknownApplication } from 'cloudspot-license-api'
import fc from 'fast-check'
import type { HouseFile as SeedFile } from '../../src/imports/house-schema.ts'
import { arbitraryHouse, type House, naiveOf } from '../domain/houses.ts'
import { naiveAnswer } from '../domain/naive.ts'
import { CHEAP_HASH, issue, PASSWORD } from '../support/house.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

const ZONES = ['UTC', 'Europe/Brussels', 'Asia/Kathmandu']
const HOUSES_PER_ZONE = 20
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** How far the clock goes on, step by step: over what starts and ends next to the house's moment, and long after it. */
const STEPS = [0, 1, HOUR, DAY, 20 * DAY]

type Signed = { email: string; application: string; token: string }

// The rule itself is held to 10,000 houses in tests/domain; here some go the whole way, through a seeding and HTTP.
for (const database of databases) {
  describe(`generated houses answer as the naive rule does, on ${database}`, () => {
    for (const zone of ZONES) {
      test(`${HOUSES_PER_ZONE} houses in ${zone}`, async () => {
        await using server = await startServer(database, { env: { LICENSE_TIME_ZONE: zone } })
        const seen = { some: 0, none: 0 }
        for (let number = 0; number < HOUSES_PER_ZONE; number++) {
          const options = { zone, tag: `h${number}`, credentials: { password_hash: CHEAP_HASH } }
          // The first ones of a run are small: the last is taken.
          const seed = 1_000 * ZONES.indexOf(zone) + number
          const house = fc.sample(arbitraryHouse(options), { numRuns: 30, seed }).at(-1)
          assert.ok(house)
          server.clock.stopAt(house.now)
          const signed = await seedAndSignIn(server, house)
          for (const step of STEPS) {
            server.clock.stopAt(house.now + step)
            for (const each of signed) seen[await assertAnswer(server, house, each, house.now + step)]++
          }
          server.clock.stopAt(house.now)
          await assertSignIns(server, house)
        }
        // Otherwise nothing was compared.
        assert.ok(seen.some > 40 && seen.none > 40, JSON.stringify(seen))
      })
    }
  })
}

/** A token of each user for each application, also of those that are switched off: they are switched on until it is made. */
async function seedAndSignIn(server: TestServer, { file }: House): Promise<Signed[]> {
  const on = <Entry extends { active?: boolean }>(entries: Entry[]) =>
    entries.map((entry) => ({ ...entry, active: true }))
  await server.seed({ ...file, applications: on(file.applications), users: on(file.users) } as SeedFile)
  const signed: Signed[] = []
  for (const { email } of file.users) {
    for (const { id } of file.applications)
      signed.push({ email, application: id, token: await issue(server, email, id) })
  }
  await server.seed(file as SeedFile)
  return signed
}

async function assertAnswer(
  server: TestServer,
  house: House,
  { email, application, token }: Signed,
  now: number,
): Promise<'some' | 'none'> {
  const told = `${email} in ${application} at ${new Date(now).toISOString()}\n${JSON.stringify(house.file)}`
  const session = server.license(application).session(token)
  const isOff = (entries: { active?: boolean }[]) => entries[0]?.active === false
  if (isOff(house.file.applications.filter(({ id }) => id === application))) {
    await assert.rejects(session.getPermissions(), { code: 'unknown_application' }, told)
    return 'none'
  }
  if (isOff(house.file.users.filter((user) => user.email === email))) {
    await assert.rejects(session.getPermissions(), { code: 'invalid_token' }, told)
    return 'none'
  }
  const { companies } = await session.getPermissions({ allowEmpty: true })
  const expected = naiveAnswer(naiveOf(house), email, application, now)
  assert.deepEqual(
    companies.map(({ id, name, permissions }) => ({ companyName: name, companyId: id, permissions: [...permissions] })),
    expected,
    told,
  )
  // One company answers what the list says of it, and 404 where the list has none.
  for (const { id } of house.file.companies) {
    const one = await session.getCompanyPermissions(id).catch((error: { code: string }) => error.code)
    assert.deepEqual(one, expected.find((each) => each.companyId === id)?.permissions ?? 'company_not_accessible', told)
  }
  return expected.length > 0 ? 'some' : 'none'
}

/** The way that a person takes, for the first user of the house. */
async function assertSignIns(server: TestServer, house: House): Promise<void> {
  const [user] = house.file.users
  if (!user) return
  for (const { id, active } of house.file.applications) {
    const expected = naiveAnswer(naiveOf(house), user.email, id, house.now)
    const signIn = server.license(id).authenticate(user.email, PASSWORD)
    if (active === false) await assert.rejects(signIn, UnknownApplication)
    else if (user.active === false) await assert.rejects(signIn, { code: 'account_disabled' })
    else if (expected.length === 0) await assert.rejects(signIn, NoAccess)
    else {
      const { permissions } = await signIn
      const told = permissions.companies.map((each) => [each.id, each.permissions])
      assert.deepEqual(
        told,
        expected.map((each) => [each.companyId, each.permissions]),
      )
    }
  }
}
