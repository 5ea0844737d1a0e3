import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as everything from 'cloudspot-license-api'
import { LicenseClient, LicenseError } from 'cloudspot-license-api'
import * as admin from 'cloudspot-license-api/admin'
import * as webhooks from 'cloudspot-license-api/webhooks'

const entry = fileURLToPath(import.meta.resolve('cloudspot-license-api'))
const adminEntry = fileURLToPath(import.meta.resolve('cloudspot-license-api/admin'))
const webhooksEntry = fileURLToPath(import.meta.resolve('cloudspot-license-api/webhooks'))
const source = dirname(entry)
const folder = dirname(source)
const readme = readFileSync(join(folder, 'README.md'), 'utf8')
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
const pythonPage = join(folder, '../../docs/python-to-typescript.md')

/** What the examples take for granted. */
const GIVEN = `
declare module 'express'
declare module 'fastify'
declare const LicenseError: typeof import('cloudspot-license-api').LicenseError
declare const LicenseClient: typeof import('cloudspot-license-api').LicenseClient
declare const CloudspotLicenseAPI: typeof import('cloudspot-license-api').CloudspotLicenseAPI
declare const license: import('cloudspot-license-api').LicenseClient
declare const session: import('cloudspot-license-api').Session
declare const LicenseAdmin: typeof import('cloudspot-license-api/admin').LicenseAdmin
declare const Refused: typeof import('cloudspot-license-api/admin').Refused
declare const admin: import('cloudspot-license-api/admin').LicenseAdmin
declare const apiKey: string
declare const email: string, password: string, token: string, oneTimeToken: string, companyId: string
`

/** The package's own files whose name is such, with the folder that they are in. */
function sources(name: RegExp): string[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => name.test(file))
}

function examples(): string[] {
  const texts = [readme]
  if (existsSync(pythonPage)) texts.push(readFileSync(pythonPage, 'utf8'))
  for (const file of sources(/\.ts$/)) texts.push(readFileSync(join(source, file), 'utf8').replace(/^ *\* ?/gm, ''))
  return texts.flatMap((text) => [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] ?? ''))
}

test('every example of the pages and of the code compiles', async (t) => {
  const blocks = examples()
  assert.ok(blocks.length >= 18)
  const room = await mkdtemp(join(tmpdir(), 'license-examples-'))
  t.after(() => rm(room, { recursive: true, force: true }))
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
  await writeFile(join(room, 'given.d.ts'), GIVEN)
  for (const [index, block] of blocks.entries()) await writeFile(join(room, `${index}.ts`), `${block}\nexport {}\n`)
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023', 'dom', 'dom.iterable'],
    module: 'esnext',
    moduleResolution: 'bundler',
    strict: true,
    // The frameworks of the examples are not installed here, so their callbacks have no types.
    noImplicitAny: false,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    typeRoots: [join(typescript, '../@types')],
    paths: {
      'cloudspot-license-api': [entry.replace(/\.js$/, '.d.ts')],
      'cloudspot-license-api/admin': [adminEntry.replace(/\.js$/, '.d.ts')],
      'cloudspot-license-api/webhooks': [webhooksEntry.replace(/\.js$/, '.d.ts')],
    },
  }
  await writeFile(join(room, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  const told = await promisify(execFile)(process.execPath, [join(typescript, 'bin/tsc'), '-p', room]).catch((e) => e)
  assert.equal(told.stdout, '')
  assert.ok(!(told instanceof Error), String(told))
})

test('the table of errors has every class, and no other', () => {
  const kinds = Object.entries({ ...everything, ...admin, ...webhooks })
    .filter(([, value]) => value === LicenseError || Object.getPrototypeOf(value) === LicenseError)
    .map(([name]) => name)
  const table = readme.split('## Errors')[1]?.split('## ')[0] ?? ''
  assert.deepEqual([...table.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]).sort(), kinds.sort())
})

test('the client names itself by the name and version of its package', async () => {
  let named: string | null = null
  const license = new LicenseClient('crm', {
    testMode: true,
    async fetch(_url, init) {
      named = new Headers(init.headers).get('X-LICENSE-CLIENT')
      return Response.json({ permissions: [] })
    },
  })
  await license.session('clt_1').getPermissions({ allowEmpty: true })
  assert.equal(named, `${manifest.name}/${manifest.version}`)
})

test('the package has no dependencies and nothing of Node: only its own files and what every platform has', () => {
  assert.equal(manifest.dependencies, undefined)
  const files = sources(/(?<!\.d)\.[jt]s$/)
  assert.ok(files.length > 30)
  for (const file of files) {
    const code = readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    for (const [, from] of code.matchAll(/(?<![:/])\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g))
      assert.match(from ?? '', /^\.\.?\//, file)
    assert.doesNotMatch(code, /\b(?:process|Buffer|require|__dirname|setImmediate|global)\b(?!')/, file)
  }
})
