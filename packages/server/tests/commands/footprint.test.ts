// O6: what the program writes lies in the data folder, and is its owner's alone, whatever the shell's umask says.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../../../tools/free-port.ts'
import { call, signIn } from '../support/calls.ts'
import { ACME, ANNA, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { SERVER_PROGRAM } from '../support/programs.ts'
import { databases, newDatabase } from '../support/server.ts'
import { skipTools, startTooledPostgres, toolPath } from '../support/tooled-postgres.ts'

/** What each command is run with, in this order, beside the server or without it. One that has no line here fails the test. */
const BESIDE: [args: string[], input?: string][] = [
  [['seed', 'house.json']],
  [['explain', ANNA]],
  [['token', 'list']],
  [['token', 'revoke', '--user', ANNA]],
  [['user', 'list']],
  [['user', 'disable', 'carla@globex.test']],
  [['user', 'set-password', ANNA], `${PASSWORD} once more\n`],
  [['member', 'take-seat', ANNA, '--company', 'ACME', '--application', 'shop']],
  [['throttle', 'list']],
  [['upstream', 'status']],
  [['key', 'create', '--name', 'one', '--operator']],
  [['key', 'list']],
  [['audit', 'verify']],
  [['audit', 'anchor']],
  [['application', 'secret', 'crm']],
  [['application', 'list']],
  [['impersonate', ANNA, '--company', ACME, '--application', 'vault', '--reason', 'test']],
  [['backup', '../backups/house.backup']],
  [['backup', '--check', '../backups/house.backup']],
  [['backup', '../backups/house.backup', '--force']],
  [['export', '../backups/house.ndjson']],
  [['export', '../backups/house.ndjson', '--force']],
  [['keys', 'list']],
  [['keys', 'check']],
  [['keys', 'rotate']],
  [['doctor']],
]
const STOPPED: [args: string[]][] = [
  [['migrate']],
  [['restore', '../backups/house.backup']],
  [['move', 'sqlite:../data/moved.db']],
  [['doctor']],
]
/** Into a database without a house, on the same key ring. */
const EMPTY: [args: string[]][] = [[['import', '../backups/house.ndjson']]]

type Place = { root: string; env: Record<string, string> } & Disposable

/** A folder each for the home, for what is temporary, to stand in, and for backups; the data folder is not made yet. */
function makePlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'license-footprint-'))
  for (const name of ['home', 'tmp', 'cwd', 'backups']) mkdirSync(join(root, name))
  writeFileSync(join(root, 'cwd', 'house.json'), JSON.stringify(SMALL_HOUSE))
  const env = {
    PATH: toolPath.PATH,
    HOME: join(root, 'home'),
    TMPDIR: join(root, 'tmp'),
    SQLITE_TMPDIR: join(root, 'tmp'),
    LICENSE_DATA_DIR: join(root, 'data'),
    LICENSE_PORT: '0',
  }
  return { root, env, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}

/** Everything below a folder: what it is, and when it was last written to. */
function tree(root: string): Map<string, { mode: number; isFolder: boolean; written: number }> {
  const found = new Map<string, { mode: number; isFolder: boolean; written: number }>()
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const stat = lstatSync(join(root, name), { throwIfNoEntry: false })
    // SQLite's files beside the database come and go while we look.
    if (stat) found.set(name, { mode: stat.mode & 0o777, isFolder: stat.isDirectory(), written: stat.mtimeMs })
  }
  return found
}

/** Whatever is new or changed: allowed in the data folder and as the backup that was asked for, closed to others. */
function requireClosed(root: string, before: ReturnType<typeof tree>, after: string): void {
  for (const [name, { mode, isFolder, written }] of tree(root)) {
    const known = before.get(name)
    // A folder's own time changes with what is in it, which is looked at by itself.
    if (known && (isFolder || known.written === written) && known.mode === mode) continue
    assert.match(name, /^(data(\/.*)?|backups\/house\.(backup|ndjson))$/, `${name}, after ${after}`)
    assert.equal(mode.toString(8), isFolder ? '700' : '600', `${name}, after ${after}`)
  }
}

