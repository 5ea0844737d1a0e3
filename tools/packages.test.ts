// What npm publishes, as a stranger gets it: packed, installed into an empty folder, and used there.
import assert from 'node:assert/strict'
import { type ChildProcess, type ExecFileException, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { findRuntimes } from './runtimes.ts'
import { root } from './setup.mjs'

// The older releases are pinned for this platform only.
const skip = process.platform === 'linux' && process.arch === 'x64' ? false : 'needs Linux on x64'
const acme = '8e0f6f2c-5a0b-4c3e-9d55-0d6a2f1c7b01'
const globex = '8e0f6f2c-5a0b-4c3e-9d55-0d6a2f1c7b02'
const anna = { email: 'anna@acme.test', password: 'packed lunch on the pier' }
const license = { application: 'crm', from: '2026-01-01', until: null, permissions: 'all' }
const house = {
  companies: [
    { id: acme, name: 'ACME' },
    { id: globex, name: 'Globex' },
  ],
  applications: [
    {
      id: 'crm',
      name: 'CRM',
      permissions: [
        { slug: 'list_invoices', name: 'See invoices' },
        { slug: 'create_invoice', name: 'Make invoices', needs: 'list_invoices' },
      ],
    },
  ],
  licenses: [
    { company: acme, ...license },
    { company: globex, ...license },
  ],
  users: [
    {
      ...anna,
      first_name: 'Anna',
      last_name: 'Ames',
      companies: [
        { company: acme, primary: true, grants: [{ application: 'crm', permissions: ['create_invoice'] }] },
        { company: globex, grants: [{ application: 'crm', permissions: [] }] },
      ],
    },
  ],
}
const receive = `
  import { signWebhook, verifyWebhook, WebhookError } from 'cloudspot-license-api/webhooks'
  const [id, secret] = ['0199c0de-0000-7000-8000-000000000001', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']
  const body = JSON.stringify({ id, type: 'ping', timestamp: new Date().toISOString(), data: { application: 'crm' } })
  const headers = new Headers(await signWebhook(body, { id }, secret))
  const { type } = await verifyWebhook(body, headers, secret)
  const changed = await verifyWebhook(body.replace('crm', 'erp'), headers, secret).catch((error) => error)
  console.log(JSON.stringify({ type, changed: changed instanceof WebhookError && changed.code }))
`
const signIn = `
  import { LicenseClient, NoValidToken } from 'cloudspot-license-api'
  const [baseUrl, email, password] = process.argv.slice(2)
  const license = new LicenseClient('crm', { baseUrl })
  const session = await license.authenticate(email, password)
  const { firstName, company } = await session.getUser()
  const dead = await license.session('clt_' + 'x'.repeat(50)).getPermissions().catch((error) => error)
  console.log(JSON.stringify({
    node: process.versions.node.split('.')[0],
    firstName,
    company: company.name,
    acme: session.permissions.has('create_invoice', '${acme}'),
    globex: session.permissions.has('create_invoice', '${globex}'),
    dead: dead instanceof NoValidToken,
  }))
`

const manage = `
  import { LicenseAdmin, Refused } from 'cloudspot-license-api/admin'
  const [baseUrl, apiKey] = process.argv.slice(2)
  const admin = new LicenseAdmin({ baseUrl, apiKey })
  const { power } = await admin.whoami()
  const emails = []
  for await (const { email } of admin.users.list({ q: 'an' })) emails.push(email)
  const none = await admin.users.get('${globex}').catch((error) => error)
  console.log(JSON.stringify({ power, emails, refused: none instanceof Refused && none.code }))
`

const folder = mkdtempSync(join(tmpdir(), 'license-packages-'))
const command = join(folder, 'node_modules', '.bin', 'license-server')
const cli = join(folder, 'node_modules', '.bin', 'cloudspot-license')
let server: ChildProcess | undefined
let apiKey = ''
let baseUrl = ''
let log = ''

before(async () => {
  await succeed(process.execPath, [join(root, 'tools/build.ts')], root)
  const packages = ['client', 'server', 'cli'].map((name) => `./packages/${name}`)
  await succeed('npm', ['pack', ...packages, '--pack-destination', folder], root)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  const quick = ['--prefer-offline', '--no-audit', '--no-fund']
  await succeed('npm', ['install', ...quick, ...tarballs.map((name) => `./${name}`)], folder)

  writeFileSync(join(folder, 'sign-in.mjs'), signIn)
  writeFileSync(join(folder, 'manage.mjs'), manage)
  writeFileSync(join(folder, 'house.json'), JSON.stringify(house))
  writeFileSync(join(folder, 'users.csv'), `email,first_name\n${anna.email},Anna\nbert@acme.test,Bert\n`)
  await succeed(command, ['seed', 'house.json'], folder)
  apiKey = JSON.parse(await succeed(command, ['key', 'create', '--name', 'setup', '--operator', '--json'], folder)).key
  const port = await freePort()
  baseUrl = `http://127.0.0.1:${port}`
  server = spawn(command, ['serve'], { cwd: folder, env: environment({ LICENSE_PORT: String(port) }) })
  for (const output of [server.stdout, server.stderr]) output?.on('data', (chunk) => (log += chunk))
  await ready(server)
})

after(async () => {
  if (server?.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit')
  rmSync(folder, { recursive: true, force: true })
})

test('the packed packages sign a user in on the Node that is pinned here', async () => {
  assert.deepEqual(await signInOn(process.execPath), expected('26'))
})

test('the packed client manages the house on the Node that is pinned here', async () => {
  assert.deepEqual(await manageOn(process.execPath), managed)
})

for (const major of ['20', '24']) {
  test(`the packed client signs a user in on Node ${major}`, { skip }, async () => {
    assert.deepEqual(await signInOn(await runtime(major)), expected(major))
  })

  test(`the packed client manages the house on Node ${major}`, { skip }, async () => {
    assert.deepEqual(await manageOn(await runtime(major)), managed)
  })
}

test('the server command says in one sentence that Node 20 is too old', { skip }, async () => {
  const node = await runtime('20')
  const { code, stdout, stderr } = await run(node, [command, 'serve'], folder)
  const { engines } = JSON.parse(readFileSync(join(root, 'packages/server/package.json'), 'utf8'))
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^license-server needs Node [\d.]+ or newer; this is Node 20\.[^\n]+\.\n$/)
  assert.ok(stderr.includes(`Node ${engines.node.replace('>=', '')} or newer`))
  assert.ok(stderr.includes(node))
})

test("the packed server has the API's description and the pages for people", async () => {
  for (const [path, type] of [
    ['/api/v1/openapi.json', 'application/json'],
    ['/docs/', 'text/html'],
    ['/docs/docs.js', 'text/javascript'],
    ['/docs/docs.css', 'text/css'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript'],
    ['/docs/swagger-ui.css', 'text/css'],
    ['/docs/favicon.png', 'image/png'],
  ] as const) {
    const { status, headers } = await fetch(baseUrl + path)
    assert.deepEqual([status, headers.get('content-type')?.split(';')[0]], [200, type], path)
  }
})

test('the packed command line manages the packed server', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'))
  assert.equal(await succeed(cli, ['--version'], folder), `${version}\n`)
  const settings = { LICENSE_SERVER: baseUrl, LICENSE_API_KEY: apiKey }
  const ask = async (...args: string[]) => JSON.parse(await succeed(cli, [...args, '--json'], folder, settings))
  assert.equal((await ask('whoami')).power, 'operator')
  assert.equal((await ask('explain', anna.email, 'ACME', 'crm', 'create_invoice')).allowed, true)
  assert.equal((await ask('explain', anna.email, 'Globex', 'crm', 'create_invoice')).allowed, false)
  const users = await ask('import', 'users', 'users.csv')
  assert.deepEqual([users.created, users.existing], [1, 1])
})

test('the command line says in one sentence that Node 20 is too old', { skip }, async () => {
  const node = await runtime('20')
  const { code, stdout, stderr } = await run(node, [cli, 'whoami'], folder)
  const { engines } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'))
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^cloudspot-license needs Node [\d.]+ or newer; this is Node 20\.[^\n]+\.\n$/)
  assert.ok(stderr.includes(`Node ${engines.node.replace('>=', '')} or newer`))
})

