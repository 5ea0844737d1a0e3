import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { changePassword, deleteUser, switchUser } from '../../src/credentials/accounts.ts'
import { besideServer, runCommand } from '../commands/run.ts'
import { call, type Reply, signIn } from '../support/calls.ts'
import { ACME, GLOBEX, issue, PASSWORD, SMALL_HOUSE, user } from '../support/house.ts'
import { NODES, sameHouse, startNodes } from '../support/nodes.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const BERT = 'bert@acme.test'

const HOUSE = {
  ...SMALL_HOUSE,
  users: [
    ...SMALL_HOUSE.users,
    user(BERT, {
      first_name: 'Bertram',
      last_name: 'Bernstein',
      pin: '8127',
      companies: [
        { company: ACME, primary: true, grants: [{ application: 'crm', roles: ['clerk'] }, { application: 'shop' }] },
      ],
    }),
  ],
}

type Trigger = {
  name: string
  /** Arguments of the command, and what it is told. */
  args: string[]
  input?: string
  /** What a session of the user's own is told from then on: refused, or empty lists. */
  ownSession: 'refused' | 'empty'
  /** Undoes it, as far as it can be undone: credentials of before stay dead. */
  undo?: string[]
}

const TRIGGERS: Trigger[] = [
  {
    name: 'a user is switched off',
    args: ['user', 'disable', BERT],
    ownSession: 'refused',
    undo: ['user', 'enable', BERT],
  },
  { name: 'a user is deleted', args: ['user', 'delete', BERT, '--yes'], ownSession: 'refused' },
  { name: 'a membership is taken away', args: ['member', 'remove', BERT, '--company', 'ACME'], ownSession: 'empty' },
  {
    name: 'a seat is taken away',
    args: ['member', 'take-seat', BERT, '--company', 'ACME', '--application', 'crm'],
    ownSession: 'empty',
  },
  {
    name: 'a password is changed',
    args: ['user', 'set-password', BERT],
    input: 'another password for bert\n',
    ownSession: 'refused',
  },
  { name: 'a user is signed out everywhere', args: ['token', 'revoke', '--user', BERT], ownSession: 'refused' },
  {
    name: 'an application is switched off',
    args: ['application', 'disable', 'crm'],
    ownSession: 'refused',
    undo: ['application', 'enable', 'crm'],
  },
  {
    name: 'a company is switched off',
    args: ['seed', '-'],
    input: JSON.stringify({ companies: [{ id: ACME, active: false }] }),
    ownSession: 'empty',
  },
]

type Credentials = { own: string; impersonated: string; oneTimes: string[] }

async function makeCredentials(server: TestServer): Promise<Credentials> {
  const oneTime = () => server.impersonate({ user: BERT, company: ACME, application: 'crm', reason: 'A9' })
  const body = { token: await oneTime() }
  const { auth_token } = (await call(server, 'POST impersonation-validation/', { body })).body
  const oneTimes = await Promise.all(Array.from({ length: 3 * NODES }, oneTime))
  return { own: await issue(server, BERT, 'crm'), impersonated: auth_token, oneTimes }
}

async function assertEnded(node: TestServer, made: Credentials, ownSession: Trigger['ownSession']): Promise<void> {
  const own = await call(node, 'GET get-permissions/', { token: made.own })
  if (ownSession === 'refused') assert.equal(own.status, 401)
  else assert.deepEqual([own.status, own.body], [200, { permissions: [] }])
  assert.equal((await call(node, 'GET get-permissions/', { token: made.impersonated })).status, 401)
  assert.equal((await call(node, 'GET users/profile/', { token: made.impersonated })).status, 401)
  const body = { token: made.oneTimes.pop() }
  assert.equal((await call(node, 'POST impersonation-validation/', { body })).status, 401)
}

