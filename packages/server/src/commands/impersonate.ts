import type { Command } from 'commander'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import { AppError, CommandError } from '../errors.ts'
import { MAX_REASON, MAX_SESSION_MINUTES, startImpersonation } from '../impersonation/start.ts'
import { requireApplicationCalled, requireCompany, requireUser, wholeNumber, wrongUse } from './find.ts'
import { print, withHouse } from './report.ts'

type Options = { company: string; application: string; reason: string; minutes: number; json?: boolean }

export function impersonateCommand(program: Command): void {
  program
    .command('impersonate')
    .argument('<email>')
    .description('Begin to act as a user, for one company: make the one-time address or token that lets support in.')
    .requiredOption('--company <name>', 'in this company (name or id)')
    .requiredOption('--application <id>', 'for this application')
    .requiredOption('--reason <text>', 'why; it is kept, and the site is told')
    .option('--minutes <number>', 'how long the session lasts', wholeNumber(1, MAX_SESSION_MINUTES), 30)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server impersonate anna@acme.example --company ACME --application crm --reason "ticket 4711"',
    )
    .action(async (email: string, options: Options, command: Command) => {
      if (options.reason.trim() === '') wrongUse(command, 'the reason is empty: say why')
      if (options.reason.length > MAX_REASON) wrongUse(command, `the reason has more than ${MAX_REASON} characters`)
      await withHouse((ctx) => impersonate(ctx, email, options))
    })
}

async function impersonate(ctx: Context, email: string, options: Options): Promise<void> {
  const user = await requireUser(ctx, email)
  if (user.isOperator) throw new CommandError(`${user.email} is an operator: nobody may act as one.`)
  const company = await requireCompany(ctx, options.company)
  const application = await requireApplicationCalled(ctx, options.application)
  const wish = {
    userId: user.id,
    companyId: company.id,
    applicationId: application.id,
    reason: options.reason.trim(),
    minutes: options.minutes,
  }
  const { id, wayIn } = await startImpersonation(ctx, COMMAND_LINE, wish).catch((error: unknown) => {
    if (error instanceof AppError && ['site_not_ready', 'not_in_dialect'].includes(error.code))
      throw new CommandError(error.detail)
    if (!(error instanceof AppError) || error.code !== 'no_access') throw error
    const ask = `license-server explain ${user.email} --company ${company.id} --application ${application.id}`
    throw new CommandError(
      `${user.email} may not use ${application.name} in ${company.name}. This says why:`,
      `  ${ask}`,
    )
  })
  print(
    options.json,
    {
      id,
      token: wayIn.token,
      open_url: wayIn.url,
      user: user.email,
      company: company.id,
      application: application.id,
      minutes: options.minutes,
    },
    () => [
      wayIn.url ?? wayIn.token,
      `With this ${wayIn.url === null ? 'one-time token' : 'address'} ${application.name} lets you in as ${user.email} in ${company.name}, once, within 2 minutes.`,
      `The session ends ${options.minutes === 1 ? '1 minute' : `${options.minutes} minutes`} from now.`,
      ...wayIn.notice,
    ],
  )
}
