import type { Command } from 'commander'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import { endSeat, removeMember } from '../credentials/accounts.ts'
import { CommandError } from '../errors.ts'
import { requireApplicationCalled, requireCompany, requireUser } from './find.ts'
import { print, withHouse } from './report.ts'

type Options = { company: string; json?: boolean }

export function memberCommand(program: Command): void {
  const member = program.command('member').description('End what a user may do for a company; `seed` gives it.')
  member
    .command('remove')
    .argument('<email>')
    .description('Take a user out of a company, with all seats and grants there, from the very next request on.')
    .requiredOption('--company <name or id>', 'the company')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server member remove anna@acme.example --company ACME')
    .action((email: string, options: Options) => withHouse((ctx) => remove(ctx, email, options)))
  member
    .command('take-seat')
    .argument('<email>')
    .description("Take a member's seat in one application, with all grants under it, from the very next request on.")
    .requiredOption('--company <name or id>', 'the company')
    .requiredOption('--application <id>', 'the application')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server member take-seat anna@acme.example --company ACME --application crm',
    )
    .action((email: string, options: Options & { application: string }) =>
      withHouse((ctx) => seat(ctx, email, options)),
    )
}

async function remove(ctx: Context, email: string, options: Options): Promise<void> {
  const user = await requireUser(ctx, email)
  const company = await requireCompany(ctx, options.company)
  const removed = await removeMember(ctx, COMMAND_LINE, { userId: user.id, companyId: company.id })
  if (!removed) throw new CommandError(`${user.email} does not work for ${company.name}. Nothing was changed.`)
  const seats = removed.seats === 1 ? '1 seat was' : `${removed.seats} seats were`
  print(options.json, { user: user.email, company: company.id, ...removed }, () => [
    `${user.email} no longer works for ${company.name}; ${seats} taken away.`,
  ])
}

async function seat(ctx: Context, email: string, options: Options & { application: string }): Promise<void> {
  const user = await requireUser(ctx, email)
  const company = await requireCompany(ctx, options.company)
  const application = await requireApplicationCalled(ctx, options.application)
  const key = { userId: user.id, companyId: company.id, applicationId: application.id }
  if (!(await endSeat(ctx, COMMAND_LINE, key)))
    throw new CommandError(`${user.email} has no seat in ${application.name} for ${company.name}. Nothing was changed.`)
  print(options.json, { user: user.email, company: company.id, application: application.id }, () => [
    `${user.email} may no longer use ${application.name} for ${company.name}; the seat is free.`,
  ])
}
