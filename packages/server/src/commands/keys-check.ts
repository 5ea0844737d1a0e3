import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import type { Database } from '../db/database.ts'
import { CommandError } from '../errors.ts'
import { examineKeys, type KeyReport } from '../keys/examine.ts'
import { ringPlace } from '../keys/house-keys.ts'
import { keyedHash } from '../keys/keyed-hash.ts'
import type { KeyRing } from '../keys/ring.ts'
import { findRing } from '../keys/ring-place.ts'
import { currentOf, outdated, things, total } from './doctor-keys.ts'
import { print, withUnprovenHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }

export function checkCommands(keys: Command): void {
  keys
    .command('list')
    .description(
      'List the keys of the ring. A fingerprint tells whether two nodes have the same key, and nothing of it.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server keys list')
    .action(list)
  keys
    .command('check')
    .description('Try everything that is sealed, and say what a wrong or lost ring costs. Changes nothing.')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server keys check\nThe exit code is 1 when something that is sealed can not be opened.',
    )
    .action((options: Options) => withUnprovenHouse((config, database) => check(config, database, options)))
}

function list(options: Options): void {
  const place = ringPlace(readConfig(ownEnvironment()))
  const ring = findRing(place)
  if (!ring) {
    throw new CommandError(
      `There is no key ring at ${place.name}. It is made at the first start; \`license-server keys check\` says whether this house had one.`,
    )
  }
  const keys = [...ring.keys].map(([id, key]) => ({
    id,
    isCurrent: id === ring.current,
    fingerprint: fingerprint({ current: id, keys: new Map([[id, key]]) }),
  }))
  print(options.json, { ring: place.name, keys }, () => {
    const rows = keys.map((key) => [key.id, key.fingerprint, key.isCurrent ? 'seals' : 'opens only'])
    return [`The key ring is ${place.name}.`, ...table(['KEY', 'FINGERPRINT', ''], rows)]
  })
}

function fingerprint(key: KeyRing): string {
  return Buffer.from(keyedHash(key, 'fingerprint', ''), 'base64url').toString('hex', 0, 6)
}

async function check(config: Config, database: Database, options: Options): Promise<void> {
  const report = await examineKeys(database.read, ringPlace(config))
  print(options.json, { ok: report.fault === undefined, ...report, fault: report.fault ?? null }, () => asLines(report))
  if (report.fault !== undefined) process.exitCode = 1
}

function asLines(report: KeyReport): string[] {
  const rows = report.keys.map((key) => [key.id, standing(key), String(total(key.sealed)), kinds(key.sealed)])
  return [
    `The key ring is ${report.ring}.`,
    ...(rows.length > 0 ? table(['KEY', 'IN THE RING', 'SEALED', ''], rows) : []),
    ...verdict(report),
  ]
}

function standing({ isInRing, isCurrent }: KeyReport['keys'][number]): string {
  if (!isInRing) return 'MISSING'
  return isCurrent ? 'yes, seals' : 'yes, opens only'
}

function kinds(sealed: Record<string, number>): string {
  return Object.entries(sealed)
    .map(([kind, count]) => `${kind}: ${count}`)
    .join(', ')
}

function verdict(report: KeyReport): string[] {
  if (report.fault !== undefined) {
    const lost = lossLines(report)
    return [...report.fault.split('\n'), ...(lost.length > 0 ? ['Until then this can not be opened:', ...lost] : [])]
  }
  const old = outdated(report)
  const rest = old > 0 ? [`${things(old)} sealed with an older key: license-server keys use ${currentOf(report)}`] : []
  return [`Everything that is sealed opens (${report.sealed}).`, ...rest]
}

/** What can't be opened, line by line, with what it costs. */
export function lossLines({ lost }: KeyReport): string[] {
  return lost.map(({ what, count, costs }) => `  ${what} (${count}): ${costs}`)
}
