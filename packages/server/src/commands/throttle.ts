import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { liftAccount, liftAddress, liftAll } from '../credentials/throttle.ts'
import { type ListedThrottle, listThrottles } from '../credentials/throttle-store.ts'
import { canonicalAddress } from '../domain/address.ts'
import { writeMoment } from '../domain/day.ts'
import { waitOf } from '../domain/throttle.ts'
import { CommandError } from '../errors.ts'
import { wholeNumber, wrongUse } from './find.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }
type LiftOptions = Options & { address?: string; all?: boolean }

export function throttleCommand(program: Command): void {
  const throttle = program.command('throttle').description('See and lift the waits after wrong passwords.')
  throttle
    .command('list')
    .description('List who has typed wrong passwords in the last ten minutes, the most tries first.')
    .option('--limit <number>', 'at most so many', wholeNumber(1, 100_000), 100)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server throttle list')
    .action((options: Options & { limit: number }) => withHouse((ctx) => list(ctx, options)))
  throttle
    .command('lift')
    .argument('[name]', 'the name as it is typed at the sign-in')
    .description('Forget the wrong passwords of one name, of one address or of all: the next try may come at once.')
    .option('--address <address>', "an end user's address")
    .option('--all', 'everything that is counted')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server throttle lift anna@acme.example')
    .action(async (name: string | undefined, options: LiftOptions, command: Command) => {
      if ([name, options.address, options.all].filter((each) => each !== undefined).length !== 1)
        wrongUse(command, 'give one of: a name, --address, --all')
      await withHouse((ctx) => lift(ctx, name, options))
    })
}

async function list(ctx: Context, options: Options & { limit: number }): Promise<void> {
  const now = ctx.now()
  const throttles = await listThrottles(ctx.db.read, options.limit, now)
  const shown = throttles.map((each) => ({ ...each, waitSeconds: Math.ceil(waitOf(each, now) / 1000) }))
  print(options.json, shown, () => {
    if (shown.length === 0) return ['Nobody has typed a wrong password in the last ten minutes.']
    const rows = shown.map((each) => [
      nameOf(each),
      each.address ?? '',
      String(each.tries),
      writeMoment(each.lastAt, ctx.config.timeZone),
      each.waitSeconds === 0 ? '' : `${each.waitSeconds} s`,
    ])
    const more = shown.length < options.limit ? [] : [`These are the first ${options.limit}; --limit shows more.`]
    return [...table(['ACCOUNT', 'ADDRESS', 'TRIES', 'LAST TRY', 'WAITS'], rows), ...more]
  })
}

function nameOf({ email, address }: ListedThrottle): string {
  if (email !== null) return email
  return address === null ? '(a name without an account)' : '(any)'
}

async function lift(ctx: Context, name: string | undefined, options: LiftOptions): Promise<void> {
  const lifted = await liftWhat(ctx, name, options)
  print(options.json, { lifted }, () => [
    lifted === 0 ? 'Nothing was counted there.' : 'The wrong passwords are forgotten: the next try may come at once.',
  ])
}

async function liftWhat(ctx: Context, name: string | undefined, options: LiftOptions): Promise<number> {
  if (options.all) return liftAll(ctx)
  if (options.address === undefined) return liftAccount(ctx, name ?? '')
  const address = canonicalAddress(options.address)
  if (address === undefined)
    throw new CommandError(`"${options.address}" is no IP address, such as 192.0.2.7 or 2001:db8::1.`)
  return liftAddress(ctx, address)
}
