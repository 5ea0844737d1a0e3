import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { examples, onHouse, wrongUse } from '../command.ts'
import { CHECK_FAILED } from '../errors.ts'
import { slugsFile } from '../slugs-file.ts'

export function typesCommand(program: Command): void {
  const types = program
    .command('types')
    .argument('<application>', 'id')
    .description(
      "Write an application's slugs as a .d.ts, so that LicenseClient<Slugs> makes a mistyped one fail to compile.",
    )
    .option('--out <file>', 'to this file; to standard output without')
    .option('--check', `write nothing, and end with ${CHECK_FAILED} where the file is not what it would be`)
    .action(
      onHouse<[application: string], { out?: string; check?: boolean }>(async ({ admin, out }, [id], options) => {
        if (options.check && options.out === undefined) wrongUse('--check compares with a file: name it with --out.')
        const [application, permissions] = await Promise.all([
          admin.applications.get(id),
          admin.permissions.list({ application: id }).toArray(),
        ])
        const text = slugsFile(application, permissions)
        const told = { application: id, slugs: permissions.map(({ slug }) => slug), file: options.out ?? null }
        if (options.out === undefined) {
          if (out.isJson) out.answer({ ...told, text }, () => [])
          else out.raw(text)
          return
        }
        const isSame = readIfThere(options.out) === text
        if (options.check) {
          out.answer({ ...told, current: isSame }, () => [
            isSame
              ? `${options.out} has the permissions of ${application.name}.`
              : `${options.out} differs from the permissions of ${application.name}: cloudspot-license types ${id} --out ${options.out}`,
          ])
          if (!isSame) process.exitCode = CHECK_FAILED
          return
        }
        // What did not change is not touched: a build that watches it stays quiet.
        if (!isSame) writeFileSync(options.out, text)
        out.answer({ ...told, current: true }, () => [
          `${options.out} has the ${permissions.length} permissions of ${application.name}.`,
        ])
      }),
    )
  examples(types, [
    'cloudspot-license types crm --out src/license-slugs.d.ts',
    'cloudspot-license types crm --out src/license-slugs.d.ts --check',
  ])
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined // As node:fs throws.
    throw error
  }
}
