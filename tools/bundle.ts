// The server as npm gets it: its own modules, and those of its libraries that come in hundreds of files, in a few.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RolldownOutput, rolldown } from 'rolldown'
import { root } from './setup.mjs'

const server = join(root, 'packages/server')
const cli = join(root, 'packages/cli')
const serverModules = {
  main: join(server, 'src/main.ts'),
  // sqlite-reader.ts starts it from beside itself.
  'sqlite-reader-thread': join(server, 'src/db/sqlite-reader-thread.ts'),
  // So does export-stream.ts with this one.
  'export-thread': join(server, 'src/imports/export-thread.ts'),
}

/** Writes the JavaScript of the server to `folder`, which is emptied first, with the licenses of what is in it. */
export async function bundleServer(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  const output = await bundle(server, serverModules, folder, '[name]-[hash].js')
  writeFileSync(join(folder, 'LICENSES'), licensesOf(output))
  copySwaggerUi(join(folder, 'swagger-ui'))
}

/**
 * Both programs as the tests start them, hundreds of times: finding and reading the modules of the source takes longer than most
 * commands do. Beside the source, where they find what the source finds, and always under the same names.
 */
export async function bundleForTests(): Promise<{ server: string; cli: string }> {
  const [serverFolder, cliFolder] = [join(server, '.cache/programs'), join(cli, '.cache/programs')]
  await Promise.all([
    bundle(server, serverModules, serverFolder, '[name].js'),
    bundle(cli, { main: join(cli, 'src/main.ts') }, cliFolder, '[name].js'),
  ])
  return { server: join(serverFolder, 'main.js'), cli: join(cliFolder, 'main.js') }
}

async function bundle(
  of: string,
  input: Record<string, string>,
  folder: string,
  chunkFileNames: string,
): Promise<RolldownOutput['output']> {
  const { dependencies } = JSON.parse(readFileSync(join(of, 'package.json'), 'utf8'))
  const installed = Object.keys(dependencies).filter((name) => !name.startsWith('cloudspot-'))
  await using bundle = await rolldown({
    input,
    platform: 'node',
    // Our own packages from their source.
    resolve: { conditionNames: ['cloudspot-source', 'import', 'node'] },
    external: (id) => id.startsWith('node:') || installed.some((name) => id === name || id.startsWith(`${name}/`)),
  })
  mkdirSync(folder, { recursive: true })
  const { output } = await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].js', chunkFileNames })
  return output
}

/** What `/docs` is shown with (package.json, `imports`). Its parts' licenses are in a file that its script names. */
function copySwaggerUi(folder: string): void {
  const from = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')))
  mkdirSync(folder, { recursive: true })
  for (const name of [
    'swagger-ui-bundle.js',
    'swagger-ui.css',
    'favicon-32x32.png',
    'swagger-ui-bundle.js.LICENSE.txt',
    'LICENSE',
    'NOTICE',
  ])
    copyFileSync(join(from, name), join(folder, name))
}

function licensesOf(output: RolldownOutput['output']): string {
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
  const packages = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? [])
  return [...new Set(packages)]
    .sort()
    .map((folder) => {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const file = readdirSync(folder).find((each) => /^licen[sc]e/i.test(each))
      if (!file) throw new Error(`${name} ${version} has no license file to hand on.`)
      return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
    })
    .join('\n---\n\n')
}

if (import.meta.main) await bundleServer(join(server, 'dist'))
