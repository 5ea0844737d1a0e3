// The older releases of Node in tools/runtimes: installed apart from the workspaces, and only for the tests that need them.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './setup.mjs'

const folder = join(root, 'tools', 'runtimes')
const run = promisify(execFile)

/** `node-20` and `node-24`, each with the path of its program; installs them when they are missing. */
export async function findRuntimes(): Promise<Map<string, string>> {
  const { optionalDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const wanted = Object.entries<string>(optionalDependencies).map(([name, alias]) => ({
    name,
    version: `v${alias.split('@').at(-1)}`,
    path: join(folder, 'node_modules', name, 'bin', 'node'),
  }))
  const areThere = () => Promise.all(wanted.map(async ({ path, version }) => (await versionOf(path)) === version))
  if (!(await areThere()).every(Boolean)) {
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
    // npm says nothing when an optional package failed to install.
    if (!(await areThere()).every(Boolean)) throw new Error(`npm ci in ${folder} did not install all of its packages.`)
  }
  return new Map(wanted.map(({ name, path }) => [name, path]))
}

async function versionOf(path: string): Promise<string | undefined> {
  return run(path, ['--version']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
}
