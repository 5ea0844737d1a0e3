import { existsSync, realpathSync } from 'node:fs'
import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import { requireFile } from '../context.ts'
import type { DatabaseAddress } from '../db/database.ts'
import { openDatabase } from '../db/database.ts'
import { openSnapshot } from '../db/house-snapshot.ts'
import { requireNobodyElse } from '../db/postgres-restore.ts'
import { lockHouse } from '../db/serve-lock.ts'
import { CommandError } from '../errors.ts'
import { fillHouse } from '../imports/fill-house.ts'
import { type HouseSource, sourceOf } from '../imports/house-source.ts'
import type { Sums } from '../imports/house-sums.ts'
import { totalOf } from './export.ts'
import { intoDatabase, requireOwn } from './moving.ts'
import { print } from './report.ts'
import { table } from './table.ts'

type Moved = { source: Sums; target: Sums; migrated: string[] }

export function moveCommand(program: Command): void {
  program
    .command('move')
    .argument('<database>', 'where to: postgres://user@host/database, or sqlite:FILE; an empty one')
    .description(
      'Copy the house from its database to another one, SQLite or PostgreSQL: all of it or nothing, read back and compared. The servers must be stopped; the house that is there stays as it is.',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server move postgres://license@db.example/license\nThe password can be left out and given as PGPASSWORD.',
    )
    .action(async (url: string, options: { json?: boolean }) => {
      const env = ownEnvironment()
      const config = readConfig(env)
      const { database: address } = readConfig({
        ...env,
        LICENSE_DATABASE_URL: url,
        LICENSE_DATABASE_URL_FILE: undefined,
      })
      const moved = await move(config, address)
      print(options.json, moved, () => [
        `The house is copied: ${totalOf(moved.source)} rows, counts and hashes equal on both sides.`,
        ...bothLines(moved),
        ...(moved.migrated.length > 0
          ? [`The copy was brought up to this program: ${moved.migrated.join(', ')}.`]
          : []),
        'Set LICENSE_DATABASE_URL to the new database, leave the key ring as it is, and start the server there.',
        'What is signed in stays signed in. Do not serve the old one again: it is kept as it was, as your way back.',
      ])
    })
}

async function move(config: Config, address: DatabaseAddress): Promise<Moved> {
  requireFile(config)
  if (isSame(config.database, address)) throw new CommandError('That is the database in which the house is already.')
  // Nobody serves it meanwhile: what was written after the copy began would be lost.
  using _lock = lockHouse(config.database)
  await requireNotServed(config.database)
  await using snapshot = await openSnapshot(config.database)
  const source = await sourceOf(snapshot.reader)
  requireOwn(config, source.outline)
  let sums: Sums = {}
  const noted: HouseSource = {
    ...source,
    async end() {
      sums = await source.end()
      return sums
    },
  }
  const { sums: copied, migrated } = await intoDatabase(address, (target) =>
    fillHouse(target, noted, { ends: 'nothing', now: Date.now() }),
  )
  return { source: sums, target: copied, migrated }
}

function isSame(one: DatabaseAddress, other: DatabaseAddress): boolean {
  if (one.kind === 'postgres') return other.kind === 'postgres' && one.url === other.url
  if (other.kind === 'postgres' || !existsSync(other.file)) return false
  return realpathSync(one.file) === realpathSync(other.file)
}

async function requireNotServed(address: DatabaseAddress): Promise<void> {
  if (address.kind === 'sqlite') return // The lock says so.
  const database = openDatabase(address, { poolSize: 1, onIdleError: () => undefined, isPatient: true })
  try {
    await requireNobodyElse(database.read)
  } finally {
    await database.close()
  }
}

function bothLines({ source, target }: Moved): string[] {
  const names = Object.keys(source).filter((name) => (source[name]?.rows ?? 0) > 0)
  return table(
    ['TABLE', 'ROWS', 'SHA-256 HERE', 'ROWS', 'SHA-256 THERE'],
    names.map((name) => [name, ...[source, target].flatMap((sums) => cells(sums, name))]),
  )
}

/** The beginning of a hash is enough to look at; `--json` has all of it. */
function cells(sums: Sums, name: string): string[] {
  const sum = sums[name]
  return [String(sum?.rows ?? 0), sum?.hash.slice(0, 16) ?? '']
}