for (const database of databases) {
  describe(`A9: what ends, ends at once, for every kind of credential and on every node, on ${database}`, () => {
    for (const { name, args, input, ownSession, undo } of TRIGGERS) {
      test(name, async () => {
        await using house = await startNodes(database, HOUSE)
        const [first] = house.nodes
        const made = await makeCredentials(first)
        for (const node of house.nodes)
          assert.equal((await call(node, 'GET get-permissions/', { token: made.impersonated })).status, 200)

        const ran = await runCommand(besideServer(first), args, input)
        assert.equal(ran.code, 0, ran.stderr)
        for (const node of house.nodes) await assertEnded(node, made, ownSession)

        // Nor does switching on again, or a node that starts later, bring one back.
        if (undo) assert.equal((await runCommand(besideServer(first), undo)).code, 0)
        if (database === 'postgres') {
          await using later = await startServer(database, { env: sameHouse(first) })
          await assertEnded(later, made, ownSession)
        }
        for (const node of house.nodes) await assertEnded(node, made, ownSession)
      })
    }

    test('the twin: what was not meant goes on', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const run = (...args: string[]) => runCommand(besideServer(server), args)
      const shop = await issue(server, BERT, 'shop')
      const carla = await issue(server, 'carla@globex.test', 'crm')
      const anna = await server.impersonate({
        user: 'anna@acme.test',
        company: GLOBEX,
        application: 'crm',
        reason: 'A9',
      })
      assert.equal((await run('member', 'take-seat', BERT, '--company', 'ACME', '--application', 'crm')).code, 0)
      assert.equal((await run('member', 'remove', 'anna@acme.test', '--company', 'ACME')).code, 0)
      const lists = (reply: Reply) => reply.body.permissions.map((each: { company_name: string }) => each.company_name)
      assert.deepEqual(lists(await call(server, 'GET get-permissions/', { token: shop, module: 'shop' })), ['ACME'])
      assert.deepEqual(lists(await call(server, 'GET get-permissions/', { token: carla })), ['Globex'])
      assert.equal((await call(server, 'POST impersonation-validation/', { body: { token: anna } })).status, 200)
      assert.deepEqual(lists(await signIn(server, 'anna@acme.test', PASSWORD)), ['Globex'])
      assert.equal((await signIn(server, BERT, PASSWORD)).status, 403)
      assert.equal((await signIn(server, BERT, PASSWORD, { module: 'shop' })).status, 200)
    })

    test('a seat that was taken away is free again, and its grants stay as ended', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const run = (...args: string[]) => runCommand(besideServer(server), ['member', ...args])
      await server.seed({ licenses: [{ company: ACME, application: 'crm', seats: 4 }] })
      const third = { email: 'newcomer@acme.test', companies: [{ company: ACME, grants: [{ application: 'crm' }] }] }
      await assert.rejects(server.seed({ users: [third] }))
      assert.match(
        (await run('take-seat', BERT, '--company', 'ACME', '--application', 'crm')).stdout,
        /the seat is free/,
      )
      await server.seed({ users: [third] })
      const { grants = [] } = await allTables(server)
      const ended = grants.filter(({ revoked_at }) => Number(revoked_at) > 0)
      assert.equal(ended.length, 1)
      const again = await run('take-seat', BERT, '--company', 'ACME', '--application', 'crm')
      assert.deepEqual(
        [again.code, again.stderr],
        [1, 'bert@acme.test has no seat in CRM for ACME. Nothing was changed.\n'],
      )
      const stranger = await run('remove', BERT, '--company', 'Globex')
      assert.deepEqual(
        [stranger.code, stranger.stderr],
        [1, 'bert@acme.test does not work for Globex. Nothing was changed.\n'],
      )
      assert.equal((await runCommand(besideServer(server), ['doctor'])).code, 0)
    })

    test('a deleted user leaves nothing of the person, and an id that nobody gets again', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const run = (args: string[], input?: string) => runCommand(besideServer(server), args, input)
      await signIn(server, BERT, 'wrong')
      await makeCredentials(server)
      const before = await allTables(server)
      const id = String(before.users?.find(({ email }) => email === BERT)?.id)

      const asked = await run(['user', 'delete', BERT])
      assert.equal(asked.code, 1)
      assert.match(asked.stderr, /^This deletes bert@acme\.test for good.*\nNothing was changed\. Say --yes/)
      assert.deepEqual(await allTables(server), before)

      const deleted = await run(['user', 'delete', BERT, '--yes'])
      assert.match(deleted.stdout, /^bert@acme\.test is deleted, with 1 membership, 2 seats and 2 sign-ins\.$/m)
      const after = await allTables(server)
      assert.doesNotMatch(JSON.stringify(after), /bert@acme|Bertram|Bernstein|8127/)
      for (const name of ['tokens', 'impersonations', 'seats', 'throttles', 'known_addresses'] as const)
        assert.ok(!after[name]?.some((row) => row.user_id === id), name)

      assert.equal((await signIn(server, BERT, PASSWORD)).status, 401)
      assert.equal((await signIn(server, `deleted:${id}`, '')).status, 401)
      assert.doesNotMatch((await run(['user', 'list'])).stdout, /deleted/)
      assert.match((await run(['user', 'enable', BERT])).stderr, /^There is no user bert@acme\.test/)
      assert.equal((await run(['doctor'])).code, 0)

      const refusal = (house: object, ...more: string[]) => run(['seed', '-', ...more], JSON.stringify(house))
      const sameId = await refusal({ users: [{ id, email: 'somebody@acme.test' }] })
      assert.match(sameId.stderr, /\/users\/0\/id: this is the id of a user who was deleted: no id is used twice/)
      const newcomer = { users: [user(BERT, { companies: [{ company: ACME, grants: [{ application: 'crm' }] }] })] }
      const once = await refusal(newcomer)
      assert.equal(once.code, 1)
      assert.match(
        once.stderr,
        /\/users\/0\/email: bert@acme\.test belonged to a user who was deleted on .*: to give it to a new one, seed with --take-up-deleted/,
      )
      assert.equal((await refusal(newcomer, '--take-up-deleted')).code, 0)
      const { body } = await signIn(server, BERT, PASSWORD, { rich: true })
      assert.notEqual(body.user.id, id)
      assert.deepEqual(body.permissions, [{ company_id: ACME, company_name: 'ACME', permissions: ['use_app'] }])
    })

    test('what comes too late for a deleted user changes nothing', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const { id } = await server.ctx.db.read
        .selectFrom('users')
        .select('id')
        .where('email', '=', BERT)
        .executeTakeFirstOrThrow()
      await deleteUser(server.ctx, COMMAND_LINE, { id, email: BERT })
      const before = (await allTables(server)).users
      assert.equal(await changePassword(server.ctx, COMMAND_LINE, id, 'a string'), false)
      assert.equal(await switchUser(server.ctx, COMMAND_LINE, id, true), false)
      const after = (await allTables(server)).users?.find((row) => row.id === id)
      assert.deepEqual([after?.active, after?.password_hash], [0, null])
      assert.equal(before?.length, (await allTables(server)).users?.length)
    })

    test('who was taken out of a company gets no seat by the same house file, unless it says so', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const run = (...args: string[]) => runCommand(besideServer(server), args)
      assert.match((await run('member', 'remove', BERT, '--company', 'ACME')).stdout, /2 seats were taken away/)
      const member = { company: ACME, grants: [{ application: 'crm' }] }
      const error = await server
        .seed({ users: [{ email: BERT, companies: [member] }] })
        .catch((thrown: unknown) => thrown)
      assert.match(JSON.stringify(error), /\/users\/0\/companies\/0\/grants.*switched off/)
      await server.seed({ users: [{ email: BERT, companies: [{ ...member, active: true }] }] })
      assert.equal((await signIn(server, BERT, PASSWORD)).status, 200)
      // Also where only the switch was set: the seat is freed.
      await server.seed({ users: [{ email: BERT, companies: [{ company: ACME, active: false }] }] })
      assert.match((await run('member', 'remove', BERT, '--company', 'ACME')).stdout, /1 seat was taken away/)
    })

    test('the only operator can not be deleted', async () => {
      await using server = await startServer(database, { house: HOUSE })
      const ran = await runCommand(besideServer(server), ['user', 'delete', 'olga@house.test', '--yes'])
      assert.deepEqual(
        [ran.code, ran.stderr],
        [1, 'This is the only operator. Make somebody else one first; nothing was changed.\n'],
      )
      assert.equal((await runCommand(besideServer(server), ['user', 'disable', 'olga@house.test'])).code, 1)
      await server.seed({ users: [user('second@house.test', { operator: true })] })
      assert.equal((await runCommand(besideServer(server), ['user', 'delete', 'olga@house.test', '--yes'])).code, 0)
    })
  })
}
