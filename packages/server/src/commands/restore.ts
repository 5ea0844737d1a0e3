import { resolve } from 'node:path'
import type { Command } from 'commander'
import { ownEnvironment, readConfig } from '../config.ts'
import { examineHouse } from './doctor.ts'
import { SIGNS } from './doctor-check.ts'
import { print } from './report.ts'
import { restorePostgres } from './restore-postgres.ts'
import { restoreSqlite } from './restore-sqlite.ts'
import type { Restored } from './restored.ts'

type Options = { keepSessions?: boolean; json?: boolean }

export function restoreCommand(program: Command): void {
  program
    .command('restore')
    .argument('<file>', 'a backup that `license-server backup` made')
    .description(
      'Put a backup in the place of the house, then look the house over. The servers must be stopped; the present house is kept.',
    )
    .option('--keep-sessions', 'leave users signed in; what was revoked since the backup would come back to life')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server restore /backups/license-2026-12-31.db')
    .action(async (given: string, options: Options) => {
      const config = readConfig(ownEnvironment())
      const file = resolve(given)
      const keepsSessions = options.keepSessions ?? false
      const { database } = config
      const restored =
        database.kind === 'sqlite'
          ? await restoreSqlite(config, database, file, keepsSessions)
          : await restorePostgres(config, database.url, file, keepsSessions)
      const faults = (await examineHouse(config)).filter((check) => check.state === 'fault')
      print(options.json, { ...restored, aside: restored.aside ?? null, faults }, () => [
        ...asLines(restored, options),
        ...faults.map((check) => `${SIGNS.fault} ${check.name}: ${check.says}`),
        faults.length === 0 ? 'The house is in order.' : 'Mend that before the house is served again.',
      ])
      if (faults.length > 0) process.exitCode = 1
    })
}

function asLines(restored: Restored, options: Options): string[] {
  const lines = [`The house is restored from ${restored.file}.`]
  if (restored.migrated.length > 0) lines.push(`It was brought up to this program: ${restored.migrated.join(', ')}.`)
  lines.push(
    options.keepSessions
      ? 'Sessions were kept: sign-ins of the time of the backup hold again.'
      : `Everyone must sign in again (${restored.ended} ${restored.ended === 1 ? 'session' : 'sessions'} ended).`,
  )
  if (restored.keys > 0)
    lines.push(
      `${restored.keys} ${restored.keys === 1 ? 'API key was' : 'API keys were'} revoked: make new ones by \`license-server key create\`.`,
    )
  lines.push(`Unused one-time tokens no longer work (${restored.oneTime}).`)
  lines.push(
    restored.aside
      ? `What was there before is in ${restored.aside}. Delete it when you no longer need it.`
      : 'There was no database before.',
  )
  return lines
}
