import type { Command } from 'commander'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import { changePassword, deleteUser, switchUser } from '../credentials/accounts.ts'
import { commonPasswords } from '../credentials/common-passwords.ts'
import { countUsers, type ListedUser, listUsers } from '../directory/user-store.ts'
import { passwordFault } from '../domain/password-policy.ts'
import { CommandError } from '../errors.ts'
import { requireUser, wholeNumber } from './find.ts'
import { askPassword } from './password-input.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }

export function userCommand(program: Command): void {
  const user = program.command('user').description('See users, switch them on and off, set passwords, delete them.')
  user
    .command('list')
    .description('List the users by address.')
    .option('--limit <number>', 'at most so many', wholeNumber(1, 1_000_000), 100)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server user list --limit 20')
    .action((options: Options & { limit: number }) => withHouse((ctx) => list(ctx, options)))
  user
    .command('disable')
    .argument('<email>')
    .description('Switch a user off and end all their sessions, from the very next request on.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server user disable anna@acme.example')
    .action((email: string, options: Options) => withHouse((ctx) => setActive(ctx, email, false, options)))
  user
    .command('enable')
    .argument('<email>')
    .description('Switch a user on again. Sessions that have ended stay so.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server user enable anna@acme.example')
    .action((email: string, options: Options) => withHouse((ctx) => setActive(ctx, email, true, options)))
  user
    .command('set-password')
    .argument('<email>')
    .description(
      'Set a password and end all sessions of the user. It is asked for, or read from standard input; never an argument.',
    )
    .option('--password-stdin', 'read it from standard input, also on a terminal')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server user set-password anna@acme.example\n  $ pass show anna | license-server user set-password anna@acme.example',
    )
    .action((email: string, options: Options & { passwordStdin?: boolean }) =>
      withHouse((ctx) => setPassword(ctx, email, options)),
    )

  user
    .command('delete')
    .argument('<email>')
    .description("Delete a person's data for good, and end all their sessions. Without --yes it says what would go.")
    .option('--yes', 'do it')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server user delete anna@acme.example --yes')
    .action((email: string, options: Options & { yes?: boolean }) => withHouse((ctx) => remove(ctx, email, options)))
}

async function list(ctx: Context, options: Options & { limit: number }): Promise<void> {
  const users = await listUsers(ctx.db.read, { limit: options.limit })
  const total = await countUsers(ctx.db.read)
  print(options.json, { total, users }, () => {
    if (users.length === 0) return ['The house has no users yet.']
    const rows = users.map((each) => [
      each.email,
      `${each.firstName} ${each.lastName}`.trim(),
      String(each.companies),
      stateOf(each),
    ])
    const more = users.length < total ? [`These are ${users.length} of ${total}; --limit shows more.`] : []
    return [...table(['EMAIL', 'NAME', 'COMPANIES', 'STATE'], rows), ...more]
  })
}

function stateOf(user: ListedUser): string {
  const states = [user.isActive ? 'on' : 'switched off']
  if (user.isOperator) states.push('operator')
  if (!user.hasPassword) states.push('no password')
  return states.join(', ')
}

async function setActive(ctx: Context, email: string, isActive: boolean, options: Options): Promise<void> {
  const user = await requireUser(ctx, email)
  if (!(await switchUser(ctx, COMMAND_LINE, user.id, isActive))) throw deletedMeanwhile(user.email)
  const state = isActive ? 'switched on' : 'switched off'
  const changed = user.isActive !== isActive
  print(options.json, { user: user.email, isActive, changed }, () => {
    if (!changed) return [`${user.email} was ${state} already.`]
    return [isActive ? `${user.email} is switched on.` : `${user.email} is switched off, and every session has ended.`]
  })
}

async function setPassword(ctx: Context, email: string, options: Options & { passwordStdin?: boolean }): Promise<void> {
  const user = await requireUser(ctx, email)
  const common = await commonPasswords()
  const faultOf = (password: string) => passwordFault(password, ctx.config.passwordMinLength, common)
  const password = await askPassword(user.email, { fromStdin: options.passwordStdin ?? false, faultOf })
  const fault = faultOf(password)
  if (fault !== undefined) throw new CommandError(`The password ${fault}. Nothing was changed.`)
  if (!(await changePassword(ctx, COMMAND_LINE, user.id, await ctx.hasher.hash(password))))
    throw deletedMeanwhile(user.email)
  print(options.json, { user: user.email, changed: true }, () => [
    `${user.email} has a new password, and every session has ended.`,
    ...(user.isActive ? [] : ['The account is switched off, though.']),
  ])
}

async function remove(ctx: Context, email: string, options: Options & { yes?: boolean }): Promise<void> {
  const user = await requireUser(ctx, email)
  if (!options.yes)
    throw new CommandError(
      `This deletes ${user.email} for good: name, password, PIN, sign-ins, memberships and seats. It can not be taken back.`,
      'Nothing was changed. Say --yes to do it, or use `license-server user disable`, which can be taken back.',
    )
  const deleted = await deleteUser(ctx, COMMAND_LINE, user)
  print(options.json, { user: user.email, id: user.id, ...deleted }, () => [
    `${user.email} is deleted, with ${counted(deleted.memberships, 'membership')}, ${counted(deleted.seats, 'seat')} and ${counted(deleted.tokens, 'sign-in')}.`,
    `What stays is the id ${user.id}, which nobody gets again.`,
  ])
}

function deletedMeanwhile(email: string): CommandError {
  return new CommandError(`${email} was deleted meanwhile. Nothing was changed.`)
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
