import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import { writeBackup } from '../db/backup.ts'
import { writePostgresBackup } from '../db/postgres-backup.ts'
import { missingTools } from '../db/postgres-tools.ts'
import { CommandError } from '../errors.ts'
import { keyFile } from '../keys/house-keys.ts'
import { checkBackup } from './backup-check.ts'
import { postgresTool, shellWord } from './postgres-tool.ts'
import { print } from './report.ts'

type Options = { force?: boolean; check?: boolean; json?: boolean }

export function backupCommand(program: Command): void {
  program
    .command('backup')
    .argument('<file>', 'the backup to make')
    .description(
      'Copy the house to a file, whole and checked, while the server runs. On PostgreSQL by its own pg_dump, which must be on the PATH.',
    )
    .option('--check', 'make none: look one over that is there')
    .option('--force', 'replace the file when it is there')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server backup /backups/license-2026-12-31.db\n  $ license-server backup --check /backups/license-2026-12-31.db',
    )
    .action(async (file: string, options: Options) => {
      const config = readConfig(ownEnvironment())
      const target = resolve(file)
      const ring = config.keys === undefined ? keyFile(config) : 'LICENSE_KEYS'
      if (options.check) {
        await checkBackup(config, target)
        return print(options.json, { file: target, keys: ring }, () => [
          `${target} is sound, and it is of the house that the key ring ${ring} belongs to.`,
        ])
      }
      await backUp(config, target, options.force ?? false)
      print(options.json, { file: target, keys: ring }, () => [
        `The house is backed up to ${target}, and the copy is checked.`,
        `The key ring is not in it: keep ${ring} elsewhere too. A backup opens with its own key ring only.`,
      ])
    })
}

async function backUp(config: Config, target: string, mayReplace: boolean): Promise<void> {
  const { database } = config
  if (database.kind === 'sqlite' && !existsSync(database.file))
    throw new CommandError(`There is no database at ${database.file}. Check LICENSE_DATA_DIR or LICENSE_DATABASE_URL.`)
  if (database.kind === 'sqlite' && target === database.file)
    throw new CommandError('That is the database itself. Name another file for the backup.')
  if (!existsSync(dirname(target))) throw new CommandError(`There is no folder ${dirname(target)}. Make it first.`)
  if (!mayReplace && existsSync(target))
    throw new CommandError(`${target} is there already. Name another file, or replace it with --force.`)
  if (database.kind === 'sqlite') await writeBackup(database.file, target)
  else await backUpPostgres(database.url, target)
}

async function backUpPostgres(url: string, target: string): Promise<void> {
  const tools = { url, env: ownEnvironment() }
  const missing = await missingTools(tools)
  if (missing.length === 0) return writePostgresBackup(tools, target)
  throw new CommandError(
    `PostgreSQL makes its backups by its own tools, and here is no ${missing.join(', no ')} on the PATH. Install its client tools, or, where they are:`,
    `  ${postgresTool('pg_dump --format=custom', url)} --file=${shellWord(target)}`,
    '  license-server backup --check FILE',
  )
}
