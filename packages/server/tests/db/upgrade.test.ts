import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { loadAnswer } from '../../src/access/answer.ts'
import { startServing } from '../../src/commands/serving.ts'
import { readConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { allSteps, migrate, type Steps, schemaState } from '../../src/db/migrate.ts'
import { endMembership } from '../../src/directory/membership-store.ts'
import { writeUserTerms } from '../../src/directory/user-search.ts'
import { type Environment, runCommand } from '../commands/run.ts'
import { call, signIn } from '../support/calls.ts'
import { assertPeopleTerms } from '../support/people.ts'
import { makeReleased, RELEASED, RELEASES } from '../support/released.ts'
import { type DatabaseKind, databases, newDatabase } from '../support/server.ts'
import { allTables, type Rows } from '../support/tables.ts'

/** A database that is still empty, and what a process needs to serve it. */
async function newPlace(kind: DatabaseKind) {
  const folder = mkdtempSync(join(tmpdir(), 'license-upgrade-'))
  const env: Environment = {
    LICENSE_DATA_DIR: folder,
    LICENSE_KEYS: RELEASED.keys,
    LICENSE_PORT: '0',
    LICENSE_LOG_LEVEL: 'fatal',
    ...(kind === 'postgres' ? { LICENSE_DATABASE_URL: await newDatabase() } : {}),
  }
  const config = readConfig(env)
  const database = openDatabase(config.database, { poolSize: 2, onIdleError: () => undefined, isPatient: true })
  return {
    env,
    config,
    database,
    run: (...args: string[]) => runCommand(env, args),
    async [Symbol.asyncDispose]() {
      await database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Which grants are under a seat, and whose that is. */
async function seatedGrants(database: Database, join: 'by its key' | 'by its number'): Promise<Rows> {
  const on = {
    'by its key': sql`s.user_id = g.user_id and s.application_id = g.application_id and s.company_id = g.company_id`,
    'by its number': sql`s.number = g.seat`,
  }
  const { rows } = await sql<Record<string, unknown>>`select g.id, s.user_id, s.application_id, s.company_id
    from grants g join seats s on ${on[join]} order by g.id`.execute(database.read)
  return rows
}

/** What each user may do in the one application, by the number in the user's address. */
async function answersOf(ctx: Context): Promise<Map<number, readonly string[]>> {
  const users = await ctx.db.read.selectFrom('users').select(['id', 'email']).execute()
  const answers = new Map<number, readonly string[]>()
  for (const { id, email } of users) {
    const loaded = await loadAnswer(ctx, id, RELEASED.application)
    answers.set(Number(/\d+/.exec(email)?.[0]), loaded?.answer.companies[0]?.permissions ?? [])
  }
  return answers
}

function tablesOf(database: Database): Promise<Record<string, Rows>> {
  return allTables({ ctx: { db: database } })
}

/** Every row of before, as far as its columns go: new ones may stand beside. */
function assertUnchanged(before: Record<string, Rows>, after: Record<string, Rows>): void {
  for (const [table, rows] of Object.entries(before)) {
    // What a migration notes of itself.
    const own = (row: Record<string, unknown>) => table === 'migrations' || row.name === 'oldest_program'
    const columns = Object.keys(rows[0] ?? {})
    const kept = (after[table] ?? []).filter((row) => !own(row))
    const texts = (all: Rows) => all.map((row) => JSON.stringify(columns.map((column) => row[column] ?? null))).sort()
    assert.deepEqual(texts(kept), texts(rows.filter((row) => !own(row))), table)
  }
}

/** As that release's house has it (tests/support/released.ts). */
function rightsOf(release: string, user: number): string[] {
  const all = ['create_invoice', 'list_invoices', 'use_app']
  if (user > 0 && user % 7 === 0) return []
  if (release === '0001-house' || user % 5 === 0) return all
  if (release === '0003-seat-numbers' && user % 5 !== 3) return all
  // The license gives a role with the list to every seat.
  return user % 5 === 3 ? [] : all.slice(1)
}

/** As a later release might have it: a column, every row written, an index. */
const LATER: Steps = {
  '9001-later': {
    async up(db) {
      await db.schema.alterTable('users').addColumn('nickname', 'text').execute()
      await sql`update users set nickname = first_name`.execute(db)
      await db.schema.createIndex('users_nickname').on('users').column('nickname').execute()
    },
  },
}

for (const kind of databases) {
  for (const release of RELEASES) {
    test(`a house of ${release} upgrades with its data unchanged, and serves as before (${kind})`, async () => {
      await using place = await newPlace(kind)
      const { database } = place
      await makeReleased(database, release, 40)
      const before = await tablesOf(database)
      const newer = Object.keys(allSteps(kind)).filter((name) => name > release)
      assert.deepEqual(await schemaState(database), { state: 'behind', pending: newer })
      const early = await place.run('user', 'list')
      assert.deepEqual([early.code, /Make a backup, then run `license-server migrate`/.test(early.stderr)], [1, true])
      assertUnchanged(before, await tablesOf(database))
      const seated = await seatedGrants(database, 'by its key')

      const migrated = await place.run('migrate', '--json')
      assert.deepEqual([migrated.code, JSON.parse(migrated.stdout)], [0, { taken: newer }])
      assertUnchanged(before, await tablesOf(database))
      assert.deepEqual(await seatedGrants(database, 'by its number'), seated)
      assert.ok(seated.length > 20)
      assert.deepEqual(JSON.parse((await place.run('migrate', '--json')).stdout), { taken: [] })
      assert.ok((await assertPeopleTerms(database)) > 100)
      const doctor = await place.run('doctor', '--json')
      assert.deepEqual([doctor.code, JSON.parse(doctor.stdout).ok], [0, true], doctor.stdout)

      await using ctx = await createContext(place.config)
      for (const [user, permissions] of await answersOf(ctx))
        assert.deepEqual(permissions, rightsOf(release, user), `user ${user}`)
      await using serving = await startServing(ctx)
      const permissions = {
        company_id: RELEASED.company,
        company_name: 'ACME',
        permissions: ['create_invoice', 'list_invoices', 'use_app'],
      }
      const { token } = RELEASED
      assert.deepEqual((await call(serving, 'GET get-permissions/', { token })).body, { permissions: [permissions] })
      assert.equal((await signIn(serving, RELEASED.user, RELEASED.password)).status, 200)
      assert.equal((await signIn(serving, RELEASED.user, `${RELEASED.password}!`)).status, 401)
      assert.equal((await signIn(serving, 'user7@released.test', RELEASED.password)).status, 403)
      const oneTime = { body: { token: RELEASED.oneTime } }
      assert.equal((await call(serving, 'POST impersonation-validation/', oneTime)).status, 200)
      assert.equal((await call(serving, 'POST impersonation-validation/', oneTime)).status, 401)
    })
  }

  test(`\`serve\` brings an older house up by itself (${kind})`, async () => {
    await using place = await newPlace(kind)
    await makeReleased(place.database, '0001-house', 3)
    await using ctx = await createContext(place.config, { migrates: 'always' })
    await using serving = await startServing(ctx)
    assert.equal((await call(serving, 'GET get-permissions/', { token: RELEASED.token })).status, 200)
    assert.deepEqual(await schemaState(place.database), { state: 'current' })
  })

  test(`what a step fills is right although others write meanwhile, and is filled on where it was cut off (${kind})`, async () => {
    await using place = await newPlace(kind)
    const { database } = place
    await makeReleased(database, '0001-house', 5_000)
    const steps = allSteps(kind)
    const filled = steps['0010-members']
    assert.ok(filled?.fill)
    const cutOff = { ...filled, fill: async () => Promise.reject(new Error('the power went')) }
    await assert.rejects(migrate(database, { ...steps, '0010-members': cutOff }), /the power went/)
    assert.deepEqual(await schemaState(database), { state: 'behind', pending: ['0010-members'] })
    // As a server of the release before goes on: it knows nothing of what is filled.
    let isFilling = true
    const users = (await database.read.selectFrom('users').select('id').execute()).map(({ id }) => id)
    const write = async (nth: number) => {
      const id = users[(nth * 1_709) % users.length] ?? ''
      await database.transaction(async (tx) => {
        const managed_by = nth % 3 === 0 ? RELEASED.company : null
        await tx
          .updateTable('users')
          .set({ last_name: `Later ${nth}`, managed_by })
          .where('id', '=', id)
          .execute()
        await writeUserTerms(tx, {
          id,
          email: `later${nth}@released.test`,
          firstName: 'User',
          lastName: `Later ${nth}`,
        })
        if (nth % 2 === 0) await endMembership(tx, id, RELEASED.company, 1)
      })
    }
    const writing = (async () => {
      let count = 0
      for (; isFilling || count < 50; count++) await write(count)
      return count
    })()
    const taken = await migrate(database).finally(() => {
      isFilling = false
    })
    assert.deepEqual(taken, ['0010-members'])
    assert.ok((await writing) >= 50)
    assert.ok((await assertPeopleTerms(database)) > 10_000)
  })

  test(`a step that fails half way leaves nothing of itself, and is taken whole later (${kind})`, async () => {
    await using place = await newPlace(kind)
    const { database } = place
    await makeReleased(database, '0001-house', 20)
    const before = await tablesOf(database)
    const failing: Steps = {
      ...allSteps(kind),
      '9001-later': {
        async up(db) {
          await LATER['9001-later']?.up(db)
          throw new Error('the power went')
        },
      },
    }
    await assert.rejects(migrate(database, failing), /the power went/)
    assert.deepEqual(await tablesOf(database), before)

    await migrate(database, { ...allSteps(kind), ...LATER })
    const after = await tablesOf(database)
    assertUnchanged(before, after)
    assert.ok(after.users?.every((row) => row.nickname === 'User'))
  })

  test(`of several that upgrade at once one does it, and the others find it done (${kind})`, async () => {
    await using place = await newPlace(kind)
    await makeReleased(place.database, '0001-house', 200)
    const before = await tablesOf(place.database)
    const ran = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const database = openDatabase(place.config.database, { poolSize: 1, onIdleError: () => undefined })
        try {
          return await migrate(database, { ...allSteps(kind), ...LATER })
        } finally {
          await database.close()
        }
      }),
    )
    const taken = ['9001-later', ...Object.keys(allSteps(kind)).filter((name) => name > '0001-house')].sort()
    assert.deepEqual(
      ran.filter((each) => each.length > 0).map((each) => each.toSorted()),
      [taken],
    )
    assertUnchanged(before, await tablesOf(place.database))
  })

  test(`a program beside a newer schema runs as long as that says it may, and then refuses, whatever it is asked (${kind})`, async () => {
    await using place = await newPlace(kind)
    const { database } = place
    await makeReleased(database, '0001-house', 5)
    await migrate(database, { ...allSteps(kind), ...LATER })
    // It may: the newer program says that this one still can.
    assert.deepEqual(await schemaState(database), { state: 'newer', mayRun: true })
    const list = await place.run('user', 'list', '--json')
    assert.deepEqual([list.code, JSON.parse(list.stdout).total], [0, 5])
    const doctor = await place.run('doctor')
    assert.deepEqual([doctor.code, /^! schema: it is of a newer program/m.test(doctor.stdout)], [0, true])
    assert.equal((await place.run('migrate')).code, 0)
    {
      await using ctx = await createContext(place.config, { migrates: 'always' })
      await using serving = await startServing(ctx)
      assert.equal((await signIn(serving, RELEASED.user, RELEASED.password)).status, 200)
    }

    // It may no longer: the release after it took something away that this one needs.
    await database.transaction((tx) =>
      tx.updateTable('house').set({ value: '99' }).where('name', '=', 'oldest_program').execute(),
    )
    const before = await tablesOf(database)
    const house = join(place.env.LICENSE_DATA_DIR ?? '', 'house.json')
    writeFileSync(house, JSON.stringify({ companies: [{ name: 'Initech' }] }))
    const commands = [['serve'], ['migrate'], ['seed', house], ['user', 'list'], ['keys', 'check'], ['keys', 'rotate']]
    for (const command of commands) {
      const ran = await place.run(...command)
      assert.deepEqual([ran.code, ran.stdout], [1, ''], command.join(' '))
      assert.equal(
        ran.stderr,
        'The database was made by a newer program that this one can not run beside. Update this program.\n',
      )
    }
    assert.equal((await place.run('doctor')).code, 1)
    assert.deepEqual(await tablesOf(database), before)
  })
}
