import { createReadStream, existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { ownEnvironment, readConfig } from '../config.ts'
import { CommandError } from '../errors.ts'
import { type Filled, fillHouse } from '../imports/fill-house.ts'
import { openHouseFile } from '../imports/house-source.ts'
import { examineHouse } from './doctor.ts'
import { SIGNS } from './doctor-check.ts'
import { sumLines, totalOf } from './export.ts'
import { markFault } from './key-fault.ts'
import { intoDatabase, ringOf } from './moving.ts'
import { print } from './report.ts'

type Options = { keepSessions?: boolean; json?: boolean }

export function importCommand(program: Command): void {
  program
    .command('import')
    .argument('<file>', 'what `license-server export` wrote, or - for standard input')
    .description(
      "Fill an empty database with the house of an export, all of it or nothing, then look it over. The house's own key ring must be there. (Users of another system come in by `cloudspot-license import users`.)",
    )
    .option('--keep-sessions', 'leave users signed in; what was revoked since the export would come back to life')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server import house.ndjson')
    .action(async (file: string, options: Options) => {
      const config = readConfig(ownEnvironment())
      const ring = ringOf(config)
      const keepsSessions = options.keepSessions ?? false
      const filled = await intoDatabase(config.database, async (target) => {
        const source = await openHouseFile(bytesOf(file), ring)
        const { mark } = source.outline
        const fault = mark === null ? undefined : markFault(config, mark)
        if (fault !== undefined) throw new CommandError(fault, 'A house comes with its own key ring.')
        return fillHouse(target, source, { ends: keepsSessions ? 'one_time_tokens' : 'everything', now: Date.now() })
      })
      const faults = (await examineHouse(config)).filter((check) => check.state === 'fault')
      print(options.json, { tables: filled.sums, ended: filled.ended, migrated: filled.migrated, faults }, () => [
        ...asLines(filled, keepsSessions),
        ...faults.map((check) => `${SIGNS.fault} ${check.name}: ${check.says}`),
        faults.length === 0 ? 'The house is in order.' : 'Mend that before the house is served.',
      ])
      if (faults.length > 0) process.exitCode = 1
    })
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  if (file === '-') return process.stdin
  const path = resolve(file)
  if (!existsSync(path) || !statSync(path).isFile()) throw new CommandError(`There is no file ${path}.`)
  return createReadStream(path, { highWaterMark: 256 * 1024 })
}

function asLines({ sums, ended, migrated }: Filled, keepsSessions: boolean): string[] {
  const { sessions, keys, oneTime } = ended
  return [
    `The house is in: ${totalOf(sums)} rows, each read back and the same.`,
    ...sumLines(sums),
    ...(migrated.length > 0 ? [`It was brought up to this program: ${migrated.join(', ')}.`] : []),
    keepsSessions
      ? 'Sessions were kept: sign-ins of the time of the export hold again.'
      : `Everyone must sign in again (${sessions} ${sessions === 1 ? 'session' : 'sessions'} ended).`,
    ...(keys > 0
      ? [
          `${keys} ${keys === 1 ? 'API key was' : 'API keys were'} revoked: make new ones by \`license-server key create\`.`,
        ]
      : []),
    `Unused one-time tokens no longer work (${oneTime}).`,
  ]
}
