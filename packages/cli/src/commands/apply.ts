import type { Command } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, onHouse } from '../command.ts'
import { CommandError } from '../errors.ts'
import { readManifestFile } from '../manifest-file.ts'
import { planLines } from '../plan-text.ts'

type Options = { application?: string; allowRemovals?: boolean }

export function applyCommand(program: Command): void {
  const apply = program
    .command('apply')
    .argument('<file>', 'a permission manifest')
    .description(
      "Make an application's permissions and roles what a manifest says. Shows the plan, asks, and does exactly that.",
    )
    .option('--application <id>', 'whose it is, where the file does not say')
    .option('--allow-removals', 'also remove what is in use, from everybody who has it')
    .action(
      onHouse<[file: string], Options>(async ({ admin, out }, [file], options) => {
        const { application, manifest } = readManifestFile(file, options.application)
        const wanted = { manifest, ...given({ allow_removals: options.allowRemovals }) }
        const plan = await admin.manifest.plan(application, wanted)
        if (!out.isJson) out.lines(planLines(plan, out.paint))
        if (plan.refused.length > 0) {
          if (out.isJson) out.answer({ ...plan, applied: false }, () => [])
          throw new CommandError('Nothing was changed.')
        }
        if (plan.changes.length === 0) {
          if (out.isJson) out.answer({ ...plan, applied: false }, () => [])
          return
        }
        await requireYes(options, `Apply this to ${application}?`)
        // In the state that the plan was made of: what changed meanwhile refuses it.
        const done = await admin.manifest.apply(application, wanted, { ifMatch: plan.etag })
        out.answer({ ...done, applied: true }, () => ['', `Done: ${counted(done.changes.length)} in force.`])
      }),
    )
  examples(apply, [
    'cloudspot-license apply permissions.json',
    'cloudspot-license apply permissions.json --application crm --allow-removals --yes',
  ])
}

function counted(changes: number): string {
  return changes === 1 ? '1 change is' : `${changes} changes are`
}