test('the packed client checks events, on every Node that it is for', { skip }, async () => {
  writeFileSync(join(folder, 'receive.mjs'), receive)
  for (const node of [await runtime('20'), await runtime('24'), process.execPath]) {
    const told = JSON.parse(await succeed(node, ['receive.mjs'], folder))
    assert.deepEqual(told, { type: 'ping', changed: 'signature_wrong' })
  }
})

test('the packed server ends by itself when it is asked to', async () => {
  assert.ok(server)
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

async function signInOn(node: string): Promise<unknown> {
  return JSON.parse(await succeed(node, ['sign-in.mjs', baseUrl, anna.email, anna.password], folder))
}

async function manageOn(node: string): Promise<unknown> {
  return JSON.parse(await succeed(node, ['manage.mjs', baseUrl, apiKey], folder))
}

const managed = { power: 'operator', emails: [anna.email], refused: 'not_found' }

function expected(node: string) {
  return { node, firstName: 'Anna', company: 'ACME', acme: true, globex: false, dead: true }
}

async function runtime(major: string): Promise<string> {
  const path = (await findRuntimes()).get(`node-${major}`)
  assert.ok(path)
  return path
}

async function ready(server: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(50)) {
    if (server.exitCode !== null) break
    const answer = await fetch(`${baseUrl}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
  }
  assert.fail(`The packed server did not get ready:\n${log}`)
}

async function succeed(file: string, args: string[], cwd: string, settings?: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, cwd, settings)
  assert.equal(code, 0, `${file} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  return stdout
}

function run(file: string, args: string[], cwd: string, settings?: Record<string, string>) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const told = (error: ExecFileException | null, stdout: string, stderr: string) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr })
    execFile(file, args, { cwd, env: environment(settings) }, told)
  })
}

/** Ours, without the settings of a License server that a developer may have; `node` is the one that runs this. */
function environment(settings: Record<string, string> = {}) {
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('LICENSE_') && name !== 'NODE_OPTIONS')
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
  return { ...Object.fromEntries(ours), PATH: path, LICENSE_DATA_DIR: join(folder, 'data'), ...settings }
}
