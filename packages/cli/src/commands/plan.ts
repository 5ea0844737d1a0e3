import type { Command } from 'commander'
import { examples, given, onHouse } from '../command.ts'
import { CHECK_FAILED } from '../errors.ts'
import { readManifestFile } from '../manifest-file.ts'
import { planLines } from '../plan-text.ts'

type Options = { application?: string; allowRemovals?: boolean; check?: boolean }

export function planCommand(program: Command): void {
  const plan = program
    .command('plan')
    .argument('<file>', 'a permission manifest')
    .description(
      "Tell what a manifest would change in an application's permissions and roles, for whom. Stores nothing.",
    )
    .option('--application <id>', 'whose it is, where the file does not say')
    .option('--allow-removals', 'also what is in use')
    .option('--check', `end with ${CHECK_FAILED} where something is to be done`)
    .action(
      onHouse<[file: string], Options>(async ({ admin, out }, [file], options) => {
        const { application, manifest } = readManifestFile(file, options.application)
        const wanted = { manifest, ...given({ allow_removals: options.allowRemovals }) }
        const planned = await admin.manifest.plan(application, wanted)
        out.answer(planned, () => planLines(planned, out.paint))
        const isDone = planned.changes.length === 0 && planned.refused.length === 0
        if (options.check && !isDone) process.exitCode = CHECK_FAILED
      }),
    )
  examples(plan, [
    'cloudspot-license plan permissions.json',
    'cloudspot-license plan permissions.json --application crm --check',
  ])
}