/** As a careless shell starts it: new files would be everybody's to read and write. */
function start({ root, env }: Place, args: readonly string[]) {
  const node = [process.execPath, '--conditions=cloudspot-source', SERVER_PROGRAM]
  return spawn('sh', ['-c', 'umask 000; exec "$@"', 'sh', ...node, ...args], { cwd: join(root, 'cwd'), env })
}

async function run(place: Place, args: readonly string[], input = ''): Promise<void> {
  const child = start(place, args)
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
}

async function commandNames(place: Place): Promise<string[]> {
  const help = await text(start(place, ['--help']).stdout)
  const [, list = ''] = help.split('Commands:')
  return [...list.matchAll(/^ {2}(\w[\w-]*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help')
}

const skip = process.platform === 'win32' ? 'Windows has no such rights' : false

for (const database of databases) {
  test(`only the data folder is written, and nobody else may read it (${database})`, { skip }, async () => {
    using place = makePlace()
    const { root } = place
    const before = tree(root)
    // With the tools of the same version a backup is made here, too.
    await using cluster = database === 'postgres' && !skipTools ? await startTooledPostgres() : undefined
    if (database === 'postgres')
      place.env.LICENSE_DATABASE_URL = (await cluster?.createDatabase('house')) ?? (await newDatabase())
    const runs = database === 'postgres' && !cluster ? BESIDE.filter(([[name]]) => name !== 'backup') : BESIDE
    const stopped = database === 'postgres' && !cluster ? STOPPED.filter(([[name]]) => name !== 'restore') : STOPPED
    const covered = new Set([...BESIDE, ...STOPPED, ...EMPTY].map(([[name]]) => name))
    assert.deepEqual(
      (await commandNames(place)).filter((name) => name !== 'serve' && !covered.has(name)),
      [],
      'a command without a line in BESIDE, STOPPED or EMPTY',
    )

    const port = await freePort()
    place.env.LICENSE_PORT = String(port)
    const server = start(place, ['serve'])
    server.stdout.resume()
    server.stderr.resume()
    const ended = new Promise((resolve) => server.once('close', resolve))
    try {
      const url = `http://127.0.0.1:${port}`
      while ((await fetch(`${url}/readyz`).catch(() => undefined))?.status !== 200) await sleep(50)
      requireClosed(root, before, 'serve')
      for (const [args, input] of runs) {
        await run(place, args, input)
        requireClosed(root, before, args.join(' '))
        if (args[0] === 'seed') {
          const { body } = await signIn({ url }, ANNA, PASSWORD)
          assert.equal((await call({ url }, 'GET get-permissions/', { token: body.token })).status, 200)
          assert.equal((await call({ url }, 'POST sign-out/', { token: body.token })).status, 200)
          assert.equal((await signIn({ url }, ANNA, 'not her password')).status, 401)
          requireClosed(root, before, 'sign-ins')
        }
      }
    } finally {
      server.kill('SIGTERM')
      await ended
    }
    requireClosed(root, before, 'the end of serve')
    for (const [args] of stopped) {
      await run(place, args)
      requireClosed(root, before, args.join(' '))
    }
    place.env.LICENSE_DATABASE_URL = database === 'postgres' ? await newDatabase() : 'sqlite:../data/imported.db'
    for (const [args] of EMPTY) {
      await run(place, args)
      requireClosed(root, before, args.join(' '))
    }
    assert.ok(tree(root).has(join('data', 'keys.json')))
    for (const name of ['home', 'tmp']) assert.deepEqual(readdirSync(join(root, name)), [], relative(root, name))
  })
}

test('the test would see a file that others can read, and one outside of the data folder', { skip }, () => {
  using place = makePlace()
  const before = tree(place.root)
  mkdirSync(join(place.root, 'data'), { mode: 0o700 })
  requireClosed(place.root, before, 'nothing')
  writeFileSync(join(place.root, 'data', 'open'), '', { mode: 0o644 })
  assert.throws(() => requireClosed(place.root, before, 'a file for all'))
  rmSync(join(place.root, 'data', 'open'))
  writeFileSync(join(place.root, 'tmp', 'closed'), '', { mode: 0o600 })
  assert.throws(() => requireClosed(place.root, before, 'a file elsewhere'))
})
