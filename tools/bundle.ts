// The server as npm gets it: its own modules, and those of its libraries that come in hundreds of files, in a few.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RolldownOutput, rolldown } from 'rolldown'
import { root } from './setup.mjs'

const server = join(root, 'packages/server')

/** Writes the JavaScript of the server to `folder`, which is emptied first, with the licenses of what is in it. */
export async function bundleServer(folder: string): Promise<void> {
  const { dependencies } = JSON.parse(readFileSync(join(server, 'package.json'), 'utf8'))
  const installed = Object.keys(dependencies)
  await using bundle = await rolldown({
    input: {
      main: join(server, 'src/main.ts'),
      // sqlite-reader.ts starts it from beside itself.
      'sqlite-reader-thread': join(server, 'src/db/sqlite-reader-thread.ts'),
      // So does export-stream.ts with this one.
      'export-thread': join(server, 'src/imports/export-thread.ts'),
    },
    platform: 'node',
    external: (id) => id.startsWith('node:') || installed.some((name) => id === name || id.startsWith(`${name}/`)),
  })
  rmSync(folder, { recursive: true, force: true })
  const { output } = await bundle.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'LICENSES'), licensesOf(output))
  copySwaggerUi(join(folder, 'swagger-ui'))
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
