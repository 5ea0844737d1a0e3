import { basename } from 'node:path'
import type { Command } from 'commander'
import { examples, given, noun, onHouse } from '../command.ts'
import { findCompany } from '../find.ts'
import { checkUsers, importUsers, type Outcome, readFile } from '../import/import-users.ts'
import { openReport } from '../import/report-file.ts'
import type { Out } from '../output/out.ts'
import { showProgress } from '../output/progress.ts'
import { record } from '../output/table.ts'

type Options = {
  apply?: boolean
  company?: string
  managedBy?: string
  takeUpDeleted?: boolean
  report?: string
}

/** Of the rows that are refused, so many are told; the report has all. */
const SHOWN = 10

/** As a shell has it for what Ctrl-C ended. */
const INTERRUPTED = 130

const GOES_ON = 'What was taken in so far stays; the same command goes on where it ended.'

export function importCommand(program: Command): void {
  const imported = noun(program, 'import', 'Bring users in from another system.')

  const users = imported
    .command('users')
    .argument('<file>', "CSV with a line of names, or one JSON object a line: Django's auth_user, Keycloak, a database")
    .description(
      'Tell what would become of every user in a file, and with --apply take them in, passwords included. Who is there already stays as is.',
    )
    .option('--apply', 'take them in; without it nothing is stored')
    .option('--company <name or id>', 'as members of this company')
    .option('--managed-by <name or id>', 'as accounts that this company runs')
    .option('--take-up-deleted', 'although an address belonged to somebody who was deleted')
    .option('--report <file>', 'write what became of each row to this CSV file')
    .action(
      onHouse<[file: string], Options>(async ({ admin, out }, [file], options) => {
        const company = options.company === undefined ? undefined : await findCompany(admin, options.company)
        const manager = options.managedBy === undefined ? undefined : await findCompany(admin, options.managedBy)
        const wishes = given({
          company: company?.id,
          managed_by: manager?.id,
          take_up_deleted: options.takeUpDeleted,
        })
        const read = await readFile(file)
        const report = openReport(options.report)
        // Ctrl-C, which the bar takes for itself on a terminal: either way the program ends in the middle.
        const interrupted = () => {
          if (options.apply) out.note(GOES_ON)
          process.exitCode = INTERRUPTED
        }
        const interrupt = () => process.exit()
        const progress = showProgress(basename(file), read.total)
        const watch = { report, progress }
        process.once('exit', interrupted).once('SIGINT', interrupt)
        try {
          const outcome = options.apply
            ? await importUsers(admin, read, wishes, watch)
            : await checkUsers(admin, read, wishes, watch)
          progress.end()
          tell(out, file, outcome, options)
          if (outcome.refused > 0) process.exitCode = 1
        } catch (error) {
          progress.end()
          if (options.apply && progress.done > 0) out.note(GOES_ON)
          throw error
        } finally {
          process.off('exit', interrupted).off('SIGINT', interrupt)
          report.close()
        }
      }),
    )
  examples(users, [
    'cloudspot-license import users auth_user.csv --report report.csv',
    'cloudspot-license import users auth_user.csv --company ACME --apply',
  ])
}

function tell(out: Out, file: string, outcome: Outcome, { apply, report }: Options): void {
  out.answer(outcome, () => {
    const rest = outcome.refused - SHOWN
    const where = report === undefined ? '--report FILE tells of which' : `${report} tells of which`
    const more = report === undefined ? '--report FILE tells each' : `all are in ${report}`
    return [
      `${file} has ${outcome.rows} rows${apply ? '' : '. If they were taken in'}:`,
      ...record([
        ['  new', String(outcome.created)],
        ['  there already, and left as they are', String(outcome.existing)],
        ['  refused', String(outcome.refused)],
      ]),
      ...outcome.faults.slice(0, SHOWN).map(({ line, reason }) => `    line ${line}: ${reason}`),
      ...(rest > 0 ? [`    … and ${rest} more: ${more}`] : []),
      ...(outcome.noted > 0 ? [`Of ${outcome.noted} new ones something is not taken over: ${where}, and what.`] : []),
      ...(outcome.resumed_at > 0 ? [`It went on after ${outcome.resumed_at} rows, where it had ended before.`] : []),
      ...(apply ? [] : ['Nothing was stored. Add --apply to take them in.']),
    ]
  })
}
