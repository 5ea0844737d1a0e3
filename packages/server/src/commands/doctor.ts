import type { Command } from 'commander'
import { type Config, ConfigError, ownEnvironment, readConfig } from '../config.ts'
import { type Check, SIGNS } from './doctor-check.ts'
import { checkDatabase } from './doctor-database.ts'
import { checkFiles } from './doctor-files.ts'
import { print } from './report.ts'

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('Look the whole house over and say what is wrong. Changes nothing; may run beside the server.')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server doctor\nThe exit code is 1 when something is wrong (✗); a warning (!) is none.',
    )
    .action(async (options: { json?: boolean }) => {
      const checks = await examine()
      const faults = checks.filter((check) => check.state === 'fault').length
      print(options.json, { ok: faults === 0, checks }, () => [
        ...checks.map((check) => `${SIGNS[check.state]} ${check.name}: ${check.says}`),
        faults === 0 ? 'The house is in order.' : `${faults === 1 ? 'One thing is' : `${faults} things are`} wrong.`,
      ])
      if (faults > 0) process.exitCode = 1
    })
}

async function examine(): Promise<Check[]> {
  let config: Config
  try {
    config = readConfig(ownEnvironment())
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    // Nothing else can be looked at without them.
    return error.faults.map((says): Check => ({ name: 'settings', state: 'fault', says }))
  }
  const zone = `days begin and end in ${config.timeZone} (LICENSE_TIME_ZONE).`
  return [
    { name: 'settings', state: 'ok', says: 'all are readable.' },
    { name: 'time zone', state: 'ok', says: zone },
    ...(await examineHouse(config)),
  ]
}

/** Files and database, by settings that are right. */
export async function examineHouse(config: Config): Promise<Check[]> {
  return [...checkFiles(config), ...(await checkDatabase(config, Date.now()))]
}
