import type { LicenseAdmin } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, noun, onHouse, orNull, requireChanges } from '../command.ts'
import { findCompany, findUser } from '../find.ts'
import { grantLine } from '../grants.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showEnd, showInterval, showStart } from '../output/when.ts'

type Where = [user: string, company: string, application: string]
type Terms = { from?: string; until?: string; restoreGrants?: boolean }

export function seatCommand(program: Command): void {
  const seat = noun(program, 'seat', "A member's right to use an application: list, show, add, set, remove.")

  const list = limited(
    seat
      .command('list')
      .argument('<company>', 'name or id')
      .description("List a company's seats, by application.")
      .option('--application <id>', 'in this application')
      .option('--user <user>', 'of this user'),
  ).action(
    onHouse<[company: string], ListOptions & { application?: string; user?: string }>(
      async ({ admin, out }, [typed], options) => {
        const company = await findCompany(admin, typed)
        const user = options.user === undefined ? undefined : (await findUser(admin, options.user)).id
        const seats = admin.seats.list({ company: company.id, ...given({ application: options.application, user }) })
        const emails = new Map<string, string>()
        await printList(out, withHolders(admin, seats, company.id, emails), options, {
          columns: [
            { heading: 'APPLICATION', whole: true },
            { heading: 'USER', whole: true },
            { heading: 'FROM', whole: true },
            { heading: 'UNTIL', whole: true },
          ],
          row: (each) => [each.application, each.email, showStart(each.starts_at), showEnd(each.ends_at) || 'no end'],
          none: `Nobody holds a seat in ${company.name}: cloudspot-license seat add`,
        })
      },
    ),
  )
  examples(list, ['cloudspot-license seat list ACME --application crm'])

  const show = named(seat.command('show'))
    .description('Show a seat, with the grants under it.')
    .action(
      onHouse<Where>(async ({ admin, out }, where) => {
        const { user, company, of } = await findSeat(admin, where)
        const { seat: held, grants } = await admin.rights.get(of)
        out.answer({ user: of.user, company: of.company, application: of.application, seat: held, grants }, () =>
          record([
            ['user', user.email],
            ['company', company.name],
            ['application', of.application],
            [
              'seat',
              held === null
                ? 'none: cloudspot-license seat add gives one'
                : `held, ${showInterval(held.starts_at, held.ends_at)}`,
            ],
            ['grants', grants.map(grantLine)],
          ]),
        )
      }),
    )
  examples(show, ['cloudspot-license seat show anna@acme.example ACME crm'])

  const add = terms(named(seat.command('add')))
    .description('Give a member a seat: from then on the user may use the application.')
    .option('--restore-grants', 'and the grants that ended with the seat of before')
    .action(
      onHouse<Where, Terms>(async ({ admin, out }, where, options) => {
        const { user, company, of } = await findSeat(admin, where)
        const made = await admin.seats.give(of, readTerms(options))
        const back = made.restored_grants === 0 ? '' : ` ${made.restored_grants} grants are back with it.`
        out.answer(made, () => [`${user.email} may use ${of.application} for ${company.name}.${back}`])
      }),
    )
  examples(add, [
    'cloudspot-license seat add anna@acme.example ACME crm',
    'cloudspot-license seat add temp@acme.example ACME crm --from 2026-07-01 --until 2026-08-31',
  ])

  const set = terms(named(seat.command('set')))
    .description('Change for how long a seat is held.')
    .action(
      onHouse<Where, Terms>(async ({ admin, out }, where, options) => {
        const wanted = requireChanges(readTerms(options))
        const { user, company, of } = await findSeat(admin, where)
        const changed = await admin.seats.give(of, wanted)
        const told = showInterval(changed.starts_at, changed.ends_at)
        out.answer(changed, () => [`${user.email} may use ${of.application} for ${company.name}: ${told}.`])
      }),
    )
  examples(set, ['cloudspot-license seat set anna@acme.example ACME crm --until none'])

  const remove = named(seat.command('remove'))
    .description('Take a seat away, with all grants under it. `seat add --restore-grants` brings them back.')
    .action(
      onHouse<Where>(async ({ admin, out }, where, options) => {
        const { user, company, of } = await findSeat(admin, where)
        await requireYes(
          options,
          `Take ${user.email} the seat in ${of.application} for ${company.name}, with all grants under it?`,
        )
        await admin.seats.remove(of)
        out.answer({ removed: of }, () => [`${user.email} may no longer use ${of.application} for ${company.name}.`])
      }),
    )
  examples(remove, ['cloudspot-license seat remove anna@acme.example ACME crm --yes'])
}

function named(command: Command): Command {
  return command.argument('<user>', 'address or id').argument('<company>', 'name or id').argument('<application>', 'id')
}

function terms(command: Command): Command {
  return command
    .option('--from <day>', "the first day, or a moment ('none': from now on)")
    .option('--until <day>', "the last day included, or a moment ('none': no end)")
}

function readTerms({ from, until, restoreGrants }: Terms) {
  return given({ starts_at: orNull(from), ends_at: orNull(until), restore_grants: restoreGrants })
}

async function findSeat(admin: LicenseAdmin, [who, where, application]: Where) {
  const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
  return { user, company, of: { user: user.id, company: company.id, application } }
}

type SeatOf = { user: string; application: string; starts_at: string | null; ends_at: string | null }

/** Seats name their holders by id; people know them by address. */
async function* withHolders<T extends SeatOf>(
  admin: LicenseAdmin,
  seats: AsyncIterable<T>,
  company: string,
  known: Map<string, string>,
): AsyncGenerator<T & { email: string }> {
  for await (const seat of seats) {
    const email = known.get(seat.user) ?? (await admin.members.get({ company, user: seat.user })).user.email
    known.set(seat.user, email)
    yield { ...seat, email }
  }
}
