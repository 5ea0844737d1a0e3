import type { Command } from 'commander'
import { ownEnvironment, readConfig } from '../config.ts'
import { requireNotCutOff } from '../db/backup-restore.ts'
import { openDatabase } from '../db/database.ts'
import { migrate } from '../db/migrate.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { print } from './report.ts'

export function migrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('Bring the database up to this program. On SQLite the server must be stopped.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server migrate\n  The database is up to date: took 0001-house.')
    .action(async (options: { json?: boolean }) => {
      const config = readConfig(ownEnvironment())
      using _lock = lockHouse(config.database)
      if (config.database.kind === 'sqlite') requireNotCutOff(config.database.file)
      const database = openDatabase(config.database, { poolSize: 1, onIdleError: () => undefined, isPatient: true })
      try {
        const taken = await migrate(database)
        print(options.json, { taken }, () => [
          taken.length === 0 ? 'The database was up to date.' : `The database is up to date: took ${taken.join(', ')}.`,
        ])
      } finally {
        await database.close()
      }
    })
}
