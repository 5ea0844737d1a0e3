// What people may do, on the real server: the verbs of licenses, seats, grants, roles and what tells of them.
import { test } from 'node:test'
import { ACME, BERT, MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { PASSWORD } from '../../server/tests/support/house.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, checkRows, type Row } from './support/run.ts'

test('licenses, seats, grants, roles and what tells of them have their verbs', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await server.license('crm').authenticate('anna@acme.test', PASSWORD)

  const rows: Row[] = [
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
    [
      'grant set bert@acme.test ACME crm list_invoices --reason Audit',
      ({ grants, loses }) => grants[0].reason === 'Audit' && loses.length === 0,
      /list_invoices \("Audit"\)/,
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
    ['audit list --user bert@acme.test', (all) => all.length > 0, /bert@acme\.test/],
    ['audit list --company ACME --from 2020-01-01 --until 2020-01-02', (all) => all.length === 0, /^$/],
    ['audit state', (state) => 'unsealed' in state, /kept for +ever/],
    ['statistics', (found) => found.users.all === 9, /users +9, 9 of them switched on/],
    ['statistics --company ACME', (found) => found.company.id === ACME, /APPLICATION +LICENSES/],
    ['statistics --application crm', (found) => found.applications.length === 1, /crm +2 in force/],
  ]
  await checkRows(cli, rows)
})
