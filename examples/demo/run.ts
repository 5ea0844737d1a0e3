// npm run demo: a house on a throw-away database, a user signed in to an application, and what is refused.
// It speaks to the server as any application would: through the client library.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BadCredentials, LicenseClient, NoAccess, NoValidToken, type Session } from 'cloudspot-license-api'
import { freePort } from '../../tools/free-port.ts'
import { revoke } from './revocation.ts'

const endsByItself = process.argv.includes('--once')
const root = fileURLToPath(new URL('../..', import.meta.url))
const house = join(root, 'examples', 'demo', 'house.json')
const email = 'anna@acme.test'
const password = 'anna rides a bicycle'

const data = mkdtempSync(join(tmpdir(), 'license-demo-'))
const port = await demoPort()
const env = {
  ...withoutSettings(process.env),
  LICENSE_DATA_DIR: data,
  LICENSE_PORT: String(port),
  LICENSE_LOG_LEVEL: 'warn',
  // Here the application runs on this machine; a server tells only addresses outside else.
  LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8',
}
let server: ChildProcess | undefined
process.on('exit', () => {
  server?.kill('SIGKILL')
  rmSync(data, { recursive: true, force: true })
})

say('A house of 3 companies, 2 applications and 8 users, from examples/demo/house.json')
say(`  ${licenseServer('seed', house)}`)
server = spawn(process.execPath, [...nodeFlags(), 'serve'], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
const url = `http://localhost:${port}`
await untilReady()
say(`The License server runs on ${url}`)

const license = new LicenseClient('crm', { baseUrl: url })
const session = await license.authenticate(email, password)
await showSession(session)
await showRevocation(session)
await showRefusals(session)
if (endsByItself) await stop()
else await goOn()

async function showSession(session: Session): Promise<void> {
  const user = await session.getUser()
  heading(`${email} signed in to CRM`)
  say(
    `  token      ${session.token.slice(0, 12)}… (${session.token.length} characters, until ${session.expiresAt?.toISOString().slice(0, 10)})`,
  )
  say(`  user       ${user.firstName} ${user.lastName}, ${user.email}, at ${user.company?.name}`)
  for (const company of session.permissions.companies) {
    say(`  ${company.name.padEnd(10)} ${company.permissions.join(', ')}`)
  }
  const [acme, globex] = session.permissions.companies
  if (!acme || !globex) throw new Error('the demo house gives her two companies')
  say(`  May she create invoices at ${acme.name}? ${answer(session.permissions.has('create_invoice', acme.id))}`)
  say(`  And at ${globex.name}? ${answer(session.permissions.has('create_invoice', globex.id))}`)
}

async function showRevocation(session: Session): Promise<void> {
  const [acme] = session.permissions.companies
  if (!acme) throw new Error('the demo house gives her a company')
  heading(`Her role Clerk at ${acme.name} is taken away, while she is signed in`)
  const { key } = JSON.parse(licenseServer('key', 'create', '--name', 'demo', '--operator', '--json'))
  const { event, ms, forgedTaken, left } = await revoke({ url, apiKey: key }, session, {
    application: 'crm',
    role: 'clerk',
    company: acme,
  })
  const { user, company, permissions, removed } = event.data
  say(`  CRM is told after ${ms} ms, signed: ${event.type}`)
  say(`    ${user.email} at ${company.name}, without ${removed.join(', ')}`)
  say(`    now ${permissions.join(', ')}`)
  say(`  The same with a forged signature is ${forgedTaken ? 'taken' : 'refused'}.`)
  say(`  May she create invoices at ${acme.name}, in the same session? ${answer(left.includes('create_invoice'))}`)
  if (forgedTaken || left.includes('create_invoice')) throw new Error('what was taken away must be gone')
}

async function showRefusals(session: Session): Promise<void> {
  heading('What is refused')
  await refused('a wrong password', BadCredentials, () => license.authenticate(email, 'not her password'))
  await refused('no company (gina)', NoAccess, () =>
    license.authenticate('gina@example.test', 'gina has no company yet'),
  )
  await refused('license ended (erin)', NoAccess, () =>
    license.authenticate('erin@initech.test', 'erin misses the stapler'),
  )
  await refused('switched off (felix)', NoAccess, () =>
    license.authenticate('felix@acme.test', 'felix left last summer'),
  )
  await session.signOut()
  await refused('a dead token', NoValidToken, () => license.session(session.token).getPermissions())
}

/** Shows the error that was wanted; anything else ends the demo. */
async function refused(
  what: string,
  wanted: new (...args: never[]) => Error,
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof wanted)) throw error
    say(`  ${what.padEnd(22)} ${error.name}: ${error.message}`)
    return
  }
  throw new Error(`${what} was not refused`)
}

async function goOn(): Promise<void> {
  heading('It keeps running; Ctrl-C stops it and throws the house away. Try:')
  say(`
  curl ${url}/api/v1/auth/authenticate/ -H 'Content-Type: application/json' -H 'X-LICENSE-MODULE: crm' \\
    -d '{"username": "${email}", "password": "${password}"}'

  // TypeScript: npm install cloudspot-license-api
  import { LicenseClient } from 'cloudspot-license-api'
  const license = new LicenseClient('crm', { baseUrl: '${url}' })
  const session = await license.authenticate('carla@globex.test', 'carla paints the fence')
  console.log(session.permissions.companies)

  # Python: pip install cloudspot-license-api
  from cloudspotlicense import config
  config.BASE_URL = '${url}/api/v1'
  from cloudspotlicense.api import CloudspotLicense_API
  api = CloudspotLicense_API('crm')
  api.authenticate('${email}', '${password}')
  print([(p.company_name, p.permissions) for p in api.permissions.items()])

  Why may somebody do what? In a second terminal, in this folder:
  LICENSE_DATA_DIR=${data} npm run license-server -- explain ${email}
`)
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const died = once(server as ChildProcess, 'exit').then(() => 'died' as const)
  if ((await Promise.race([stopped, died])) === 'died') process.exit(1)
  await stop()
}

async function stop(): Promise<void> {
  const ended = once(server as ChildProcess, 'exit')
  server?.kill('SIGTERM')
  await ended
  process.exit(0)
}

function licenseServer(...args: string[]): string {
  const done = spawnSync(process.execPath, [...nodeFlags(), ...args], { cwd: root, env, encoding: 'utf8' })
  if (done.status !== 0) {
    console.error(done.stderr)
    process.exit(1)
  }
  return done.stdout.trim()
}

function nodeFlags(): string[] {
  return ['--conditions=cloudspot-source', join(root, 'packages', 'server', 'src', 'main.ts')]
}

/** A fixed port is easier to try on; a demo that ends by itself takes any. */
async function demoPort(): Promise<number> {
  const port = endsByItself ? 0 : await freePort(8000).catch(() => 0)
  return port === 0 ? freePort() : port
}

/** Settings of the person's own server are not the demo's. */
function withoutSettings(all: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('LICENSE_')))
}

async function untilReady(): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const ready = await fetch(`${url}/readyz`).catch(() => undefined)
    if (ready?.ok) return
    if (server?.exitCode !== null) process.exit(1)
    await sleep(50)
  }
  throw new Error('the server did not become ready')
}

function answer(yes: boolean): string {
  return yes ? 'Yes.' : 'No.'
}

function heading(text: string): void {
  say(`\n${text}`)
}

function say(text: string): void {
  console.log(text)
}
