// The declaration file makes a mistyped slug fail to compile, and a check in CI finds one that is out of date.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../tools/setup.mjs'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { slugsFile } from '../src/slugs-file.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const folder = makeFolder()

/** What the compiler says of a program beside the declaration file. */
function compile(name: string, program: string): string {
  const file = folder.file(`${name}.ts`, program)
  const config = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2023',
      lib: ['es2024', 'esnext.disposable', 'dom'],
      types: [],
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: true,
      paths: { 'cloudspot-license-api': [join(root, 'packages/client/src/index.ts')] },
    },
    files: [file],
  }
  const project = folder.file(`${name}.json`, JSON.stringify(config))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  return spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' }).stdout
}

test('a mistyped slug does not compile, and a right one does', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const file = join(folder.path, 'license-slugs.d.ts')
  assert.match(await cli.text(['types', 'crm', '--out', file]), /has the 8 permissions of CRM/)
  folder.file('package.json', '{ "type": "module" }')
  const program = (slug: string) => `
    import type { LicenseClient } from 'cloudspot-license-api'
    import type { Deprecated, Slugs } from './license-slugs.js'
    export async function may(license: LicenseClient<Slugs>): Promise<boolean> {
      const session = await license.authenticate('anna@acme.test', 'a password')
      return session.permissions.has('${slug}', 'acme-id')
    }
    export type Lasting = LicenseClient<Exclude<Slugs, Deprecated>>
  `
  assert.equal(compile('right', program('create_invoice')), '')
  assert.match(
    compile('wrong', program('create_invoces')),
    /error TS2345: Argument of type '"create_invoces"' is not assignable/,
  )
})

test('--check writes nothing, and ends with 3 where the file is another', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const file = join(folder.path, 'checked.d.ts')
  const check = ['types', 'crm', '--out', file, '--check']
  assert.equal((await cli.run(check)).code, 3)
  assert.ok(!existsSync(file))
  await cli.text(['types', 'crm', '--out', file])
  assert.equal(readFileSync(file, 'utf8'), await cli.text(['types', 'crm']))
  assert.equal((await cli.json(check)).current, true)
  const { mtimeMs } = statSync(file)
  await cli.text(['types', 'crm', '--out', file])
  assert.equal(statSync(file).mtimeMs, mtimeMs, 'what is the same is not written again')
  const older = readFileSync(file, 'utf8').replace(/ {2}\/\*\* Approve.*\n.*\n/, '')
  writeFileSync(file, older)
  const { code, stdout } = await cli.run(check)
  assert.deepEqual(
    [code, /differs from the permissions of CRM: cloudspot-license types crm --out/.test(stdout)],
    [3, true],
  )
  assert.equal(readFileSync(file, 'utf8'), older)
})

test('nothing that somebody wrote into a name gets out of its comment', () => {
  const permission = { name: '', description: '', needs: null, operator_only: false, deprecated: false }
  const text = slugsFile({ id: 'crm', name: 'C */ export const owned = 1 /*\u2028RM' }, [
    { ...permission, slug: 'b', name: 'Ends */ here\n}', deprecated: true },
    { ...permission, slug: 'a.b:c-d', needs: 'b', operator_only: true, description: 'Says' },
  ])
  writeFileSync(join(folder.path, 'hostile.d.ts'), text)
  const program = `
    import type { Deprecated, Slugs } from './hostile.js'
    export const all: Record<Slugs, 1> = { b: 1, 'a.b:c-d': 1 }
    export const going: Deprecated = 'b'
  `
  folder.file('package.json', '{ "type": "module" }')
  assert.equal(compile('beside', program), '')
  assert.doesNotMatch(text, /\*\/ export|\*\/ here/)
  assert.match(text, /\/\*\* Says\. Needs b\. Only operators give it\. \*\/\n {2}"a\.b:c-d": true\n/)
  assert.match(text, /@deprecated \*\/\n {2}"b": true/)
  assert.match(text, /export type Deprecated = "b"\n/)
})
