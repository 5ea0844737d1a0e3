import { Command, CommanderError } from 'commander'
import { migrateCommand } from './commands/migrate.ts'
import { reportError } from './commands/report.ts'
import { seedCommand } from './commands/seed.ts'
import { serveCommand } from './commands/serve.ts'
import { VERSION } from './version.ts'

const program = new Command('license-server')
  .description(
    'The License server: one sign-in for all applications of a house.\nSettings are LICENSE_* variables; see docs/configuration.md.',
  )
  .version(VERSION)
  .showHelpAfterError('(add --help for what this command takes)')
  .exitOverride()

for (const register of [serveCommand, migrateCommand, seedCommand]) register(program)
// Subcommands end as the program does: by an exit code of ours.
for (const command of program.commands)
  command.exitOverride().showHelpAfterError('(add --help for what this command takes)')

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error)
}
