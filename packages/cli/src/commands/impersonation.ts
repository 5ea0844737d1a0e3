import type { ActedAs } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { examples, given, noun, noVerb, onHouse, wholeNumber } from '../command.ts'
import { findCompany, findUser } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

type Narrowed = ListOptions & { user?: string; company?: string; application?: string; live?: boolean }

export function impersonationCommand(program: Command): void {
  const impersonation = noun(program, 'impersonation', 'Acting as a user, for an hour at most: start, list, show, end.')

  const start = impersonation
    .command('start')
    .argument('<user>', 'address or id')
    .argument('<company>', 'name or id: for this one alone')
    .argument('<application>', 'id')
    .description('Begin to act as a user. Prints the address to open, which works once.')
    .requiredOption('--reason <text>', 'why; it is kept, and the application is told')
    .option('--minutes <number>', 'how long it lasts', wholeNumber(1, 60), 30)
    .action(
      onHouse<[user: string, company: string, application: string], { reason: string; minutes: number }>(
        async ({ admin, out }, [who, where, application], { reason, minutes }) => {
          const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
          const wish = { user: user.id, company: company.id, application, reason, minutes }
          const begun = await admin.impersonations.start(wish)
          const what = begun.open_url === null ? 'The one-time token' : 'The address'
          out.answer(begun, () => [
            begun.open_url ?? begun.token ?? '',
            '',
            `${what} lets you in once, until ${showMinute(begun.use_until)}: to ${application} as ${user.email}, for ${company.name}.`,
            `It ends at ${showMinute(begun.ends_at)}, or before by: cloudspot-license impersonation end ${begun.id}`,
            ...begun.notice.map((each) => `- ${each}`),
          ])
        },
      ),
    )
  examples(start, ['cloudspot-license impersonation start anna@acme.example ACME crm --reason "Ticket 4711"'])

  const list = limited(
    impersonation
      .command('list')
      .description('List who acts or acted as whom, the newest first.')
      .option('--live', 'those alone that wait to be used or are under way')
      .option('--user <user>', 'as this user')
      .option('--company <company>', 'for this company')
      .option('--application <id>', 'in this application'),
  ).action(
    onHouse<[], Narrowed>(async ({ admin, out }, _, { user, company, application, live, ...options }) => {
      const query = given({
        user: user === undefined ? undefined : (await findUser(admin, user)).id,
        company: company === undefined ? undefined : (await findCompany(admin, company)).id,
        application,
        live,
      })
      await printList(out, admin.impersonations.list(query), options, {
        columns: [
          { heading: 'BEGAN', whole: true },
          { heading: 'BY' },
          { heading: 'AS' },
          { heading: 'FOR' },
          { heading: 'APPLICATION' },
          { heading: 'STATE', whole: true },
          { heading: 'REASON' },
          { heading: 'ID', whole: true },
        ],
        row: (each) => [
          showMoment(each.started_at),
          starterOf(each),
          each.user.email,
          each.company.name,
          each.application,
          stateOf(each),
          each.reason,
          each.id,
        ],
        none: live ? 'Nobody acts as somebody else at the moment.' : 'Nobody acted as somebody else.',
      })
    }),
  )
  examples(list, [
    'cloudspot-license impersonation list --live',
    'cloudspot-license impersonation list --user anna@acme.example',
  ])

  const show = impersonation
    .command('show')
    .argument('<id>', 'from `impersonation list`')
    .description('Show who acts as whom, why, and until when.')
    .action(
      onHouse<[id: string]>(async ({ admin, out }, [id]) => {
        const found = await admin.impersonations.get(id)
        out.answer(found, () =>
          record([
            ['id', found.id],
            ['by', starterOf(found)],
            ['as', found.user.email],
            ['for', found.company.name],
            ['in', found.application],
            ['reason', found.reason],
            ['state', stateOf(found)],
            ['began', showMoment(found.started_at)],
            ['used', found.used_at === null ? 'not' : showMoment(found.used_at)],
            found.ended_at === null ? ['ends', showMoment(found.ends_at)] : ['ended', showMoment(found.ended_at)],
          ]),
        )
      }),
    )
  examples(show, ['cloudspot-license impersonation show 01990000-0000-7000-8000-000000000000'])

  const end = impersonation
    .command('end')
    .argument('<id>', 'from `impersonation list`')
    .description('End one, from the very next answer on.')
    .action(
      onHouse<[id: string]>(async ({ admin, out }, [id]) => {
        await admin.impersonations.end(id)
        const { user, application } = await admin.impersonations.get(id)
        out.answer({ ended: id }, () => [`Nobody acts as ${user.email} in ${application} by it any more.`])
      }),
    )
  examples(end, ['cloudspot-license impersonation end 01990000-0000-7000-8000-000000000000'])

  noVerb(impersonation, 'add', 'One is begun: impersonation start USER COMPANY APPLICATION --reason WHY')
  noVerb(impersonation, 'set', 'One is not changed, and never made longer: end it, and begin another one.')
  noVerb(impersonation, 'remove', 'What was done stays in the list. End one that is live: impersonation end ID')
}

function starterOf({ started_by }: ActedAs): string {
  return started_by?.name ?? 'the command line of the server'
}

function stateOf({ state, ends_at }: ActedAs): string {
  if (state === 'over') return 'over'
  return state === 'waiting' ? 'not used yet' : `live until ${showMinute(ends_at)}`
}

/** Of what is minutes away: `14:05:30 UTC`. */
function showMinute(moment: string): string {
  return `${moment.slice(11, 19)} UTC`
}
