import { once } from 'node:events'
import { chmodSync, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Config, ownEnvironment, readConfig } from '../config.ts'
import { requireFile } from '../context.ts'
import { syncFile, syncFolder, whatFailed } from '../db/backup.ts'
import { openSnapshot } from '../db/house-snapshot.ts'
import { CommandError } from '../errors.ts'
import { type Written, writeHouse } from '../imports/house-export.ts'
import { fileKey } from '../imports/house-file.ts'
import type { Sums } from '../imports/house-sums.ts'
import { requireOwn, ringOf } from './moving.ts'
import { print } from './report.ts'
import { table } from './table.ts'

type Options = { force?: boolean; json?: boolean }

export function exportCommand(program: Command): void {
  program
    .command('export')
    .argument('[file]', 'the file to write, or - for standard output', '-')
    .description(
      'Write the whole house as lines of JSON, ids kept, while the server runs. `license-server import` reads it, on SQLite and on PostgreSQL. It holds password hashes: keep it as you keep the database.',
    )
    .option('--force', 'replace the file when it is there')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server export house.ndjson')
    .action(async (file: string, options: Options) => {
      const config = readConfig(ownEnvironment())
      requireFile(config)
      if (file === '-') return exportToOutput(config)
      const target = resolve(file)
      const { sums } = await exportToFile(config, target, options.force ?? false)
      print(options.json, { file: target, tables: sums }, () => [
        `The house is in ${target}: ${totalOf(sums)} rows.`,
        ...sumLines(sums),
        'It holds password hashes, and no key ring: keep both as you keep the database, and apart.',
      ])
    })
}

async function exportToOutput(config: Config): Promise<void> {
  if (process.stdout.isTTY)
    throw new CommandError(
      'The house holds password hashes, which are not for a screen: name a file, or send it on by a pipe.',
    )
  await writeAll(config, process.stdout)
}

async function exportToFile(config: Config, target: string, mayReplace: boolean): Promise<Written> {
  if (!existsSync(dirname(target))) throw new CommandError(`There is no folder ${dirname(target)}. Make it first.`)
  if (!mayReplace && existsSync(target))
    throw new CommandError(`${target} is there already. Name another file, or replace it with --force.`)
  const partial = `${target}.partial`
  try {
    // Whatever was left behind, and whoever could read that.
    rmSync(partial, { force: true })
    const out = createWriteStream(partial, { mode: 0o600, flags: 'wx' })
    await once(out, 'open')
    chmodSync(partial, 0o600)
    const written = await writeAll(config, out)
    out.end()
    await once(out, 'finish')
    syncFile(partial)
    renameSync(partial, target)
    syncFolder(dirname(target))
    return written
  } catch (error) {
    rmSync(partial, { force: true })
    if (error instanceof CommandError) throw error
    throw new CommandError(`The export failed: ${whatFailed(error)}. Nothing was left behind.`)
  }
}

async function writeAll(config: Config, out: NodeJS.WritableStream): Promise<Written> {
  const failed = once(out, 'error').then(([error]) => Promise.reject(error))
  failed.catch(() => undefined) // Met by whoever waits below.
  await using snapshot = await openSnapshot(config.database)
  requireOwn(config, await snapshot.reader.outline())
  const key = fileKey(ringOf(config))
  if (!key) throw new Error('the current key is not in the ring')
  const lines = writeHouse(snapshot.reader, { madeAt: Date.now(), key })
  for (;;) {
    const { value, done } = await lines.next()
    if (done) return value
    if (!out.write(value)) await Promise.race([once(out, 'drain'), failed])
  }
}

export function sumLines(sums: Sums): string[] {
  const filled = Object.entries(sums).filter(([, { rows }]) => rows > 0)
  return table(
    ['TABLE', 'ROWS', 'SHA-256'],
    filled.map(([name, { rows, hash }]) => [name, String(rows), hash]),
  )
}

export function totalOf(sums: Sums): number {
  return Object.values(sums).reduce((total, { rows }) => total + rows, 0)
}
