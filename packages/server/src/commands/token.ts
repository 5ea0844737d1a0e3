import type { Command } from 'commander'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import { endToken, signOutApplication, signOutUser } from '../credentials/accounts.ts'
import { secretHash } from '../credentials/secrets.ts'
import { findTokenId, type ListedToken, listLiveTokens } from '../credentials/token-store.ts'
import { writeMoment } from '../domain/day.ts'
import { UUID } from '../domain/limits.ts'
import { CommandError } from '../errors.ts'
import { requireApplicationCalled, requireUser, wholeNumber, wrongUse } from './find.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type ListOptions = { user?: string; limit: number; json?: boolean }
type RevokeOptions = { user?: string; application?: string; json?: boolean }

export function tokenCommand(program: Command): void {
  const token = program.command('token').description('See and end sign-ins.')
  token
    .command('list')
    .description('List live tokens, the last used first. The tokens themselves are not stored, so they are not shown.')
    .option('--user <email>', "this user's only")
    .option('--limit <number>', 'at most so many', wholeNumber(1, 100_000), 100)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server token list --user anna@acme.example')
    .action((options: ListOptions) => withHouse((ctx) => listTokens(ctx, options)))
  token
    .command('revoke')
    .argument('[id]', 'the id that `token list` shows, or the token itself')
    .description('End one sign-in, or all of a user or of an application. It holds from the very next request.')
    .option('--user <email>', 'all sign-ins of this user')
    .option('--application <id>', 'all sign-ins to this application')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server token revoke --user anna@acme.example')
    .action(async (id: string | undefined, options: RevokeOptions, command: Command) => {
      if ([id, options.user, options.application].filter((each) => each !== undefined).length !== 1) {
        wrongUse(command, 'give one of: an id or a token, --user, --application')
      }
      await withHouse((ctx) => revoke(ctx, id, options))
    })
}

async function listTokens(ctx: Context, options: ListOptions): Promise<void> {
  const user = options.user === undefined ? undefined : await requireUser(ctx, options.user)
  const filter = { limit: options.limit, ...(user && { userId: user.id }) }
  const tokens = await listLiveTokens(ctx.db.read, filter, ctx.now())
  print(options.json, tokens, () =>
    tokens.length === 0 ? ['Nobody is signed in.'] : asLines(tokens, options.limit, ctx.config.timeZone),
  )
}

function asLines(tokens: readonly ListedToken[], limit: number, zone: string): string[] {
  const at = (moment: number) => writeMoment(moment, zone)
  const rows = tokens.map((token) => [
    token.id,
    token.email,
    token.applicationId + (token.isImpersonation ? ' (impersonated)' : ''),
    at(token.issuedAt),
    at(token.lastUsedAt),
    at(token.expiresAt),
  ])
  const lines = table(['ID', 'USER', 'APPLICATION', 'SIGNED IN', 'LAST USED', 'EXPIRES'], rows)
  return tokens.length < limit ? lines : [...lines, `These are the ${limit} last used; --limit shows more.`]
}

async function revoke(ctx: Context, id: string | undefined, options: RevokeOptions): Promise<void> {
  if (options.user !== undefined) {
    const user = await requireUser(ctx, options.user)
    await signOutUser(ctx, COMMAND_LINE, user.id)
    return print(options.json, { user: user.email, ended: 'all' }, () => [`Every session of ${user.email} has ended.`])
  }
  if (options.application !== undefined) {
    const application = await requireApplicationCalled(ctx, options.application)
    await signOutApplication(ctx, COMMAND_LINE, application.id)
    const said = `Every session of ${application.name} has ended, for all its users.`
    return print(options.json, { application: application.id, ended: 'all' }, () => [said])
  }
  const state = await revokeOne(ctx, id ?? '')
  print(options.json, { state }, () => [
    state === 'revoked' ? 'This sign-in has ended.' : 'This sign-in had ended already.',
  ])
}

/** A pasted token is a secret: it is never repeated, and neither is what may be one (tests/commands/token.test.ts). */
async function revokeOne(ctx: Context, typed: string): Promise<'revoked' | 'already'> {
  if (typed.startsWith('clt_')) {
    const id = await findTokenId(ctx.db.read, secretHash(typed))
    const isRevoked = id !== undefined && (await endToken(ctx, COMMAND_LINE, id)) === 'revoked'
    if (!isRevoked) throw new CommandError('This token is not known here, or it had ended already.')
    return 'revoked'
  }
  if (!UUID.test(typed))
    throw new CommandError('This is neither a token nor the id of one. `license-server token list` shows the ids.')
  const state = await endToken(ctx, COMMAND_LINE, typed.toLowerCase())
  if (state === 'unknown')
    throw new CommandError(`No token has the id ${typed}. \`license-server token list\` shows the ids.`)
  return state
}
