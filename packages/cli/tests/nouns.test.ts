// Every noun's verbs on the real server: what they print for programs, and that they print something else for people.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, ANNA, BERT, EMIL, GLOBEX, MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { PASSWORD } from '../../server/tests/support/house.ts'
import { databases, startServer } from '../../server/tests/support/server.ts'
import { CommandLine } from './support/run.ts'

for (const database of databases) {
  test(`from an empty house to a permission that is explained, and back (${database})`, async () => {
    await using server = await startServer(database)
    const cli = await CommandLine.at(server)
    await cli.text(['company', 'add', 'ACME'])
    await cli.text(['application', 'add', 'crm', '--name', 'CRM'])
    await cli.text(['license', 'add', 'ACME', 'crm', '--seats', '1'])
    await cli.text(['user', 'add', 'anna@acme.test', '--company', 'ACME', '--password'], { input: `${PASSWORD}\n` })
    const ask = ['explain', 'anna@acme.test', 'ACME', 'crm', 'use_app']
    assert.equal((await cli.json(ask)).allowed, false)
    await cli.text(['seat', 'add', 'anna@acme.test', 'ACME', 'crm'])
    assert.equal((await cli.json(ask)).allowed, true)
    const session = await server.license('crm').authenticate('anna@acme.test', PASSWORD)
    assert.equal(session.permissions.companies[0]?.name, 'ACME')
    await cli.text(['seat', 'remove', 'anna@acme.test', 'ACME', 'crm', '--yes'])
    assert.equal((await cli.json(ask)).allowed, false)
  })
}

