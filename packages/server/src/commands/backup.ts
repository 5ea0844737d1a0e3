import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import { writeBackup } from '../db/backup.ts'
import { CommandError } from '../errors.ts'
import { keyFile } from '../keys/house-keys.ts'
import { postgresTool, shellWord } from './postgres-tool.ts'
import { print } from './report.ts'

type Options = { force?: boolean; json?: boolean }

export function backupCommand(program: Command): void {
  program
    .command('backup')
    .argument('<file>', 'the backup to make')
    .description('Copy the house to a file, whole and checked, while the server runs (SQLite; PostgreSQL has pg_dump).')
    .option('--force', 'replace the file when it is there')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server backup /backups/license-2026-12-31.db')
    .action(async (file: string, options: Options) => {
      const config = readConfig(ownEnvironment())
      const target = resolve(file)
      await backUp(config, target, options.force ?? false)
      const ring = config.keys === undefined ? keyFile(config) : 'LICENSE_KEYS'
      print(options.json, { file: target, keys: ring }, () => [
        `The house is backed up to ${target}, and the copy is checked.`,
        `The key ring is not in it: keep ${ring} elsewhere too. A backup opens with its own key ring only.`,
      ])
    })
}

async function backUp(config: Config, target: string, mayReplace: boolean): Promise<void> {
  if (config.database.kind === 'postgres') {
    throw new CommandError(
      'This house is on PostgreSQL, which makes its backups itself, while the server runs:',
      `  ${postgresTool('pg_dump --format=custom', config.database.url)} --file=${shellWord(target)}`,
    )
  }
  const { file } = config.database
  if (!existsSync(file))
    throw new CommandError(`There is no database at ${file}. Check LICENSE_DATA_DIR or LICENSE_DATABASE_URL.`)
  if (target === file) throw new CommandError('That is the database itself. Name another file for the backup.')
  if (!existsSync(dirname(target))) throw new CommandError(`There is no folder ${dirname(target)}. Make it first.`)
  if (!mayReplace && existsSync(target))
    throw new CommandError(`${target} is there already. Name another file, or replace it with --force.`)
  await writeBackup(file, target)
}
