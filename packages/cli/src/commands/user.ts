import type { LicenseAdmin, User, UserWithCompanies } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { askPassword, requireYes } from '../ask.ts'
import { examples, given, noun, onHouse, orNull, requireChanges, wrongUse } from '../command.ts'
import { findCompanyId, findUser } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

type Fields = {
  firstName?: string
  lastName?: string
  pin?: string
  active?: boolean
  operator?: boolean
  support?: boolean
  managedBy?: string | false
  takeUpDeleted?: boolean
  password?: boolean
}

export function userCommand(program: Command): void {
  const user = noun(program, 'user', 'People: list, show, add, set, remove.')

  const list = limited(
    user
      .command('list')
      .argument('[text]', 'how an address or a name begins')
      .description('List users by address, or find some.')
      .option('--company <name or id>', 'members of this company only'),
  ).action(
    onHouse<[text?: string], ListOptions & { company?: string }>(async ({ admin, out }, [q], options) => {
      const company = options.company === undefined ? undefined : await findCompanyId(admin, options.company)
      await printList(out, admin.users.list(given({ q, company })), options, {
        columns: [
          { heading: 'EMAIL', whole: true },
          { heading: 'NAME' },
          { heading: 'STATE' },
          { heading: 'ID', whole: true },
        ],
        row: (each) => [each.email, `${each.first_name} ${each.last_name}`.trim(), stateOf(each), each.id],
        none:
          q === undefined
            ? 'There are no users yet: cloudspot-license user add'
            : `Nobody's address or name begins with "${q}".`,
      })
    }),
  )
  examples(list, ['cloudspot-license user list', 'cloudspot-license user list ann --company ACME'])

  const show = user
    .command('show')
    .argument('<user>', 'address or id')
    .description('Show a user, with the companies.')
    .action(
      onHouse<[user: string]>(async ({ admin, out }, [typed]) => {
        const found = await admin.users.get((await findUser(admin, typed)).id)
        out.answer(found, () => showUser(found))
      }),
    )
  examples(show, ['cloudspot-license user show anna@acme.example'])

  const add = fields(user.command('add').argument('<email>', 'what the user signs in with'))
    .description('Make a user.')
    .option('--company <name or id>', 'and a member of this company')
    .option('--id <uuid>', 'keep an id of before')
    .action(
      onHouse<[email: string], Fields & { company?: string; id?: string }>(async ({ admin, out }, [email], options) => {
        const { company, id } = options
        const companyId = company === undefined ? undefined : await findCompanyId(admin, company)
        const changes = await readFields(admin, options)
        const password = options.password === undefined ? undefined : await askPassword(email)
        const made = await admin.users.create({ email, ...changes, ...given({ id, company: companyId, password }) })
        out.answer(made, () => [
          `${made.email} is there${made.has_password ? '' : ', without a password: --password of `user set` gives one'}.`,
        ])
      }),
    )
  examples(add, [
    'cloudspot-license user add anna@acme.example --first-name Anna --last-name Ames --company ACME --password',
    'printf \'%s\' "$PASSWORD" | cloudspot-license user add bert@acme.example --password',
  ])

  const set = fields(user.command('set').argument('<user>', 'address or id'))
    .description('Change what is given, and nothing else.')
    .option('--email <email>', 'another address')
    .action(
      onHouse<[user: string], Fields & { email?: string }>(async ({ admin, out }, [typed], options) => {
        const { id, email } = await findUser(admin, typed)
        const changes = { ...(await readFields(admin, options)), ...given({ email: options.email }) }
        if (options.password === undefined) requireChanges(changes)
        const password = options.password === undefined ? undefined : await askPassword(email)
        if (Object.keys(changes).length > 0) await admin.users.update(id, changes)
        if (password !== undefined) await admin.users.setPassword(id, password)
        const changed = await admin.users.get(id)
        out.answer(changed, () => [
          ...showUser(changed),
          ...(password === undefined ? [] : ['The password is set, and every session has ended.']),
        ])
      }),
    )
  examples(set, [
    'cloudspot-license user set anna@acme.example --last-name Adams',
    'cloudspot-license user set bert@acme.example --no-active',
    'cloudspot-license user set bert@acme.example --password',
  ])

  const remove = user
    .command('remove')
    .argument('<user>', 'address or id')
    .description("Delete a person's data for good, and end every session. `user set --no-active` can be taken back.")
    .action(
      onHouse<[user: string]>(async ({ admin, out }, [typed], options) => {
        const { id, email } = await findUser(admin, typed)
        await requireYes(options, `Delete ${email} for good, with all seats and grants?`)
        await admin.users.remove(id)
        out.answer({ removed: id }, () => [`${email} is deleted.`])
      }),
    )
  examples(remove, ['cloudspot-license user remove bert@acme.example --yes'])
}

function fields(command: Command): Command {
  return command
    .option('--first-name <text>')
    .option('--last-name <text>')
    .option('--pin <text>', 'up to 6 characters, for applications that are told it (none: takes it away)')
    .option('--password [nothing]', 'ask for a password, or read it from standard input', refuseValue)
    .option('--active', 'switched on')
    .option('--no-active', 'switched off: every session ends')
    .option('--operator', 'may run the whole house')
    .option('--no-operator', 'may not')
    .option('--support', 'may look, and sign in for others')
    .option('--no-support', 'may not')
    .option('--managed-by <name or id>', 'the company that runs the account')
    .option('--no-managed-by', 'no company does')
    .option('--take-up-deleted', 'although the address belonged to somebody who was deleted')
}

function refuseValue(): never {
  return wrongUse(
    'A password is not given on the command line, where others see it. --password alone asks for it, or reads standard input; write it last.',
  )
}

async function readFields(admin: LicenseAdmin, options: Fields) {
  const { managedBy } = options
  return given({
    first_name: options.firstName,
    last_name: options.lastName,
    pin: orNull(options.pin),
    active: options.active,
    operator: options.operator,
    support: options.support,
    managed_by:
      typeof managedBy === 'string' ? await findCompanyId(admin, managedBy) : managedBy === false ? null : undefined,
    take_up_deleted: options.takeUpDeleted,
  })
}

function stateOf({ active, operator, support }: User): string {
  return [active ? '' : 'switched off', operator ? 'operator' : '', support ? 'support' : ''].filter(Boolean).join(', ')
}

function showUser(user: UserWithCompanies): string[] {
  return record([
    ['email', user.email],
    ['name', `${user.first_name} ${user.last_name}`.trim()],
    ['id', user.id],
    ['state', stateOf(user) || 'switched on'],
    ...(user.has_password === undefined ? [] : [['password', user.has_password ? 'set' : 'none yet'] as const]),
    ...(user.pin ? [['pin', user.pin] as const] : []),
    ...(user.created_at === undefined ? [] : [['made', showMoment(user.created_at)] as const]),
    [
      'companies',
      user.companies.map(({ company, role, primary, active }) => {
        const notes = [role === 'admin' ? 'admin' : '', primary ? 'primary' : '', active ? '' : 'switched off']
        const told = notes.filter(Boolean).join(', ')
        return told === '' ? company.name : `${company.name} (${told})`
      }),
    ],
  ])
}
