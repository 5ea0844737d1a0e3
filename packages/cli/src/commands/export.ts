import type { Command } from 'commander'
import { examples, onHouse } from '../command.ts'
import { writeFileWhole } from '../write-file.ts'

export function exportCommand(program: Command): void {
  const exported = program
    .command('export')
    .argument('<file>', "to this file; '-': to standard output")
    .description(
      'Write the whole house to a file, one JSON document a line: to read, compare or load elsewhere. No backup.',
    )
    .action(
      onHouse<[file: string]>(async ({ admin, out }, [file]) => {
        await writeFileWhole(out, file, admin.export())
      }),
    )
  examples(exported, ['cloudspot-license export house.ndjson', 'cloudspot-license export - | gzip > house.ndjson.gz'])
}
