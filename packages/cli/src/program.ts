import { Command, Option } from 'commander'
import { applicationCommand } from './commands/application.ts'
import { applyCommand } from './commands/apply.ts'
import { auditCommand } from './commands/audit.ts'
import { companyCommand } from './commands/company.ts'
import { completionCommand } from './commands/completion.ts'
import { deliveryCommand } from './commands/delivery.ts'
import { endpointCommand } from './commands/endpoint.ts'
import { explainCommand } from './commands/explain.ts'
import { exportCommand } from './commands/export.ts'
import { grantCommand } from './commands/grant.ts'
import { impersonationCommand } from './commands/impersonation.ts'
import { importCommand } from './commands/import.ts'
import { keyCommand } from './commands/key.ts'
import { licenseCommand } from './commands/license.ts'
import { listenCommand } from './commands/listen.ts'
import { memberCommand } from './commands/member.ts'
import { planCommand } from './commands/plan.ts'
import { roleCommand } from './commands/role.ts'
import { seatCommand } from './commands/seat.ts'
import { statisticsCommand } from './commands/statistics.ts'
import { tokenCommand } from './commands/token.ts'
import { typesCommand } from './commands/types.ts'
import { upstreamCommand } from './commands/upstream.ts'
import { userCommand } from './commands/user.ts'
import { whoamiCommand } from './commands/whoami.ts'
import { CommandError } from './errors.ts'
import { withoutKeys } from './output/clean.ts'
import { DEFAULT_SERVER } from './settings.ts'
import { VERSION } from './version.ts'

const COMMANDS = [
  whoamiCommand,
  userCommand,
  companyCommand,
  memberCommand,
  applicationCommand,
  licenseCommand,
  seatCommand,
  grantCommand,
  roleCommand,
  tokenCommand,
  keyCommand,
  impersonationCommand,
  endpointCommand,
  deliveryCommand,
  listenCommand,
  explainCommand,
  planCommand,
  applyCommand,
  typesCommand,
  auditCommand,
  statisticsCommand,
  upstreamCommand,
  importCommand,
  exportCommand,
  completionCommand,
]

/** The whole command line, as it is parsed, told in a help, and completed by a shell. */
export function createProgram(): Command {
  const program = new Command('cloudspot-license')
    .description(
      [
        'Manages a License server: who may do what, in which application, for which company.',
        'Things are named in one order: user, company, application, permission.',
      ].join('\n'),
    )
    .version(VERSION, '--version', 'print the version')
    .helpOption('--help', 'tell what a command takes, with examples')
    .option('--server <address>', `where the License server is (or LICENSE_SERVER; ${DEFAULT_SERVER} without)`)
    .option('--key-file <file>', 'a file with the API key (or LICENSE_API_KEY with the key itself)')
    .option('--json', 'print JSON, for programs')
    .option('--yes', 'do it without asking')
    .addOption(new Option('--key [key]').hideHelp().argParser(refuseKey).preset(''))
    .helpCommand('help [command]', 'Tell what a command takes.')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf })
    // Somebody may have typed a key where it does not belong.
    .configureOutput({ outputError: (text, write) => write(withoutKeys(text)) })
    .showHelpAfterError('(add --help for what this command takes)')
    .exitOverride()
  program.addHelpText(
    'after',
    [
      '',
      'Exit codes: 0 done; 1 refused or failed; 2 wrong use; 3 with --check: no, or something is to be done.',
      '',
      'Examples:',
      '  $ export LICENSE_SERVER=https://license.example LICENSE_API_KEY=clk_…',
      '  $ cloudspot-license whoami',
      '  $ cloudspot-license explain anna@acme.example ACME crm create_invoice',
    ].join('\n'),
  )
  for (const add of COMMANDS) add(program)
  return program
}

/** A verb with its arguments; of the program's own commands the name, so that what they do stands beside it. */
function termOf(command: Command): string {
  const named = command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`))
  return [command.name(), ...(command.parent?.parent ? named : [])].join(' ')
}

function refuseKey(): never {
  throw new CommandError(
    [
      "A key is not given on the command line, where everybody on this machine sees it and the shell's history keeps it.",
      'Put it in LICENSE_API_KEY, or in a file that --key-file names. One that was typed so is best revoked: cloudspot-license key remove ID',
    ],
    2,
  )
}
