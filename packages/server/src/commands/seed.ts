import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { CommandError } from '../errors.ts'
import { readHouse } from '../imports/read-house.ts'
import { seedHouse } from '../imports/seed.ts'
import type { Counts } from '../imports/seeding.ts'
import { print, withHouse } from './report.ts'

export function seedCommand(program: Command): void {
  program
    .command('seed')
    .argument('<file>', 'a house file (JSON), or - for standard input')
    .description(
      'Load a house file, or more of one. Makes the database when there is none; running it twice changes nothing.',
    )
    .option('--take-up-deleted', 'give addresses of deleted users to the new users of this file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server seed house.json\n  Added 3 companies, 2 applications, 8 users.',
    )
    .action(async (file: string, options: { takeUpDeleted?: boolean; json?: boolean }) => {
      const house = readHouse(await readText(file))
      const counts = await withHouse(
        (ctx) => seedHouse(ctx, house, { takesUpDeleted: options.takeUpDeleted ?? false }),
        { migrates: 'when_empty', isPatient: true },
      )
      print(options.json, counts, () => summary(counts))
    })
}

async function readText(file: string): Promise<string> {
  if (file === '-') return text(process.stdin)
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} can't be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}

function summary(counts: Counts): string[] {
  const list = (what: 'added' | 'changed') =>
    Object.entries(counts)
      .filter(([, each]) => each[what] > 0)
      .map(([kind, each]) => `${each[what]} ${each[what] === 1 ? singular(kind) : kind}`)
      .join(', ')
  const lines = []
  if (list('added')) lines.push(`Added ${list('added')}.`)
  if (list('changed')) lines.push(`Changed ${list('changed')}.`)
  return lines.length > 0 ? lines : ['Nothing to do: the house has all of this already.']
}

function singular(kind: string): string {
  return kind.replace(/ies$/, 'y').replace(/s$/, '')
}
