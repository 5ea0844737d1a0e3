import type { Statistics } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { examples, given, onHouse } from '../command.ts'
import { findCompanyId } from '../find.ts'
import { record } from '../output/table.ts'
import { showEnd, showMoment } from '../output/when.ts'

export function statisticsCommand(program: Command): void {
  const statistics = program
    .command('statistics')
    .description('Count what there is: users, licenses, seats, sign-ins, and what ends soon.')
    .option('--company <name or id>', 'of this company')
    .option('--application <id>', 'of this application')
    .action(
      onHouse<[], { company?: string; application?: string }>(async ({ admin, out }, _, options) => {
        const company = options.company === undefined ? undefined : await findCompanyId(admin, options.company)
        const found = await admin.statistics.get(given({ company, application: options.application }))
        if (out.isJson) return out.answer(found, () => [])
        out.lines(record(totals(found)))
        showApplications(out, found)
        showEnding(out, found)
      }),
    )
  examples(statistics, ['cloudspot-license statistics', 'cloudspot-license statistics --company ACME --json'])
}

type Field = readonly [string, string]
type Out = import('../output/out.ts').Out

function totals(found: Statistics): Field[] {
  const { users, companies, signed_in: signedIn, last_sign_in: last, throttled_accounts: throttled } = found
  return [
    ['as of', showMoment(found.as_of)],
    ...(users ? [['users', `${users.all}, ${users.active} of them switched on`] as const] : []),
    ...(users?.operators === undefined ? [] : [['operators', String(users.operators)] as const]),
    ...(users?.support === undefined ? [] : [['support', String(users.support)] as const]),
    ...(companies ? [['companies', `${companies.all}, ${companies.active} of them switched on`] as const] : []),
    ...(signedIn
      ? [
          [
            'signed in',
            `${signedIn.last_day} in a day, ${signedIn.last_7_days} in 7 days, ${signedIn.last_30_days} in 30 days`,
          ] as const,
        ]
      : []),
    ...(last === undefined ? [] : [['last sign-in', showMoment(last) || 'none yet'] as const]),
    ...(throttled === undefined ? [] : [['waiting', `${throttled} accounts, after wrong passwords`] as const]),
  ]
}

function showApplications(out: Out, { applications }: Statistics): void {
  if (applications.length === 0) return
  out.lines([''])
  out.table(
    [
      { heading: 'APPLICATION', whole: true },
      { heading: 'LICENSES', whole: true },
      { heading: 'SEATS' },
      { heading: 'SIGNED IN, 30 DAYS' },
      { heading: 'LAST', whole: true },
    ],
    applications.map(({ id, active, licenses, seats, signed_in: signedIn, last_sign_in: last }) => [
      active ? id : `${id} (switched off)`,
      `${licenses.in_force + licenses.in_grace} in force`,
      `${seats.held} held of ${seats.bought}${seats.unlimited_licenses > 0 ? ' and unlimited ones' : ''}${seats.over > 0 ? `, ${seats.over} too many` : ''}`,
      String(signedIn.last_30_days),
      showMoment(last),
    ]),
  )
}

function showEnding(out: Out, { licenses_ending: ending, api_keys_expiring: keys }: Statistics): void {
  if (ending && ending.all > 0) {
    out.lines(['', `Licenses that end within 30 days: ${ending.all}`])
    out.table(
      [
        { heading: 'COMPANY' },
        { heading: 'APPLICATION', whole: true },
        { heading: 'UNTIL', whole: true },
        { heading: 'SEATS', whole: true },
      ],
      ending.soonest.map((each) => [each.company.name, each.application, showEnd(each.until), String(each.seats_held)]),
    )
  }
  if (keys && keys.length > 0) {
    out.lines(['', `API keys that end within 30 days: ${keys.length}`])
    out.table(
      [{ heading: 'NAME' }, { heading: 'UNTIL', whole: true }, { heading: 'ID', whole: true }],
      keys.map((each) => [each.name, showEnd(each.expires_at), each.id]),
    )
  }
}
