// Every noun's verbs on the real server: what they print for programs, and what for people.
import { test } from 'node:test'
import { ACME, ANNA, EMIL, GLOBEX, MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { PASSWORD } from '../../server/tests/support/house.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, checkRows, type Row } from './support/run.ts'

test('users, companies, members and applications have their verbs', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await server.license('crm').authenticate('anna@acme.test', PASSWORD)

  const rows: Row[] = [
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

    [
      `user set ${EMIL} --email emil@münchen.example`,
      ({ email }) => email === 'emil@xn--mnchen-3ya.example',
      /emil@xn--/,
    ],
    ['user show Emil@München.example', (user) => user.id === EMIL, /emil@xn--mnchen-3ya\.example/],

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
  ]
  await checkRows(cli, rows)
})
