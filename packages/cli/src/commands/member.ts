import type { Member } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, noun, onHouse, requireChanges } from '../command.ts'
import { findCompany, findUser } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

type Fields = { admin?: boolean; primary?: boolean; active?: boolean; despiteManager?: boolean }

export function memberCommand(program: Command): void {
  const member = noun(program, 'member', 'Who works for a company: list, show, add, set, remove.')

  const list = limited(
    member
      .command('list')
      .argument('<company>', 'name or id')
      .argument('[text]', 'how an address or a name begins')
      .description("List a company's members by address, or find some."),
  ).action(
    onHouse<[company: string, text?: string], ListOptions>(async ({ admin, out }, [typed, q], options) => {
      const company = await findCompany(admin, typed)
      await printList(out, admin.members.list({ company: company.id, ...given({ q }) }), options, {
        columns: [{ heading: 'EMAIL', whole: true }, { heading: 'NAME' }, { heading: 'IS' }, { heading: 'SINCE' }],
        row: (each) => [
          each.user.email,
          `${each.user.first_name} ${each.user.last_name}`.trim(),
          isWhat(each),
          each.joined_at.slice(0, 10),
        ],
        none: `${company.name} has no ${q === undefined ? 'members yet' : `member whose address or name begins with "${q}"`}.`,
      })
    }),
  )
  examples(list, ['cloudspot-license member list ACME'])

  const show = named(member.command('show'))
    .description('Show a member.')
    .action(
      onHouse<[user: string, company: string]>(async ({ admin, out }, [who, where]) => {
        const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
        const found = await admin.members.get({ company: company.id, user: user.id })
        out.answer(found, () => showMember(company.name, found))
      }),
    )
  examples(show, ['cloudspot-license member show anna@acme.example ACME'])

  const add = fields(named(member.command('add')))
    .description('Make a user a member of a company.')
    .option('--despite-manager', 'although another company runs the account, and may know its password')
    .action(
      onHouse<[user: string, company: string], Fields>(async ({ admin, out }, [who, where], options) => {
        const company = await findCompany(admin, where)
        // By address, so that somebody whom this key does not see yet can be taken on.
        const named = who.includes('@') ? { email: who } : { user: who }
        const { role, primary } = readFields(options)
        const made = await admin.members.create(company.id, {
          ...named,
          ...given({ role, primary, despite_manager: options.despiteManager }),
        })
        out.answer(made, () => [
          `${made.user.email} is ${made.role === 'admin' ? 'an admin' : 'a member'} of ${company.name}.`,
        ])
      }),
    )
  examples(add, ['cloudspot-license member add anna@acme.example ACME --admin'])

  const set = fields(named(member.command('set')))
    .description('Change what is given, and nothing else.')
    .option('--active', 'switched on')
    .option('--no-active', 'switched off: keeps the seats, and may do nothing for the company')
    .action(
      onHouse<[user: string, company: string], Fields>(async ({ admin, out }, [who, where], options) => {
        const changes = requireChanges(readFields(options))
        const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
        const changed = await admin.members.update({ company: company.id, user: user.id }, changes)
        out.answer(changed, () => showMember(company.name, changed))
      }),
    )
  examples(set, [
    'cloudspot-license member set anna@acme.example ACME --admin',
    'cloudspot-license member set bert@acme.example ACME --no-active',
  ])

  const remove = named(member.command('remove'))
    .description('Take a member out of a company, with all seats and grants there.')
    .action(
      onHouse<[user: string, company: string]>(async ({ admin, out }, [who, where], options) => {
        const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
        await requireYes(options, `Take ${user.email} out of ${company.name}, with all seats and grants there?`)
        await admin.members.remove({ company: company.id, user: user.id })
        out.answer({ removed: { user: user.id, company: company.id } }, () => [
          `${user.email} no longer works for ${company.name}.`,
        ])
      }),
    )
  examples(remove, ['cloudspot-license member remove bert@acme.example ACME --yes'])
}

function named(command: Command): Command {
  return command.argument('<user>', 'address or id').argument('<company>', 'name or id')
}

function fields(command: Command): Command {
  return command
    .option('--admin', 'may run the company within its licenses')
    .option('--no-admin', 'an ordinary member')
    .option('--primary', "the company that the user's profile names")
    .option('--no-primary', 'it is not')
}

function readFields({ admin, primary, active }: Fields) {
  const role = admin === undefined ? undefined : admin ? ('admin' as const) : ('member' as const)
  return given({ role, primary, active })
}

function isWhat({ role, primary, active }: Member): string {
  return [role, primary ? 'primary' : '', active ? '' : 'switched off'].filter(Boolean).join(', ')
}

function showMember(company: string, member: Member): string[] {
  return record([
    ['user', member.user.email],
    ['company', company],
    ['is', isWhat(member)],
    ['since', showMoment(member.joined_at)],
  ])
}
