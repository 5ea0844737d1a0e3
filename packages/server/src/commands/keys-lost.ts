import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { CommandError } from '../errors.ts'
import { examineKeys, type KeyReport } from '../keys/examine.ts'
import { forgetLost } from '../keys/forget-lost.ts'
import { ringPlace } from '../keys/house-keys.ts'
import { lossLines } from './keys-check.ts'
import { print, withUnprovenHouse } from './report.ts'

type Options = { confirm?: string; json?: boolean }

export function forgetLostCommand(keys: Command): void {
  keys
    .command('forget-lost')
    .description(
      'When the key ring is gone for good: say what can not be opened without it, and, asked again with the code that it says, give that up and make a new ring. The server must be stopped.',
    )
    .option('--confirm <code>', 'give up exactly what was listed with this code')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server keys forget-lost\n  $ license-server keys forget-lost --confirm 3f9a1c07\nUsers, passwords, tokens, licenses and grants are not sealed: nobody is signed out.',
    )
    .action((options: Options) => withUnprovenHouse((config, database) => run(config, database, options)))
}

async function run(config: Config, database: Database, options: Options): Promise<void> {
  using _lock = lockHouse(config.database)
  const place = ringPlace(config)
  const report = await examineKeys(database.read, place)
  if (report.lost.length === 0) {
    throw new CommandError(report.fault ?? 'Everything that is sealed opens with this key ring: nothing is lost.')
  }
  if (options.confirm === undefined) {
    print(options.json, { done: false, lost: report.lost, confirm: report.lossCode }, () => warning(report))
    process.exitCode = 1
    return
  }
  if (options.confirm !== report.lossCode) {
    throw new CommandError(
      'This is not the code of what would be lost now. `license-server keys forget-lost` lists it, with its code. Nothing was changed.',
    )
  }
  const { aside } = await forgetLost(database, place, { isGiven: config.keys !== undefined, now: Date.now() })
  print(options.json, { done: true, lost: report.lost, ring: place.name, aside: aside ?? null }, () => [
    `What could not be opened is given up, and the house has the key ring ${place.name}. Nobody was signed out.`,
    'Keep a copy of it apart from the backups, and give it to every node.',
    ...(aside === undefined ? [] : [`What lay there before is in ${aside}.`]),
  ])
}

function warning(report: KeyReport): string[] {
  return [
    ...(report.fault ?? '').split('\n').slice(0, 1),
    'Without it this can not be opened, and would be lost:',
    ...lossLines(report),
    'Users, passwords, tokens, licenses and grants are not sealed: they stay, and nobody is signed out.',
    'Look once more for the ring: in backups, on other nodes, where LICENSE_KEYS was set. With it, nothing is lost.',
    'If it is gone for good, stop every server of this house, and run:',
    `  license-server keys forget-lost --confirm ${report.lossCode}`,
  ]
}
