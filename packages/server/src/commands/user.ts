import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { commonPasswords } from '../credentials/common-passwords.ts'
import { endUserSessions } from '../credentials/end-sessions.ts'
import { countUsers, type ListedUser, listUsers, setPasswordHash, setUserActive } from '../directory/user-store.ts'
import { passwordFault } from '../domain/password-policy.ts'
import { CommandError } from '../errors.ts'
import { requireUser, wholeNumber } from './find.ts'
import { askPassword } from './password-input.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }

export function userCommand(program: Command): void {
  const user = program.command('user').description('See users, switch them on and off, set passwords.')
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
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    // Also for a user who was off already: whatever is asked for holds afterwards.
    if (!isActive) await endUserSessions(tx, user.id, now)
    if (user.isActive !== isActive) await setUserActive(tx, user.id, isActive, now)
  })
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
  const hash = await ctx.hasher.hash(password)
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    await endUserSessions(tx, user.id, now)
    await setPasswordHash(tx, user.id, hash, now)
  })
  print(options.json, { user: user.email, changed: true }, () => [
    `${user.email} has a new password, and every session has ended.`,
    ...(user.isActive ? [] : ['The account is switched off, though.']),
  ])
}
