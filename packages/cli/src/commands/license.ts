import type { License } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import {
  examples,
  given,
  noun,
  noVerb,
  onHouse,
  orNull,
  requireChanges,
  several,
  wholeNumber,
  wholeNumberOr,
  wrongUse,
} from '../command.ts'
import { findCompanyId } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showEnd, showStart } from '../output/when.ts'

type Terms = {
  from?: string
  until?: string
  graceDays?: number
  seats?: number | 'unlimited'
  permission?: string[]
  role?: string[]
  suspended?: boolean
  note?: string
}

export function licenseCommand(program: Command): void {
  const license = noun(program, 'license', 'What a company bought of an application: list, show, add, set.')

  const list = limited(
    license
      .command('list')
      .argument('[company]', 'name or id')
      .description("List a company's licenses, or those for an application.")
      .option('--application <id>', 'for this application'),
  ).action(
    onHouse<[company?: string], ListOptions & { application?: string }>(async ({ admin, out }, [typed], options) => {
      const { application } = options
      if ((typed === undefined) === (application === undefined)) wrongUse('Name a company, or an --application.')
      const items = application
        ? admin.licenses.list({ application })
        : admin.licenses.list({ company: await findCompanyId(admin, typed ?? '') })
      await printList(out, items, options, {
        columns: [
          { heading: 'COMPANY' },
          { heading: 'APPLICATION', whole: true },
          { heading: 'STATE', whole: true },
          { heading: 'UNTIL', whole: true },
          { heading: 'SEATS', whole: true },
          { heading: 'INCLUDES' },
        ],
        row: (each) => [
          each.company.name,
          each.application,
          stateOf(each),
          showEnd(each.until) || 'no end',
          seatsOf(each),
          includesOf(each),
        ],
        none: 'There are none: cloudspot-license license add',
      })
    }),
  )
  examples(list, ['cloudspot-license license list ACME', 'cloudspot-license license list --application crm'])

  const show = named(license.command('show'))
    .description('Show a license.')
    .action(
      onHouse<[company: string, application: string]>(async ({ admin, out }, [typed, application]) => {
        const found = await admin.licenses.get({ company: await findCompanyId(admin, typed), application })
        out.answer(found, () => showLicense(found))
      }),
    )
  examples(show, ['cloudspot-license license show ACME crm'])

  const add = terms(named(license.command('add')))
    .description('Give a company a license. Without more: all permissions, for any number of seats, without an end.')
    .action(
      onHouse<[company: string, application: string], Terms>(async ({ admin, out }, [typed, application], options) => {
        const made = await admin.licenses.create(await findCompanyId(admin, typed), {
          application,
          ...readTerms(options),
        })
        out.answer(made, () => showLicense(made))
      }),
    )
  examples(add, [
    'cloudspot-license license add ACME crm --until 2026-12-31 --seats 10',
    'cloudspot-license license add ACME shop --permission list_orders,ship_order --role reader',
  ])

  const set = terms(named(license.command('set')))
    .description('Change what is given, and nothing else. A renewal is another --until.')
    .option('--no-suspended', 'no longer')
    .action(
      onHouse<[company: string, application: string], Terms>(async ({ admin, out }, [typed, application], options) => {
        const changes = requireChanges(readTerms(options))
        const changed = await admin.licenses.update(
          { company: await findCompanyId(admin, typed), application },
          changes,
        )
        out.answer(changed, () => showLicense(changed))
      }),
    )
  examples(set, [
    'cloudspot-license license set ACME crm --until 2027-12-31',
    'cloudspot-license license set ACME crm --seats unlimited',
    'cloudspot-license license set ACME crm --suspended --note "Invoice 1204 is open"',
  ])

  noVerb(
    license,
    'remove',
    'A license is not deleted: it ends. license set COMPANY APPLICATION --until 2026-12-31, or --suspended for now.',
  )
}

function named(command: Command): Command {
  return command.argument('<company>', 'name or id').argument('<application>', 'id')
}

function terms(command: Command): Command {
  return command
    .option('--from <day>', "the first day, or a moment ('none': always)")
    .option('--until <day>', "the last day included, or a moment ('none': no end)")
    .option('--grace-days <number>', 'so long after the end all goes on', wholeNumber(0, 3650))
    .option('--seats <number>', "how many may use it ('unlimited')", wholeNumberOr('unlimited', 0, 1_000_000_000))
    .option('--permission <slug...>', "what it includes, with what that needs ('all': all but is_superuser)", several)
    .option('--role <key...>', "roles that every seat gets ('none')", several)
    .option('--suspended', 'nobody may do anything by it for now')
    .option('--note <text>', 'for people')
}

function readTerms(options: Terms) {
  const { permission, role } = options
  return given({
    from: orNull(options.from),
    until: orNull(options.until),
    grace_days: options.graceDays,
    seats: options.seats === 'unlimited' ? null : options.seats,
    permissions: permission?.includes('all') ? ('all' as const) : permission,
    roles: role?.includes('none') ? [] : role,
    suspended: options.suspended,
    note: options.note,
  })
}

function stateOf({ state, suspended }: License): string {
  return suspended ? 'suspended' : state.replaceAll('_', ' ')
}

function seatsOf({ seats, seats_held, seats_over }: License): string {
  const over = seats_over > 0 ? `, ${seats_over} too many` : ''
  return seats === null ? `${seats_held} held` : `${seats_held} of ${seats} held${over}`
}

function includesOf({ permissions }: License): string {
  return permissions === 'all' ? 'all' : permissions.join(' ') || 'nothing'
}

function showLicense(license: License): string[] {
  return record([
    ['company', license.company.name],
    ['application', license.application],
    ['state', stateOf(license)],
    ['from', showStart(license.from) || 'always'],
    ['until', showEnd(license.until) || 'no end'],
    ['grace', license.grace_days === 0 ? 'none' : `${license.grace_days} days`],
    ['seats', seatsOf(license)],
    ['includes', license.permissions === 'all' ? 'all permissions' : license.permissions],
    ['every seat gets', license.roles.length === 0 ? 'no role' : `the role ${license.roles.join(', ')}`],
    ...(license.note === '' ? [] : [['note', license.note] as const]),
  ])
}
