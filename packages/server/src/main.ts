import { Command, CommanderError } from 'commander'
import { reportError } from './commands/report.ts'
import { VERSION } from './version.ts'

// What this program writes is its owner's alone: folders 0700, files 0600.
process.umask(0o077)
// Whoever reads our output may stop reading (`explain | head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

// Each is loaded when it is asked for: what serving needs is not what a question needs.
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  serve: async () => (await import('./commands/serve.ts')).serveCommand,
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand,
  seed: async () => (await import('./commands/seed.ts')).seedCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  token: async () => (await import('./commands/token.ts')).tokenCommand,
  user: async () => (await import('./commands/user.ts')).userCommand,
  member: async () => (await import('./commands/member.ts')).memberCommand,
  throttle: async () => (await import('./commands/throttle.ts')).throttleCommand,
  application: async () => (await import('./commands/application.ts')).applicationCommand,
  impersonate: async () => (await import('./commands/impersonate.ts')).impersonateCommand,
  key: async () => (await import('./commands/key.ts')).keyCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  keys: async () => (await import('./commands/keys.ts')).keysCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  move: async () => (await import('./commands/move.ts')).moveCommand,
  upstream: async () => (await import('./commands/upstream.ts')).upstreamCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
}

const program = new Command('license-server')
  .description(
    'The License server: one sign-in for all applications of a house.\nSettings are LICENSE_* variables; see docs/configuration.md.',
  )
  .version(VERSION)
  .showHelpAfterError('(add --help for what this command takes)')
  .exitOverride()

const asked = COMMANDS[process.argv[2] ?? '']
for (const load of asked ? [asked] : Object.values(COMMANDS)) (await load())(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error)
}