test('every noun has its verbs', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await server.license('crm').authenticate('anna@acme.test', PASSWORD)

  // biome-ignore lint/suspicious/noExplicitAny: each row says what it expects of an answer.
  const rows: [line: string, holds: (answer: any) => unknown, told: RegExp][] = [
    ['whoami', (me) => me.power === 'operator', /may +run the whole house/],

    ['user list', (all) => all.length === 9, /^EMAIL +NAME +STATE +ID\nanna@acme\.test +Anna Ames +0/],
    ['user list b --company ACME', (all) => all.length === 3, /bella.*\n.*bert.*\n.*boris/],
    ['user list --limit 1', (all) => all.length === 1, /^EMAIL.*\nanna.*\n$/],
    ['user show anna@acme.test', (user) => user.id === ANNA, /companies +ACME \(admin\)/],
    [`user show ${ANNA.toUpperCase()}`, (user) => user.id === ANNA, /email +anna@acme\.test/],
    [
      'user set bert@acme.test --last-name Blum --pin 12',
      (user) => user.last_name === 'Blum' && user.pin === '12',
      /Blum/,
    ],
    ['user set bert@acme.test --pin none', (user) => user.pin === null, /name +Bert Blum/],
    ['user set bert@acme.test --no-active', (user) => user.active === false, /switched off/],
    ['user set bert@acme.test --active', (user) => user.active === true, /switched on/],
    ['user set bert@acme.test --support', (user) => user.support === true, /support/],
    ['user set bert@acme.test --no-support --no-managed-by', (user) => user.managed_by === null, /switched on/],

    ['company list', (all) => all.length === 2, /^NAME +STATE +ID\nACME +0/],
    ['company show acme', (company) => company.licenses.length === 2, /licenses +crm \(in force\)\n +shop/],
    [`company show ${ACME}`, (company) => company.name === 'ACME', /state +switched on/],
    [`company set ${GLOBEX} --name Globe`, (company) => company.name === 'Globe', /name +Globe/],
    ['company set Globe --no-active', (company) => company.active === false, /switched off/],
    [`company set ${GLOBEX} --name Globex --active`, (company) => company.active === true, /Globex/],

    ['member list ACME', (all) => all.length === 6, /^EMAIL +NAME +IS +SINCE\nanna/],
    ['member list ACME bel', (all) => all.length === 1, /bella/],
    ['member show anna@acme.test ACME', (member) => member.role === 'admin', /is +admin/],
    ['member set bert@acme.test ACME --admin', (member) => member.role === 'admin', /admin/],
    ['member set bert@acme.test ACME --no-admin', (member) => member.role === 'member', /is +member/],
    ['member set bert@acme.test ACME --no-active', (member) => member.active === false, /switched off/],
    ['member set bert@acme.test ACME --active', (member) => member.active === true, /is +member/],

    ['application list', (all) => all.length === 3, /^ID +NAME +STATE +SECRET\ncrm +CRM +none/],
    ['application show crm', (found) => found.id === 'crm', /used from +anywhere/],
    ['application set spare --token-days 3', (found) => found.token_days === 3, /holds +3 days/],
    ['application set spare --token-days none', (found) => found.token_days === null, /the house's own/],
    ['application set spare --network 10.0.0.0/8', (found) => found.source_networks.length === 1, /10\.0\.0\.0\/8/],
    ['application set spare --network any', (found) => found.source_networks === null, /anywhere/],
    ['application permissions crm', (all) => all.length === 8, /^use_app.*\n├ close_books.*\n│ └ reopen_books/],
    ['application manifest crm', (found) => found.permissions.length === 8, /^\{\n {2}"application": "crm",\n/],
    ['application secret spare --yes', ({ secret }) => /^cls_/.test(secret), /^cls_\w+\nKeep it/],
    ['application secret spare --none --yes', ({ secret }) => secret === null, /no secret any more/],

    ['license list ACME', (all) => all.length === 2, /^COMPANY +APPLICATION +STATE +UNTIL +SEATS +INCLUDES\nACME +crm/],
    ['license list --application crm', (all) => all.length === 2, /\nACME +crm.*4 of 6 held/],
    ['license show ACME crm', (license) => license.seats === 6, /seats +4 of 6 held/],
    ['license set ACME crm --seats 3', (license) => license.seats_over === 1, /4 of 3 held, 1 too many/],
    ['license set ACME crm --seats unlimited', (license) => license.seats === null, /seats +4 held/],
    [
      'license set ACME crm --until 2099-12-31 --grace-days 5',
      ({ grace_days }) => grace_days === 5,
      /until +2099-12-31\n/,
    ],
    ['license set ACME crm --until none', (license) => license.until === null, /until +no end/],
    ['license set ACME crm --suspended --note Late', (license) => license.suspended, /suspended[\s\S]*note +Late/],
    ['license set ACME crm --no-suspended', (license) => !license.suspended, /in force/],
    ['license set ACME shop --permission list_orders', ({ permissions }) => permissions.length === 1, /list_orders/],
    ['license set ACME shop --permission all', ({ permissions }) => permissions === 'all', /all permissions/],
    [
      'license set Globex crm --role viewer,spare',
      ({ roles }) => roles.length === 2,
      /the role viewer, spare|spare, viewer/,
    ],
    ['license set Globex crm --role none', ({ roles }) => roles.length === 0, /no role/],

    ['seat list ACME', (all) => all.length === 4, /^APPLICATION +USER +FROM +UNTIL\ncrm +anna@acme\.test/],
    ['seat list ACME --user bert@acme.test', (all) => all.length === 1, /bert/],
    ['seat show anna@acme.test ACME crm', ({ grants }) => grants.length === 2, /seat +held, no end\ngrants +/],
    ['seat show boris@acme.test ACME crm', ({ seat }) => seat === null, /none: cloudspot-license seat add/],
    ['seat set bert@acme.test ACME crm --until 2099-12-31', (seat) => seat.ends_at !== null, /until 2099-12-31/],
    ['seat set bert@acme.test ACME crm --until none', (seat) => seat.ends_at === null, /no end/],

    ['grant list bert@acme.test ACME', (all) => all.length === 2, /crm +create_invoice +no end/],
    ['grant show bert@acme.test ACME crm create_invoice', (grant) => grant.user === BERT, /gives +create_invoice/],
    [
      'grant show anna@acme.test ACME crm --role clerk',
      (grant) => grant.role.key === 'clerk',
      /the role Clerk \(clerk\)/,
    ],
    [
      'grant set bert@acme.test ACME crm create_invoice --until 2099-12-31 --reason Cover',
      ({ grants }) => grants[0].ends_at.startsWith('2100-01-01') && grants[0].reason === 'Cover',
      /create_invoice, until 2099-12-31 \("Cover"\)/,
    ],
    ['grant list bert@acme.test ACME --application crm', (all) => all.length === 2, /list_invoices/],

    ['role list crm', (all) => all.length === 4, /^APPLICATION +KEY +NAME +PERMISSIONS\n/],
    ['role list --company ACME', (all) => all.length === 2, /ACME's own/],
    ['role list shop --company ACME', (all) => all.length === 0, /^$/],
    ['role show crm clerk', (role) => role.name === 'Clerk', /belongs to +the application/],
    ['role show crm own --company ACME', (role) => role.company === ACME, /belongs to +ACME/],
    [
      'role set crm spare --add approve_invoice,list_invoices',
      (role) => role.permissions.length === 2,
      /approve_invoice/,
    ],
    ['role set crm spare --name Rest', (role) => role.permissions.length === 2, /name +Rest/],
    [
      'role set crm spare --permission export_ledger',
      (role) => role.permissions[0] === 'export_ledger',
      /export_ledger/,
    ],

    ['token list anna@acme.test', (all) => all.length === 1, /^ID +APPLICATION +SIGNED IN +LAST USED +UNTIL\n/],
    ['key list', (all) => all.length === 1, /a test +the whole house +\* +works/],
    ['key show "a test"', (key) => key.name === 'a test', /scopes +all/],
    ['explain anna@acme.test ACME crm create_invoice', (told) => told.allowed, /^Anna Ames <anna@acme\.test>: yes/],
    [
      'explain boris@acme.test ACME crm export_ledger',
      (told) => !told.allowed,
      /\$ cloudspot-license seat add boris@acme\.test ACME crm\n/,
    ],
    ['audit list --limit 3', (all) => all.length === 3, /^WHEN +ACT +BY +TO +WHAT\n.*key "a test"/],
    ['audit list --user bert@acme.test --act user.changed', (all) => all.length > 2, /bert@acme\.test/],
    ['audit list --company ACME --from 2020-01-01 --until 2020-01-02', (all) => all.length === 0, /^$/],
    ['audit state', (state) => 'unsealed' in state, /kept for +ever/],
    ['statistics', (found) => found.users.all === 9, /users +9, 9 of them switched on/],
    ['statistics --company ACME', (found) => found.company.id === ACME, /APPLICATION +LICENSES/],
    ['statistics --application crm', (found) => found.applications.length === 1, /crm +2 in force/],
  ]
  const wrong: string[] = []
  for (const [line, holds, told] of rows) {
    const args = words(line)
    const answer = await cli.json(args)
    if (!holds(answer)) wrong.push(`${line} --json: ${JSON.stringify(answer)}`)
    const { code, stdout } = await cli.run(args)
    if (code !== 0 || !told.test(stdout)) wrong.push(`${line}: ${stdout}`)
  }
  assert.deepEqual(wrong, [])
})

test('what is made is there, and what is removed is gone', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await server.license('crm').authenticate('anna@acme.test', PASSWORD)
  const { id: tokenId } = (await cli.json(['token', 'list', 'anna@acme.test']))[0]

  const rounds: [made: string, removed: string, seen: string, there: RegExp, gone: RegExp][] = [
    [
      'user add new@acme.test',
      'user remove new@acme.test --yes',
      'user show new@acme.test',
      /none yet/,
      /no user new@/,
    ],
    [
      'member add emil@example.test Globex --admin',
      'member remove emil@example.test Globex --yes',
      'member show emil@example.test Globex',
      /is +admin/,
      /no such member/,
    ],
    [
      'seat add boris@acme.test ACME crm --from 2020-01-01',
      'seat remove boris@acme.test ACME crm --yes',
      'seat show boris@acme.test ACME crm',
      /held, from 2020-01-01/,
      /seat +none/,
    ],
    [
      'grant add bert@acme.test ACME crm approve_invoice --reason Cover',
      'grant remove bert@acme.test ACME crm approve_invoice',
      'grant show bert@acme.test ACME crm approve_invoice',
      /reason +Cover/,
      /Nobody gave bert@acme\.test approve_invoice/,
    ],
    [
      'grant add bert@acme.test ACME crm --role viewer',
      'grant remove bert@acme.test ACME crm --role viewer',
      'grant show bert@acme.test ACME crm --role viewer',
      /the role Viewer/,
      /Nobody gave bert@acme\.test the role viewer/,
    ],
    ['role add crm boss', 'role remove crm boss', 'role show crm boss', /key +boss/, /no such role/],
    [
      'role add crm boss --company ACME --permission approve_invoice',
      'role remove crm boss --company ACME',
      'role show crm boss --company ACME',
      /belongs to +ACME\ngives +approve_invoice/,
      /no such role/,
    ],
    ['key add --name ci --application crm', 'key remove ci --yes', 'key show ci', /state +works/, /state +revoked/],
    [
      'whoami',
      `token remove anna@acme.test ${tokenId}`,
      `token show anna@acme.test ${tokenId}`,
      /application +crm/,
      /no such live session/,
    ],
  ]
  const wrong: string[] = []
  for (const [made, removed, seen, there, gone] of rounds) {
    await cli.json(words(made))
    const before = await cli.text(words(seen))
    await cli.json(words(removed))
    const after = await cli.run(words(seen))
    if (!there.test(before)) wrong.push(`${made}: ${before}`)
    if (!gone.test(after.stdout + after.stderr)) wrong.push(`${removed}: ${after.stdout}${after.stderr}`)
  }
  assert.deepEqual(wrong, [])
  await cli.text(['token', 'remove', 'anna@acme.test', '--yes'])
  const changed = ['role', 'set', 'crm', 'clerk', '--add', 'approve_invoice', '--drop', 'create_invoice']
  assert.deepEqual((await cli.json(changed)).permissions, ['approve_invoice'])
  const back = ['seat', 'add', 'bert@acme.test', 'ACME', 'crm', '--restore-grants']
  await cli.text(['seat', 'remove', 'bert@acme.test', 'ACME', 'crm', '--yes'])
  assert.match(await cli.text(back), /2 grants are back with it/)
  assert.deepEqual(
    (await cli.json(['grant', 'remove', 'bert@acme.test', 'ACME', 'crm', 'list_invoices', '--cascade'])).revoked.length,
    2,
  )
  assert.equal((await cli.json(['member', 'add', EMIL, 'ACME'])).user.id, EMIL)
})

test('a company key sees and runs its own', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server, { power: { kind: 'company', companyId: ACME } })
  assert.match(await cli.text(['whoami']), /may +run the company ACME/)
  await cli.text(['seat', 'add', 'boris@acme.test', 'ACME', 'crm'])
  await cli.text(['grant', 'add', 'boris@acme.test', 'ACME', 'crm', 'create_invoice'])
  assert.match(
    await cli.refusal(1, ['member', 'list', 'Globex']),
    /no company "Globex" here, or none that this key may see/,
  )
  assert.match(await cli.refusal(1, ['member', 'list', GLOBEX]), /no company/)
  assert.match(await cli.refusal(1, ['user', 'show', 'carla@globex.test']), /no user carla@globex\.test here/)
  assert.match(await cli.refusal(1, ['license', 'set', 'ACME', 'crm', '--seats', '9']), /for operators/)
})

/** As a shell would split it: by blanks, but within double quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
}
